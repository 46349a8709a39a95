import { expect } from 'chai';

import { cassandraState, kafkaBrokers } from '../support/stack/probes.ts';
import { joinStack } from '../support/stack/shared-stack.ts';
import type { Stack } from '../support/stack/stack.ts';

describe('the servers in containers', () => {
  let stack: Stack;

  before(async () => {
    stack = await joinStack();
  });

  after(() => stack[Symbol.asyncDispose]());

  it('come from a container engine', () => {
    expect(stack.sources).to.include({ kafka: 'containers', cassandra: 'containers' });
  });

  it('come back on the same addresses after a kill', async () => {
    await Promise.all([stack.kafka.kill('SIGKILL'), stack.cassandra.kill('SIGKILL')]);
    const whileDown = await kafkaBrokers(stack.kafka.address).catch((error: Error) => error);
    await Promise.all([stack.kafka.start(), stack.cassandra.start()]);
    expect(whileDown).to.be.instanceOf(Error);
    expect(await kafkaBrokers(stack.kafka.address)).to.deep.equal([1]);
    expect(await cassandraState(stack.cassandra.address)).to.equal('ready');
  });
});
