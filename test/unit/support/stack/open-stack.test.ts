import { expect } from 'chai';

import { openStackFrom, type StackPlan } from '../../../support/stack/open-stack.ts';
import { stackEnvironment } from '../../../support/stack/server-variables.ts';
import { joinStack, sharedStackVariable, shareStack } from '../../../support/stack/shared-stack.ts';
import type { ServerSource, StackSource } from '../../../support/stack/stack.ts';

/** Sources without servers, which note what is stopped. */
class FakeSources {
  readonly stopped: string[] = [];

  opens(address: string, name: StackSource = 'processes'): ServerSource {
    const nothing = async (): Promise<void> => undefined;
    const server = { address, kill: nothing, start: nothing, pause: nothing, resume: nothing };
    return {
      name,
      problem: async () => undefined,
      open: async () => ({
        server,
        folder: undefined,
        keepFolder: () => undefined,
        [Symbol.asyncDispose]: async () => {
          this.stopped.push(address);
        },
      }),
    };
  }

  breaks(name: StackSource): ServerSource {
    const open = async (): Promise<never> => {
      throw new Error('it did not start', { cause: new Error('its port is taken') });
    };
    return { name, problem: async () => undefined, open };
  }

  lacks(name: StackSource): ServerSource {
    return { ...this.breaks(name), problem: async () => 'there is none' };
  }
}

describe('a stack whose servers are opened each on its own', () => {
  let sources: FakeSources;
  let withoutCassandra: StackPlan;

  beforeEach(() => {
    sources = new FakeSources();
    withoutCassandra = {
      kafka: [sources.opens('kafka:1', 'environment'), sources.opens('kafka:2')],
      cassandra: [sources.lacks('containers'), sources.breaks('processes')],
      postgres: [sources.breaks('containers'), sources.opens('postgres:1')],
    };
  });

  it('has every server that one of its sources gives, and names the first source that did', async () => {
    const stack = await openStackFrom(withoutCassandra, { profile: 'quick' });
    expect(stack.kafka.address).to.equal('kafka:1');
    expect(stack.postgres.address).to.equal('postgres:1');
    expect(stack.sources).to.deep.equal({ kafka: 'environment', postgres: 'processes' });
    await stack[Symbol.asyncDispose]();
    expect(sources.stopped).to.have.members(['kafka:1', 'postgres:1']);
  });

  it('names a server that no source gives, with what each source said', async () => {
    const stack = await openStackFrom(withoutCassandra, { profile: 'quick' });
    expect(stack.missing).to.deep.equal([
      {
        name: 'cassandra',
        reason:
          'containers: there is none\nprocesses: it did not start\ncaused by: its port is taken',
      },
    ]);
  });

  it('gives that reason to whoever uses the missing server, here or in another process', async () => {
    const stack = await openStackFrom(withoutCassandra, { profile: 'quick' });
    await using shared = await shareStack(stack);
    process.env[sharedStackVariable] = shared.address;
    const joined = await joinStack().finally(() => delete process.env[sharedStackVariable]);
    expect(joined.kafka.address).to.equal('kafka:1');
    const reason = 'Cassandra is missing: containers: there is none';
    for (const { cassandra } of [stack, joined]) {
      expect(() => cassandra.address).to.throw(reason);
      const killed = await cassandra.kill('SIGKILL').catch((error: unknown) => error);
      expect(killed).to.be.instanceOf(Error).with.property('message').that.includes(reason);
    }
  });

  it('hides from the tests what the environment says of a server that does not answer', async () => {
    const environment = stackEnvironment(
      await openStackFrom(withoutCassandra, { profile: 'quick' }),
    );
    expect(environment).to.include({
      KAFKA_JOURNAL_TEST_KAFKA: 'kafka:1',
      KAFKA_JOURNAL_TEST_CASSANDRA: '',
      KAFKA_JOURNAL_TEST_POSTGRES: 'postgres:1',
    });
  });

  it('stops what has started when the start is interrupted', async () => {
    const controller = new AbortController();
    const interrupted: ServerSource = {
      ...sources.breaks('processes'),
      async open() {
        controller.abort(new Error('interrupted'));
        throw controller.signal.reason;
      },
    };
    const plan = { ...withoutCassandra, cassandra: [interrupted] };
    const options = { profile: 'quick', signal: controller.signal } as const;
    const error = await openStackFrom(plan, options).catch((reason: unknown) => reason);
    expect(error).to.have.property('message', 'interrupted');
    expect(sources.stopped).to.include('kafka:1');
  });
});
