import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { waitFor } from 'xstate';
import { AccessDeniedError, isReady } from '../../src/index.ts';
import { waitUntilReplicated } from '../chaos/recovered.ts';
import type { Login } from '../support/stack/stack.ts';
import { type Counters, causeOf, failureOf, recoveredSum, withCounters } from './counters.ts';
import { createRightOn, groupRightOn, type Operator, openOperator } from './operator.ts';
import { setup, startReplicatorProcess } from './programs.ts';
import { type ConfigChange, securedWorld } from './secured-world.ts';

/** A refusal is told at once; the bounds of servers that do not answer are a minute and more. */
const refusalLimitMs = 10_000;

describe('a missing right on secured servers', () => {
  const world = securedWorld();
  const { topic, keyspace, logins } = world;
  const client = world.configFile(logins.client);
  const replicator = world.configFile(logins.replicator);
  let operator: Operator;

  before(async () => {
    operator = await openOperator(world);
    const { code, stderr } = await setup(world.configFile(logins.admin));
    expect(code, stderr).to.equal(0);
    await operator.grantAll();
    await withCounters(client, (counters) => counters.ask('a', { type: 'added', by: 1 }));
  });

  after(async () => {
    await operator[Symbol.asyncDispose]();
    world[Symbol.dispose]();
  });

  describe('of a client', () => {
    it('to write to the topic is named when it starts', async () => {
      const denied = await operator.without(operator.rights.clientWritesTopic, refusal);
      expect(denied.message).to.include(`WRITE on topic ${topic}`);
    });

    it('to write to the topic is named when it is taken away, and the write is not stored', async () => {
      await withCounters(client, async (counters) => {
        await waitFor(counters.ref('b'), isReady);
        const denied = await operator.without(operator.rights.clientWritesTopic, () =>
          denialOf(counters.ask('b', { type: 'added', by: 5 })),
        );
        expect(denied.message).to.include(`WRITE on topic ${topic}`);
        const { snapshot } = await counters.ask('b', { type: 'added', by: 1 });
        expect(snapshot.context.sum).to.equal(1);
      });
    });

    it('to read the topic is named', async () => {
      const denied = await operator.without(operator.rights.clientReadsTopic, refusal);
      expect(denied.message).to.include(`READ on topic ${topic}`);
    });

    it('to do anything with the topic is told apart from a topic that does not exist', async () => {
      const { clientReadsTopic, clientWritesTopic } = operator.rights;
      const denied = await operator.without(clientReadsTopic, () =>
        operator.without(clientWritesTopic, refusal),
      );
      expect(denied.message).to.include(`DESCRIBE on topic ${topic}`);
    });

    it('to select from the keyspace is named', async () => {
      const denied = await operator.without(operator.rights.clientSelects, refusal);
      expect(denied.message).to.include('SELECT').and.include(keyspace);
    });

    it('is gone as soon as the right is granted', async () => {
      expect(await recoveredSum(client, 'a')).to.equal(1);
    });

    for (const server of ['kafka', 'cassandra'] as const) {
      it(`to log in to ${server} is told, with its address`, async () => {
        const file = world.configFile(logins.client, wrongPassword(server, logins.client));
        const denied = await denialOf(recoveredSum(file, 'a'));
        expect(denied.message).to.include(world.servers[server].address);
        expect(denied.message)
          .to.match(/password/i)
          .and.not.include('wrong');
      });
    }

    it('to create a topic is named by setup', async () => {
      const name = `${topic}_absent`;
      const { code, stderr } = await setup(world.configFile(logins.client, { topic: name }));
      expect(code).to.equal(1);
      expect(stderr).to.include(`CREATE on topic ${name}`);
    });

    it('to see a topic that it may create is named by setup, at once', async () => {
      const name = `${topic}_unseen`;
      const right = createRightOn(operator.kafka, logins.client, name);
      await right.grant();
      try {
        const { code, stderr } = await setup(world.configFile(logins.client, { topic: name }));
        expect(code).to.equal(1);
        expect(stderr).to.include(`DESCRIBE on topic ${name}`);
      } finally {
        await right.revoke();
        await operator.kafka.deleteTopics({ topics: [name] });
      }
    });

    it('to create a keyspace is named by setup', async () => {
      const name = `${keyspace}_absent`;
      const { code, stderr } = await setup(world.configFile(logins.client, { keyspace: name }));
      expect(code).to.equal(1);
      expect(stderr).to.include('CREATE');
    });

    it('to create does not hinder setup where all is there', async () => {
      const { code, stderr } = await setup(client);
      expect(code, stderr).to.equal(0);
    });

    async function refusal(): Promise<AccessDeniedError> {
      return await denialOf(recoveredSum(client, 'a'));
    }
  });

  describe('of a fleet', () => {
    const group = `fleet_${topic}`;
    const sessionTimeoutMs = 6_000; // the least that a broker takes
    const member = world.configFile(logins.client, {
      more: `evolutiongaming.kafka-journal.persistence.journal.fleet {
        enabled = on, group = "${group}", session-timeout = ${sessionTimeoutMs} ms
        remote { host = "127.0.0.1", port = 0 }
      }`,
    });

    it('to read the group is named when it starts, and by asks when it is taken away', async () => {
      const readsGroup = groupRightOn(operator.kafka, logins.client, group);
      const denied = await denialOf(withCounters(member, (counters) => addOne(counters)));
      expect(denied.message).to.include(`group ${group}: grant READ`);
      await readsGroup.grant();
      await withCounters(member, async (counters) => {
        expect((await addOne(counters)).snapshot.context.sum).to.equal(1);
        await readsGroup.revoke();
        const timeout = 1_000;
        const lateMs = Date.now() + 2 * sessionTimeoutMs;
        let failure: Error | undefined;
        // Until its session is over it is still a member.
        while (failure === undefined && Date.now() < lateMs) {
          failure = await addOne(counters, timeout).then(
            () => undefined,
            (error: unknown) => error as Error,
          );
        }
        const cause = causeOf(failure as Error, AccessDeniedError);
        expect(cause.message).to.include(`group ${group}: grant READ`);
      });
    });

    const addOne = (counters: Counters, timeout = refusalLimitMs) =>
      counters.ask('f', { type: 'added', by: 1 }, { timeout });
  });

  describe('of a replicator', () => {
    it('to read the group is named, which the driver hides; it goes on once it is granted', async () => {
      const { replicatorReadsGroup } = operator.rights;
      await using running = await operator.without(replicatorReadsGroup, async () => {
        const started = startReplicatorProcess(replicator);
        const { err } = await started.line((line) => line.err?.code === 'ACCESS_DENIED');
        expect(err?.message).to.include(`group replicator-${topic}`).and.include('READ');
        return started;
      });
      await running.line(({ msg }) => msg === 'joined the consumer group');
      expect(await running.stop()).to.equal(0);
    });

    it('to read the topic is named when it is taken away; it goes on once it is granted', async () => {
      const { replicatorReadsTopic } = operator.rights;
      await using running = startReplicatorProcess(replicator);
      await running.line(({ msg }) => msg === 'joined the consumer group');
      await operator.without(replicatorReadsTopic, async () => {
        const { err } = await running.line((line) => line.err?.code === 'ACCESS_DENIED');
        expect(err?.message).to.include(`READ on topic ${topic}`);
      });
      await withCounters(client, (counters) => counters.ask('c', { type: 'added', by: 6 }));
      await replicated();
    });

    it('to modify the keyspace is named, and nothing is passed over', async () => {
      const { replicatorModifies } = operator.rights;
      await withCounters(client, (counters) => counters.ask('d', { type: 'added', by: 7 }));
      await using _running = await operator.without(replicatorModifies, async () => {
        const started = startReplicatorProcess(replicator);
        const { err } = await started.line((line) => line.err?.code === 'ACCESS_DENIED');
        expect(err?.message).to.include('MODIFY').and.include(keyspace);
        return started;
      });
      await replicated();
      const { rows } = await operator.cassandra.execute(
        `SELECT seq_nr FROM ${keyspace}.journal WHERE topic = '${topic}' AND id = 'd' AND segment = 0`,
      );
      expect(rows).to.have.length(2);
    });

    for (const server of ['kafka', 'cassandra'] as const) {
      it(`to log in to ${server} ends it with exit code 1`, async () => {
        const change = wrongPassword(server, logins.replicator);
        await using running = startReplicatorProcess(world.configFile(logins.replicator, change));
        const { err } = await running.line((line) => line.err?.code === 'ACCESS_DENIED');
        expect(err?.message).to.include(world.servers[server].address);
        expect(await running.exited).to.equal(1);
      });
    }

    async function replicated(): Promise<void> {
      await waitUntilReplicated(readFileSync(client, 'utf8'), topic);
    }
  });
});

function wrongPassword(server: 'kafka' | 'cassandra', { username }: Login): ConfigChange {
  return { [server]: { username, password: 'wrong' } };
}

/** What a call was refused with, in time. */
async function denialOf(call: Promise<unknown>): Promise<AccessDeniedError> {
  const startedMs = Date.now();
  const denied = causeOf(await failureOf(call), AccessDeniedError);
  expect(Date.now() - startedMs).to.be.below(refusalLimitMs);
  return denied;
}
