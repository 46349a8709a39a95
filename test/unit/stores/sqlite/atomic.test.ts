import { DatabaseSync } from 'node:sqlite';
import { expect } from 'chai';
import type { Key } from '../../../../src/model/key.ts';
import { silentLogger } from '../../../../src/observability/logger.ts';
import { systemClock } from '../../../../src/runtime/clock.ts';
import { openSqliteParts } from '../../../../src/stores/sqlite/store.ts';
import { type AtomicHistory, atomicHistories, seen } from '../../../contract/atomic-histories.ts';
import * as given from '../../../contract/replicated-store.ts';
import { temporaryFile } from './temporary-file.ts';

const settings = { partitions: 1, segmentSize: 10_000 };
const deps = { log: silentLogger, clock: systemClock };

describe('a batch on SQLite', () => {
  for (const [name, history] of Object.entries(atomicHistories)) {
    it(`shows nothing of ${name} at any of its changes, and nothing stays when it fails there`, async () => {
      await using world = await openWorld();
      const topic = given.randomTopic();
      const { changes, state } = await world.whole(history, { topic, id: 'whole' });
      expect(changes).to.be.greaterThan(1);
      for (let nth = 1; nth <= changes; nth++) {
        const key = { topic, id: `cut-${nth}` };
        const untouched = await world.prepare(history, key);
        const meanwhile = await world.failAt(nth, history, key);
        expect(meanwhile, `while change ${nth} is under way`).to.deep.equal(world.raw(key));
        expect(await world.look(key), `failed at change ${nth}`).to.deep.equal(untouched);
        await history.action(await world.store.replicated.open(key));
        expect(await world.look(key), 'repeated').to.deep.equal(state);
      }
    });
  }
});

/** A store of which one change of a row fails, and another connection to its file. */
async function openWorld() {
  const temporary = await temporaryFile();
  const { store, database } = await openSqliteParts({ file: temporary.file, ...settings }, deps);
  const reader = new DatabaseSync(temporary.file);
  let count = 0;
  let onChange: () => void = () => undefined;
  (database as unknown as DatabaseSync).function('changed', () => {
    count++;
    onChange();
    return 0;
  });
  for (const table of ['event', 'metajournal']) {
    for (const how of ['INSERT', 'UPDATE', 'DELETE']) {
      database.exec(`CREATE TEMP TRIGGER ${table}_${how} BEFORE ${how} ON main.${table}
        BEGIN SELECT changed(); END`);
    }
  }
  const look = (key: Key) => seen({ ...store, segmentSize: settings.segmentSize }, key);
  const raw = ({ topic, id }: Key) =>
    reader
      .prepare(
        `SELECT m.*, e.* FROM metajournal m LEFT JOIN event e ON e.journal = m.journal
         WHERE m.topic = ? AND m.id = ? ORDER BY e.seq_nr`,
      )
      .all(topic, id);
  const apply = async (actions: readonly AtomicHistory['action'][], key: Key) => {
    for (const action of actions) await action(await store.replicated.open(key));
    return await look(key);
  };
  return {
    store,
    look,
    /** Rows as the other connection reads them. */
    raw,
    prepare: (history: AtomicHistory, key: Key) => apply(history.before, key),
    async whole(history: AtomicHistory, key: Key) {
      await apply(history.before, key);
      count = 0;
      const state = await apply([history.action], key);
      return { changes: count, state };
    },
    /** Lets the change fail; answers what the other connection saw at that moment. */
    async failAt(nth: number, { action }: AtomicHistory, key: Key) {
      let found: unknown;
      count = 0;
      onChange = () => {
        if (count !== nth) return;
        found = raw(key);
        throw new Error('the disk is full');
      };
      const journal = await store.replicated.open(key);
      const failed = await action(journal).catch((error: Error) => error);
      expect(failed).to.be.instanceOf(Error);
      onChange = () => undefined;
      return found;
    },
    async [Symbol.asyncDispose]() {
      reader.close();
      await store[Symbol.asyncDispose]();
      await temporary[Symbol.asyncDispose]();
    },
  };
}
