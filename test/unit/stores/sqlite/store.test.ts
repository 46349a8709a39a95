import { spawnSync } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import {
  ClosedError,
  InvalidInputError,
  StoreUnavailableError,
  WriteRejectedError,
} from '../../../../src/model/errors.ts';
import { Key } from '../../../../src/model/key.ts';
import type { Offset, Partition } from '../../../../src/model/position.ts';
import { SeqNr } from '../../../../src/model/seq-nr.ts';
import { silentLogger } from '../../../../src/observability/logger.ts';
import type { PersistenceId } from '../../../../src/ports/journal-plugin.ts';
import { SnapshotCriteria } from '../../../../src/ports/snapshot-store.ts';
import { systemClock } from '../../../../src/runtime/clock.ts';
import { readSqliteFleet } from '../../../../src/stores/sqlite/fleet/read-sqlite-fleet.ts';
import { openSqliteToRead } from '../../../../src/stores/sqlite/read-wake-ups.ts';
import { openDatabase, openToRead } from '../../../../src/stores/sqlite/session.ts';
import { openSqliteSnapshotStore } from '../../../../src/stores/sqlite/snapshot-store.ts';
import { openSqliteStore } from '../../../../src/stores/sqlite/store.ts';
import { moveTo } from '../../../contract/replicated-store.ts';
import { quickTimings } from '../../../support/fleet/quick-timings.ts';
import { temporaryFile } from './temporary-file.ts';

const source = join(import.meta.dirname, '../../../../src/stores/sqlite/session.ts');
const deps = { log: silentLogger, clock: systemClock };
const open = (file: string, partitions = 4) =>
  openSqliteStore({ file, partitions, segmentSize: 100 }, deps);

function markOf(id: string) {
  const header = { type: 'mark', id: 'm', origin: undefined, version: undefined } as const;
  return { key: Key.of('journal', id), timestampMs: 1, header };
}

