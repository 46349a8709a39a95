import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { openJournals } from '../../src/index.ts';
import { until } from '../chaos/chaos-world.ts';
import { withConfigFile, withReplicatorProcess } from '../chaos/replicator-process.ts';
import { type Armed, timers } from '../chaos/wake-protocol.ts';
import { readWaited, WakeService, wrongIn } from '../chaos/wake-service.ts';
import { sharedKeyspace } from '../integration/cassandra/shared-keyspace.ts';
import { deleteTopic } from '../integration/kafka/kafka-fixture.ts';
import { kafkaWorld } from '../support/kafka/world.ts';

const embedded = 'evolutiongaming.kafka-journal.embedded.journal';
/** How long the service is dead. */
const deadMs = 1_500;
const wakeLimitMs = 30_000;

/** Some are due while the service is dead, some afterwards. */
const armed: Readonly<Record<string, Armed>> = {
  overdue: timers(1_500),
  'three at once': timers(1_400, 800, 1_200),
  later: timers(6_000),
  work: { ...timers(), hasWork: true },
  'work and timers': { ...timers(1_000, 5_000), hasWork: true },
};
const poison: Armed = { ...timers(1_000), isPoison: true };

/** Armed in one process, which is killed; a later one only registers the type. */
async function dieAndWake(file: string, config: string): Promise<void> {
  const first = await WakeService.start(file, 'first');
  await first.arm([
    ...Object.entries(armed).map(([id, command]) => [id, [command]] as const),
    ['poison', [poison]],
    ['over', [timers(1_500), { type: 'ended' }]],
  ]);
  await first.kill();
  await sleep(deadMs);
  const later = await WakeService.start(file, 'later');
  await using journals = await openJournals({ config });
  const ids = Object.keys(armed);
  const found = async () => await readWaited(journals, ids);
  const isDone = async (): Promise<boolean> =>
    (await found()).every(({ id, fired, worked }) => {
      const { delays, hasWork } = armed[id] as Armed;
      return fired.length >= delays.length && worked >= Number(hasWork);
    });
  try {
    await until('all of it has happened', isDone, wakeLimitMs);
  } finally {
    await later.stop();
  }
  const waited = await found();
  const wrong = waited.flatMap((one) => wrongIn(one, armed[one.id] as Armed));
  expect(wrong).to.deep.equal([]);
  const [over] = await readWaited(journals, ['over']);
  expect(over?.fired).to.deep.equal([]);
}

const fleet = `${embedded}.fleet {
  enabled = on, group = "${randomUUID()}", session-timeout = 6s, heartbeat-interval = 200ms
  remote.host = "127.0.0.1"
}`;

describe('what waits when all processes are killed', function () {
  this.timeout(120_000);

  describe('on an embedded journal', () => {
    let folder: string;
    let database: string;
    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'wake-ups-'));
      database = join(folder, 'journal.db');
    });
    afterEach(() => rm(folder, { recursive: true }));

    const configWith = (more = ''): string => `
      akka.persistence.journal.plugin = "${embedded}"
      ${embedded} { file = ${JSON.stringify(database)}, partitions = 3 }
      ${more}`;
    const kept = (): unknown[] => {
      const file = new DatabaseSync(database, { readOnly: true });
      try {
        return file
          .prepare('SELECT id FROM wake_ups')
          .all()
          .map(({ id }) => id);
      } finally {
        file.close();
      }
    };

    it('happens when a process starts again, though nobody asks; what is over leaves nothing to do', async () => {
      const config = configWith();
      await withConfigFile(config, (file) => dieAndWake(file, config));
      await using journals = await openJournals({ config });
      await until('the others have no entry', () => kept().join() === 'sleeper-poison', 5_000);
      await journals.of(journals.keyOf('sleeper-poison')).purge();
      await until('no journal has one', () => kept().length === 0, 5_000);
    });

    it('happens the same with a fleet', async () => {
      const config = configWith(fleet);
      await withConfigFile(config, (file) => dieAndWake(file, config));
    });

    it('waits for somebody to ask where wake-up is off; nothing says that it waits', async () => {
      const config = configWith(`${embedded}.wake-up = off`);
      await withConfigFile(config, async (file) => {
        const first = await WakeService.start(file, 'first');
        await first.arm([
          ['a', [timers(500)]],
          ['b', [{ ...timers(), hasWork: true }]],
        ]);
        await first.kill();
        const later = await WakeService.start(file, 'later');
        await sleep(6_000);
        await later.stop();
        await using journals = await openJournals({ config });
        for (const { fired, worked } of await readWaited(journals, ['a', 'b']))
          expect([fired.length, worked]).to.deep.equal([0, 0]);
      });
      expect(kept()).to.deep.equal([]);
    });
  });

  // With a fleet on Kafka: the scenario `wake-ups` of test/chaos.
  it('happens the same on Kafka and Cassandra', async () => {
    const { configText, topic } = kafkaWorld({ keyspace: sharedKeyspace() });
    try {
      await withConfigFile(configText, (file) =>
        withReplicatorProcess(configText, () => dieAndWake(file, configText)),
      );
    } finally {
      await deleteTopic(topic);
    }
  });
});
