import { expect } from 'chai';
import type { Key } from '../../src/model/key.ts';
import { silentLogger } from '../../src/observability/logger.ts';
import type { ReplicatedKeyJournal } from '../../src/ports/replicated-journal.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import type { Database } from '../../src/stores/sqlite/session.ts';
import { openSqliteParts, type SqliteStore } from '../../src/stores/sqlite/store.ts';
import { temporaryFile } from '../unit/stores/sqlite/temporary-file.ts';
import * as given from './replicated-store.ts';

type Action = (journal: ReplicatedKeyJournal) => Promise<unknown>;

const append: Action = (journal) => journal.append(given.append(1, [1, 7]), given.nowMs);
const extend: Action = (journal) =>
  journal.append(given.append(2, [8, 12], given.days(1)), given.nowMs);
const shorten: Action = (journal) => journal.delete(given.deletion(3, 5), given.nowMs);
const purge: Action = (journal) => journal.purge(given.purge(4), given.nowMs);

/** What was applied before, and the batch whose states in between must not exist. */
const batches: Readonly<Record<string, readonly [before: readonly Action[], batch: Action]>> = {
  'an append that creates (V3, V7)': [[], append],
  'an append (V3, V6)': [[append], extend],
  'a delete (V8)': [[append, extend], shorten],
  'a purge': [[append, extend, shorten], purge],
};

const tables = ['event', 'metajournal'];

/** Calls `probe` after each row that a statement changes; what it throws fails the statement. */
function watchRows(database: Database, probe: () => void): void {
  const inner = database as Database & {
    function(name: string, options: { deterministic: boolean }, run: () => number): void;
  };
  inner.function('probe', { deterministic: false }, () => {
    probe();
    return 0;
  });
  for (const table of tables) {
    for (const change of ['INSERT', 'UPDATE', 'DELETE']) {
      database.exec(
        `CREATE TEMP TRIGGER probe_${table}_${change} AFTER ${change} ON ${table} BEGIN SELECT probe(); END`,
      );
    }
  }
}

describe('sqlite: a half-applied batch cannot be reached', () => {
  const deps = { log: silentLogger, clock: systemClock };
  const openFile = (file: string) => openSqliteParts({ file, partitions: 1, segmentSize: 3 }, deps);
  const look = async ({ eventual }: SqliteStore, key: Key) => ({
    state: await given.state({ eventual }, key),
    rows: await given.stored({ eventual, segmentSize: 3 }, key, { to: 30 }),
  });

  for (const [name, [before, batch]] of Object.entries(batches)) {
    it(`${name}: it fails at any row and nothing of it stays, and then it is applied whole`, async () => {
      await using temporary = await temporaryFile();
      const { store, database } = await openFile(temporary.file);
      const { store: other } = await openFile(temporary.file);
      let left = Number.POSITIVE_INFINITY;
      watchRows(database, () => {
        if (left-- === 0) throw new Error('the process died');
      });
      const key = given.newKey(given.randomTopic());
      for (const action of before) await action(await store.replicated.open(key));
      const was = await look(store, key);
      for (let deathAt = 0; ; deathAt++) {
        left = deathAt;
        const journal = await store.replicated.open(key);
        const failed = await batch(journal).then(
          () => false,
          () => true,
        );
        if (!failed) break;
        expect(await look(store, key), `died at row ${deathAt}`).to.deep.equal(was);
        expect(await look(other, key), `died at row ${deathAt}`).to.deep.equal(was);
      }
      expect(await look(other, key)).to.not.deep.equal(was);
      await other[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    });

    it(`${name}: another process sees nothing of it before it is whole`, async () => {
      await using temporary = await temporaryFile();
      const { store, database } = await openFile(temporary.file);
      const { store: other, database: reading } = await openFile(temporary.file);
      const counts = () =>
        tables.map((table) => JSON.stringify(reading.prepare(`SELECT * FROM ${table}`).all()));
      const seen = new Set<string>();
      let probes = 0;
      const key = given.newKey(given.randomTopic());
      for (const action of before) await action(await store.replicated.open(key));
      const was = counts().join();
      watchRows(database, () => {
        probes++;
        seen.add(counts().join());
      });
      await batch(await store.replicated.open(key));
      expect(probes).to.be.greaterThan(1);
      expect([...seen]).to.deep.equal([was]);
      expect(counts().join()).to.not.equal(was);
      await other[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    });
  }
});