async function failureOf(run: Promise<unknown>): Promise<unknown> {
  return run.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe('sqlite store', () => {
  it('prints no warning to the terminal, and keeps no other warning from it', () => {
    const script = `
      const { openDatabase } = await import(${JSON.stringify(source)});
      openDatabase(':memory:').close();
      process.emitWarning('something else');`;
    const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
    });
    expect(run.status).to.equal(0);
    expect(run.stderr).to.match(/^\(node:\d+\) Warning: something else/);
    expect(run.stderr).to.not.include('SQLite');
  });

  it('has no numbered parameter in a statement: Node 22 would leave it unbound', async () => {
    const folder = dirname(source);
    for (const name of (await readdir(folder, { recursive: true })).filter((file) =>
      file.endsWith('.ts'),
    )) {
      expect(await readFile(join(folder, name), 'utf8'), name).to.not.match(/[(,=] *\?\d/);
    }
  });

  it('keeps the number of partitions that a topic was created with', async () => {
    await using temporary = await temporaryFile();
    const ids = Array.from({ length: 40 }, (_, i) => `id-${i}`);
    const partitionsOf = async (partitions: number) => {
      await using store = await open(temporary.file, partitions);
      const places = await Promise.all(ids.map((id) => store.producer.produce(markOf(id))));
      return places.map((at) => at.partition);
    };
    expect(await partitionsOf(5)).to.deep.equal(await partitionsOf(3));
  });

  it('refuses a file of another program, one that is no database, and one of a later version', async () => {
    await using temporary = await temporaryFile();
    const { file } = temporary;
    const change = (sql: string) => {
      const database = openDatabase(file);
      database.exec(sql);
      database.close();
    };
    change('CREATE TABLE customer (name TEXT)');
    expect(await failureOf(open(file))).to.be.instanceOf(InvalidInputError);
    change('DROP TABLE customer; PRAGMA user_version = 9');
    expect(((await failureOf(open(file))) as Error).message).to.include('journal format 9');
    await writeFile(`${file}-2`, 'x'.repeat(10_000));
    expect(await failureOf(open(`${file}-2`))).to.be.instanceOf(InvalidInputError);
    expect(await failureOf(open(join(file, 'no-folder/x.db')))).to.be.instanceOf(InvalidInputError);
    const folder = dirname(file);
    for (const [wrong, why] of [
      [folder, 'it is a folder'],
      [join(folder, 'none', 'x.db'), `there is no folder ${join(folder, 'none')}`],
    ] as const) {
      const error = await failureOf(open(wrong));
      expect(error).to.include({ message: `cannot open ${wrong} as a database: ${why}` });
    }
    expect(() => openToRead(folder)).to.throw('as a database: it is a folder');
  });

  it('says so when nobody may even look for the file, which is then not taken for one that is missing', async () => {
    // The system refuses such a name as it refuses a look into a folder of somebody else.
    const path = join(tmpdir(), 'x'.repeat(300));
    const opening = [
      () => open(path),
      async () => openSqliteToRead(path),
      async () => readSqliteFleet(path, 'g', 1),
    ];
    for (const attempt of opening) {
      const error = await failureOf(attempt());
      expect(error).to.be.instanceOf(InvalidInputError);
      expect((error as Error).message).to.equal(`cannot open ${path} as a database`);
      expect((error as Error).cause).to.include({ code: 'ENAMETOOLONG' });
    }
  });

  it('names the file when SQLite cannot make its tables, as on a full disk', async () => {
    await using temporary = await temporaryFile();
    const { file } = temporary;
    const database = openDatabase(file);
    // It lacks the tables of its format, so a statement of the next one fails.
    database.exec('PRAGMA user_version = 2');
    database.close();
    for (const attempt of [() => open(file), () => openSqliteSnapshotStore(file, deps)]) {
      const error = await failureOf(attempt());
      expect(error).to.be.instanceOf(StoreUnavailableError);
      expect((error as Error).message).to.equal(`SQLite cannot open ${file}`);
    }
  });

  it('brings a file of an earlier format up to date', async () => {
    await using temporary = await temporaryFile();
    await using first = await open(temporary.file);
    await first.producer.produce(markOf('a'));
    const { topic } = markOf('a').key;
    await moveTo(first.replicated, topic, { partition: 0 as Partition, offset: 4 as Offset });
    await first[Symbol.asyncDispose]();
    const database = openDatabase(temporary.file);
    database.exec(
      `DROP TABLE setting; DROP TABLE tenures; DROP TABLE tenures_until; DROP TABLE log_tenure;
       DROP TABLE fleet_member; DROP TABLE fleet_view;
       DROP TABLE wake_ups; DROP TABLE wake_ups_until; DROP TABLE snapshots;
       ALTER TABLE pointer DROP COLUMN epoch; PRAGMA user_version = 1`,
    );
    database.close();
    await using store = await open(temporary.file);
    const share = { topic: markOf('a').key.topic, partition: 0 as Partition };
    await store.replicated.saveExpiredUntil({ ...share, day: '2024-02-29' }, 1);
    const day = await store.replicated.expiredUntil(share.topic, share.partition);
    expect(day).to.equal('2024-02-29');
    expect(await store.replicated.claim(share.topic, share.partition, { nowMs: 1 })).to.equal(4);
    const known = { ...share, openings: [], upTo: 4 as Offset };
    await store.replicated.saveTenures(known, 1);
    expect(await store.replicated.tenuresUpTo(share.topic, share.partition)).to.equal(4);
    await store.replicated.saveWakeUps({ ...share, upTo: 4 as Offset }, 1);
    expect(await store.eventual.wakeUps.until(share)).to.equal(4);
    expect((await store.producer.produce(markOf('a'))).offset).to.equal(1);
  });

  it('adds the tables of the fleet to a file of format 5, and leaves its records', async () => {
    await using temporary = await temporaryFile();
    await using first = await open(temporary.file);
    await first.producer.produce(markOf('a'));
    await first[Symbol.asyncDispose]();
    const database = openDatabase(temporary.file);
    database.exec(`DROP TABLE fleet_member; DROP TABLE fleet_view;
       DROP TABLE wake_ups; DROP TABLE wake_ups_until; DROP TABLE snapshots; PRAGMA user_version = 5`);
    database.close();
    expect(readSqliteFleet(temporary.file, 'g', 1).view.generation).to.equal(0);
    await using store = await open(temporary.file);
    await using member = store.joinFleet({ id: 'm', address: 'http://m' }, quickTimings());
    const joined = new Promise((resolve) => member.onChange(resolve));
    expect(await joined).to.have.property('generation', 1);
    expect((await store.producer.produce(markOf('a'))).offset).to.equal(1);
  });

  it('adds the table of snapshots to a file of format 7, and leaves its records', async () => {
    await using temporary = await temporaryFile();
    await using first = await open(temporary.file);
    await first.producer.produce(markOf('a'));
    await first[Symbol.asyncDispose]();
    const database = openDatabase(temporary.file);
    database.exec('DROP TABLE snapshots; PRAGMA user_version = 7');
    database.close();
    await using snapshots = await openSqliteSnapshotStore(temporary.file, deps);
    const persistenceId = 'a' as PersistenceId;
    await snapshots.save({ persistenceId, seqNr: SeqNr.min, timestampMs: 1 }, Buffer.from('s'));
    expect(await snapshots.load(persistenceId, SnapshotCriteria.all)).to.have.property('snapshot');
    await using store = await open(temporary.file);
    expect((await store.producer.produce(markOf('a'))).offset).to.equal(1);
  });

  it('rejects a record that is too large, and goes on', async () => {
    await using store = await open(':memory:');
    const header = {
      type: 'mark',
      id: 'x'.repeat(64 * 1024 * 1024),
      origin: undefined,
      version: undefined,
    };
    const large = { ...markOf('a'), header } as ReturnType<typeof markOf>;
    expect(await failureOf(store.producer.produce(large))).to.be.instanceOf(WriteRejectedError);
    expect((await store.producer.produce(markOf('a'))).offset).to.equal(0);
  }).timeout(30_000);

  it('acknowledges what was produced before it was disposed, and refuses what comes later', async () => {
    await using temporary = await temporaryFile();
    const store = await open(temporary.file, 1);
    const produced = Array.from({ length: 100 }, () => store.producer.produce(markOf('a')));
    await Promise.all([store[Symbol.asyncDispose](), store[Symbol.asyncDispose]()]);
    expect((await Promise.all(produced)).at(-1)?.offset).to.equal(99);
    const { producer, consumer, eventual, replicated, topicConsumers } = store;
    const { key } = markOf('a');
    const at = { partition: 0 as Partition, offset: 1 as Offset };
    const move = { topic: key.topic, ...at, after: undefined };
    expect(await failureOf(producer.produce(markOf('a')))).to.be.instanceOf(WriteRejectedError);
    for (const call of [
      consumer.endOffset(key.topic, at.partition),
      eventual.pointer(key),
      replicated.open(key),
      replicated.saveOffset(move, 1),
      topicConsumers.open(key.topic),
    ]) {
      expect(await failureOf(call)).to.be.instanceOf(ClosedError);
    }
  });

  it('writes records of one call after another to one partition without a gap', async () => {
    await using store = await open(':memory:', 1);
    const offsets: number[] = [];
    for (let i = 0; i < 5; i++) {
      const places = await Promise.all([1, 2, 3].map(() => store.producer.produce(markOf('a'))));
      offsets.push(...places.map((at) => at.offset));
    }
    expect(offsets).to.deep.equal(Array.from({ length: 15 }, (_, i) => i));
  });
});
