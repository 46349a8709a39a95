import { copyFileSync, renameSync, rmSync } from 'node:fs';
import { expect } from 'chai';
import { StoreUnavailableError } from '../../../../src/model/errors.ts';
import { systemClock } from '../../../../src/runtime/clock.ts';
import { type CommitParticipant, CommitQueue } from '../../../../src/stores/sqlite/commit-queue.ts';
import { type Database, openDatabase } from '../../../../src/stores/sqlite/session.ts';
import { temporaryFile } from './temporary-file.ts';

const idle: CommitParticipant = {
  begin: () => {},
  flush: () => {},
  committed: () => {},
  rolledBack: () => {},
};

/** An error as SQLite throws it. */
function sqliteError(errcode: number): Error {
  return Object.assign(new Error(`SQLite error ${errcode}`), { errcode });
}

const busy = 5;
const ioError = 10;

/** A queue over memory whose `BEGIN` and `COMMIT` fail when told so. */
function opened(clock = systemClock, limits: { readonly groupLimitMs?: number } = {}) {
  const database = openDatabase(':memory:');
  database.exec('CREATE TABLE item (value TEXT)');
  const insert = database.prepare('INSERT INTO item VALUES (?)');
  const failures = new Map<string, Error[]>();
  const statements: string[] = [];
  const guarded: Database = {
    exec(sql) {
      statements.push(sql);
      const failure = failures.get(sql)?.shift();
      if (failure !== undefined) throw failure;
      database.exec(sql);
    },
    prepare: (sql) => database.prepare(sql),
    get isTransaction() {
      return database.isTransaction;
    },
    close: () => database.close(),
  };
  return {
    queue: new CommitQueue(guarded, { participant: idle, clock, ...limits }),
    failures,
    statements,
    insert: (value: string) => () => void insert.run(value),
    values: () =>
      database
        .prepare<{ value: string }>('SELECT * FROM item')
        .all()
        .map((row) => row.value),
  };
}

describe('commit queue', () => {
  it('makes all writes of one turn one transaction, in the order handed in', async () => {
    const { queue, statements, insert, values } = opened(systemClock, { groupLimitMs: 10_000 });
    await Promise.all(['a', 'b', 'c'].map((value) => queue.write(insert(value))));
    expect(statements).to.deep.equal(['BEGIN IMMEDIATE', 'COMMIT']);
    expect(values()).to.deep.equal(['a', 'b', 'c']);
  });

  it('answers a write only after its commit, with what it returned', async () => {
    const { queue, statements } = opened();
    let seen: string | undefined;
    const write = queue
      .write(() => 7)
      .then((result) => {
        seen = statements.at(-1);
        return result;
      });
    expect(await write).to.equal(7);
    expect(seen).to.equal('COMMIT');
  });

  it('ends a transaction after some milliseconds, and goes on with the rest in the next', async () => {
    const { queue, statements, values, insert } = opened();
    const slow = (value: string) => () => {
      const endMs = performance.now() + 3;
      while (performance.now() < endMs);
      insert(value)();
    };
    const names = Array.from({ length: 12 }, (_, i) => `${i}`);
    await Promise.all(names.map((value) => queue.write(slow(value))));
    expect(statements.filter((sql) => sql === 'COMMIT')).to.have.length.at.least(4);
    expect(values()).to.deep.equal(names);
  });

  it('fails one write alone when it refuses before its first statement', async () => {
    const { queue, insert, values } = opened();
    const refusal = new StoreUnavailableError('not ours');
    const refused = queue.write(() => {
      throw refusal;
    });
    const stored = queue.write(insert('b'));
    expect(await refused.catch((error: unknown) => error)).to.equal(refusal);
    await stored;
    expect(values()).to.deep.equal(['b']);
  });

  it('stores nothing of a group in which a statement failed, and says that this is certain', async () => {
    const { queue, insert, values } = opened();
    const outcomes: unknown[] = [];
    const job = (run: () => void) => ({
      run,
      committed: () => outcomes.push('stored'),
      failed: (cause: unknown, certain: boolean) => outcomes.push([String(cause), certain]),
    });
    queue.enqueue(job(insert('a')));
    queue.enqueue(
      job(() => {
        throw sqliteError(ioError);
      }),
    );
    queue.enqueue(job(insert('c')));
    await queue.drained();
    expect(outcomes).to.deep.equal(Array(3).fill(['Error: SQLite error 10', true]));
    expect(values()).to.deep.equal([]);
    await queue.write(insert('d'));
    expect(values()).to.deep.equal(['d']);
  });

  it('does not say that a failed COMMIT certainly stored nothing', async () => {
    const { queue, failures, insert } = opened();
    failures.set('COMMIT', [sqliteError(ioError)]);
    const outcomes: boolean[] = [];
    const failed = (_: unknown, certain: boolean) => void outcomes.push(certain);
    queue.enqueue({ run: insert('a'), committed: () => outcomes.push(true), failed });
    await queue.drained();
    expect(outcomes).to.deep.equal([false]);
    await queue.write(insert('b'));
  });

  it('waits while another process holds the lock', async () => {
    const { queue, failures, insert, values } = opened();
    failures.set('BEGIN IMMEDIATE', [sqliteError(busy), sqliteError(busy)]);
    await Promise.all([queue.write(insert('a')), queue.write(insert('b'))]);
    expect(values()).to.deep.equal(['a', 'b']);
  });

  it('fails the writes when another process holds the lock for more than ten seconds', async () => {
    let steadyMs = 0;
    const clock = { ...systemClock, steadyMs: () => (steadyMs += 4_000) };
    const { queue, failures, insert, values } = opened(clock);
    failures.set('BEGIN IMMEDIATE', Array(4).fill(sqliteError(busy)));
    const error = await queue.write(insert('a')).catch((cause: unknown) => cause);
    expect((error as Error).message).to.equal('SQLite error 5');
    await queue.write(insert('b'));
    expect(values()).to.deep.equal(['b']);
  });

  it('takes no more than 262,144 waiting writes, and none after it was closed', () => {
    const { queue } = opened();
    const job = { run: () => {}, committed: () => {}, failed: () => {} };
    let taken = 0;
    while (queue.enqueue(job)) taken++;
    expect(taken).to.equal(262_144);
    const closed = new Error('closed');
    queue.close(closed);
    expect(() => queue.enqueue(job)).to.throw(closed);
  });

  for (const [what, change] of [
    ['deleted', (file: string) => rmSync(file)],
    ['moved', (file: string) => renameSync(file, `${file}.away`)],
    [
      'replaced',
      (file: string) => {
        copyFileSync(file, `${file}.copy`);
        renameSync(`${file}.copy`, file);
      },
    ],
  ] as const) {
    it(`acknowledges nothing once the file was ${what}: it would be lost`, async () => {
      await using temporary = await temporaryFile();
      const database = openDatabase(temporary.file);
      database.exec('CREATE TABLE item (value TEXT)');
      const queue = new CommitQueue(database, { participant: idle, clock: systemClock });
      const insert = database.prepare('INSERT INTO item VALUES (?)');
      await queue.write(() => insert.run('a'));
      change(temporary.file);
      const failure = await queue.write(() => insert.run('b')).then(() => undefined, String);
      database.close();
      expect(failure).to.contain(`${temporary.file} was deleted, moved or replaced`);
    });
  }
});
