import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { Client } from 'pg';
import { openStackFrom, stackPlan } from '../../support/stack/open-stack.ts';
import type { Stack } from '../../support/stack/stack.ts';

describe('the PostgreSQL of a `keep` stack', function () {
  this.timeout(60_000);
  let stack: Stack;
  before(async () => {
    stack = await openStackFrom({ ...stackPlan, kafka: [], cassandra: [] }, { profile: 'keep' });
    await query('CREATE TABLE kept (n integer)');
    await query('INSERT INTO kept VALUES (1), (2)');
  });
  after(() => stack[Symbol.asyncDispose]());

  async function query(sql: string) {
    const client = new Client({ connectionString: stack.postgres.address });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query(sql)).rows;
    } finally {
      await client.end();
    }
  }

  for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
    it(`comes back with every row on the same address after ${signal}, clients or not`, async () => {
      const held = new Client({ connectionString: stack.postgres.address });
      held.on('error', () => undefined);
      await held.connect();
      await stack.postgres.kill(signal);
      const whileDown = await query('SELECT 1').catch((error: unknown) => error);
      expect(whileDown).to.be.instanceOf(Error);
      await stack.postgres.start();
      expect(await query('SELECT n FROM kept')).to.deep.equal([{ n: 1 }, { n: 2 }]);
    });
  }

  it('is silent while it is paused, and answers after', async () => {
    await stack.postgres.pause();
    const answer = query('SELECT n FROM kept');
    expect(await Promise.race([answer, sleep(500, 'silent')])).to.equal('silent');
    await stack.postgres.resume();
    expect(await answer).to.have.length(2);
  });
});
