import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { waitFor } from 'xstate';
import { openEventualStore } from '../../src/compose/open-eventual-store.ts';
import { openJournals } from '../../src/compose/open-journals.ts';
import { createPersistence, isReady, type Persistence } from '../../src/index.ts';
import { Key } from '../../src/model/key.ts';
import { Topic } from '../../src/model/position.ts';
import { SeqNr } from '../../src/model/seq-nr.ts';
import { waitUntilReplicated } from '../chaos/recovered.ts';
import {
  dropSchema,
  postgresAddress,
  randomSchema,
} from '../integration/postgres/postgres-server.ts';
import { counter } from '../support/counter.ts';
import { postgresConfig } from '../support/kafka/kafka-config.ts';
import { journalSettings, kafkaWorld, quietDeps } from '../support/kafka/world.ts';
import { spawnGuarded } from '../support/stack/guarded-process.ts';
import { temporaryFile } from '../unit/stores/sqlite/temporary-file.ts';

const main = new URL('../../src/cli/main.ts', import.meta.url).pathname;

/** HOCON that chooses the store for journals and replicator, and what is to be cleared away. */
interface Store extends AsyncDisposable {
  readonly config: string;
}

const stores: Readonly<Record<string, (folder: string) => Store>> = {
  PostgreSQL: () => {
    const schema = randomSchema();
    return {
      config: postgresConfig(postgresAddress(), schema),
      [Symbol.asyncDispose]: () => dropSchema(schema),
    };
  },
  'a SQLite file of this host': (folder) => ({
    config: `
evolutiongaming.kafka-journal { eventual = sqlite, sqlite.file = "${join(folder, 'events.db')}" }`,
    [Symbol.asyncDispose]: async () => {},
  }),
};

for (const [name, open] of Object.entries(stores)) {
  describe(`actors on Kafka and ${name}, with the replicator as a process`, () => {
    let config: string;
    let file: string;
    let topic: string;
    const opened: AsyncDisposable[] = [];
    before(async () => {
      const temporary = await temporaryFile();
      const store = open(dirname(temporary.file));
      opened.push(temporary, store);
      const world = kafkaWorld({ more: store.config });
      config = world.configText;
      topic = world.topic;
      file = join(dirname(temporary.file), 'application.conf');
      await writeFile(file, config);
    });
    after(async () => {
      for (const resource of opened.toReversed()) await resource[Symbol.asyncDispose]();
    });

    it('is acknowledged by Kafka alone and recovered by another system of actors', async () => {
      expect(await add(5)).to.equal(6);
      expect(await storedNumbers()).to.deep.equal([]);
      expect(await recoveredSum()).to.equal(5);
    });

    it('is carried into the store, and recovers the same from there', async () => {
      await replicate();
      expect(await storedNumbers()).to.deep.equal([1, 2, 3, 4, 5, 6]);
      expect(await recoveredSum()).to.equal(5);
    });

    it('goes on after the last number, from log and store', async () => {
      expect(await add(2)).to.equal(8);
      expect(await recoveredSum()).to.equal(7);
      await replicate();
      expect(await storedNumbers()).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8]);
    });

    it('stays purged before and after replication', async () => {
      const journals = await openJournals({ config });
      try {
        const journal = journals.of(journals.keyOf('counter-a'));
        await journal.purge();
        expect(await journal.pointer()).to.equal(undefined);
        await replicate();
        expect(await journal.pointer()).to.equal(undefined);
        expect(await storedNumbers()).to.deep.equal([]);
      } finally {
        await journals[Symbol.asyncDispose]();
      }
    });

    async function withCounters<T>(use: (counters: Counters) => Promise<T>): Promise<T> {
      const persistence = await createPersistence({ config });
      try {
        return await use(countersOf(persistence));
      } finally {
        await persistence.shutdown();
      }
    }

    const add = (times: number): Promise<number> =>
      withCounters(async (counters) => {
        let last = 0;
        for (let n = 0; n < times; n++) {
          last = (await counters.ask('a', { type: 'added', by: 1 })).sequenceNr;
        }
        return last;
      });
    const recoveredSum = (): Promise<number> =>
      withCounters(async (counters) => (await waitFor(counters.ref('a'), isReady)).context.sum);

    /** Runs the program until everything is in the store, and stops it as a supervisor would. */
    async function replicate(): Promise<void> {
      const command = [
        process.execPath,
        main,
        'replicator',
        '--config',
        file,
        '--log-level',
        'error',
      ];
      const child = spawnGuarded(command, { stdout: 'inherit', stderr: 'inherit' });
      const ended = once(child, 'exit');
      try {
        await waitUntilReplicated(config, topic);
      } finally {
        child.kill('SIGTERM');
      }
      expect(await ended).to.deep.equal([0, null]);
    }

    async function storedNumbers(): Promise<readonly number[]> {
      const { eventual } = await journalSettings(config);
      const store = await openEventualStore(eventual, quietDeps);
      const range = { from: SeqNr.min, to: SeqNr.of(100), segmentSize: 10_000 };
      const numbers: number[] = [];
      for await (const page of store.read(Key.of(Topic.of(topic), 'counter-a'), range)) {
        numbers.push(...page.map(({ event }) => event.seqNr));
      }
      await store[Symbol.asyncDispose]();
      return numbers;
    }
  });
}

type Counters = ReturnType<typeof countersOf>;

function countersOf(persistence: Persistence) {
  const persistenceId = ({ input }: { input: { id: string } }): string => `counter-${input.id}`;
  return persistence.entities('counter', persistence.persistent(counter, { persistenceId }));
}
