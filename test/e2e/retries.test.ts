import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { openJournals } from '../../src/index.ts';
import { until } from '../chaos/chaos-world.ts';
import { RestartableProcess } from '../chaos/child-process.ts';
import { withConfigFile, withReplicatorProcess } from '../chaos/replicator-process.ts';
import { sharedKeyspace } from '../integration/cassandra/shared-keyspace.ts';
import { deleteTopic } from '../integration/kafka/kafka-fixture.ts';
import { kafkaWorld } from '../support/kafka/world.ts';
import { section } from './embedded-processes.ts';
import { type BankCall, backoffMs } from './retry-protocol.ts';

const limitMs = 60_000;
const stopLimitMs = 20_000;

describe('invoked work whose processes are killed, with a retry policy', function () {
  this.timeout(240_000);
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'retries-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('goes on with its attempts and its backoff, though nobody asks, on Kafka and Cassandra', async () => {
    const { configText, topic } = kafkaWorld({ keyspace: sharedKeyspace() });
    try {
      await withReplicatorProcess(configText, () => killedTwice(configText));
    } finally {
      await deleteTopic(topic);
    }
  });

  it('goes on with its attempts and its backoff, though nobody asks, on an embedded journal', async () => {
    await killedTwice(`
      akka.persistence.journal.plugin = "${section}"
      ${section} { file = ${JSON.stringify(join(folder, 'journal.db'))}, partitions = 3 }`);
  });

  /** Once between two attempts, once within one. */
  async function killedTwice(config: string): Promise<void> {
    const callsFile = join(folder, 'calls');
    const calls = (): readonly BankCall[] => {
      if (!existsSync(callsFile)) return [];
      return readFileSync(callsFile, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
    };
    await using journals = await openJournals({ config });
    const stored = async (): Promise<string> => {
      let text = '';
      for await (const batch of journals.of(journals.keyOf('payment-1')).read())
        for (const { event } of batch) text += JSON.stringify(event.payload);
      return text;
    };
    await withConfigFile(config, async (file) => {
      const service = new RestartableProcess({
        file: new URL('retry-process.ts', import.meta.url),
        args: () => [file, callsFile],
        onMessage: () => ready.resolve(),
      });
      let ready = Promise.withResolvers<void>();
      const start = async (): Promise<void> => {
        ready = Promise.withResolvers();
        service.start();
        await ready.promise;
      };
      await start();
      service.send('pay');
      const isFailed = async () => (await stored()).includes('xstate.attempt.failed');
      await until('the failure of the first attempt is stored', isFailed, limitMs);
      await service.kill();
      expect(calls().map(({ attempt }) => attempt)).to.deep.equal([1]);
      await sleep(500);
      await start();
      await until('the second attempt has begun', () => calls().length === 2, limitMs);
      await service.kill();
      await start();
      const isDone = async () => (await stored()).includes('xstate.done.actor.call');
      await until('the third attempt has succeeded', isDone, limitMs);
      await service.stop(stopLimitMs, (child) => child.send('stop'));
    });
    const [first, second] = calls();
    const known = calls().map(({ idempotencyKey, attempt, input }) => [
      idempotencyKey,
      attempt,
      input,
    ]);
    expect(known).to.deep.equal(
      [1, 2, 3].map((attempt) => ['payment-1:2:call', attempt, { cents: 5 }]),
    );
    expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).to.be.at.least(backoffMs - 5);
  }
});
