import { expect } from 'chai';
import type { Action } from '../../src/model/action.ts';
import { NotOwnerError, WriteRejectedError } from '../../src/model/errors.ts';
import type { Key } from '../../src/model/key.ts';
import { Offset, Partition, Topic } from '../../src/model/position.ts';
import { SeqNr } from '../../src/model/seq-nr.ts';
import { silentLogger } from '../../src/observability/logger.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openDatabase } from '../../src/stores/sqlite/session.ts';
import { openSqliteParts } from '../../src/stores/sqlite/store.ts';
import { temporaryFile } from '../unit/stores/sqlite/temporary-file.ts';
import { appendOf, failureOf, keyOf, markOf, openingOf } from './action-log.fixture.ts';

const topic = Topic.of('journal');
const partition = Partition.of(0);
const key = keyOf(topic, 'a');

const open = async (file: string) => {
  const settings = { file, partitions: 1, segmentSize: 100 };
  return openSqliteParts(settings, { log: silentLogger, clock: systemClock });
};

type Parts = Awaited<ReturnType<typeof open>>;

/** Two stores on one file, as two processes have it. */
async function openTwo() {
  const temporary = await temporaryFile();
  const [a, b] = [await open(temporary.file), await open(temporary.file)];
  return {
    file: temporary.file,
    a,
    b,
    async [Symbol.asyncDispose]() {
      for (const { store } of [a, b]) await store[Symbol.asyncDispose]();
      await temporary[Symbol.asyncDispose]();
    },
  };
}

/** Opens a tenure, and answers where its mark lies. */
async function opened({ store }: Parts, scope = '', of: Key = key): Promise<number> {
  return (await store.producer.produce(openingOf(of, scope))).offset;
}

function underTenure(action: Action, of: number, scope = ''): Action {
  const header = { ...action.header, tenure: { scope, of: Offset.of(of) } };
  return { ...action, header } as Action;
}

const append = (of: number, scope = '') => underTenure(appendOf(key, 1), of, scope);
const by = { origin: undefined, version: undefined };
const held = (of: number): readonly Action[] => [
  append(of),
  underTenure({ key, timestampMs: 1, header: { type: 'delete', to: SeqNr.of(1), ...by } }, of),
  underTenure({ key, timestampMs: 1, header: { type: 'purge', ...by } }, of),
];

const endOf = ({ store }: Parts) => store.consumer.endOffset(topic, partition);

async function refusalOf({ store }: Parts, action: Action): Promise<NotOwnerError> {
  const error = await failureOf(store.producer.produce(action));
  expect(error).to.be.instanceOf(NotOwnerError);
  expect(error).to.deep.include({ stored: 'no', retryable: true });
  return error as NotOwnerError;
}

describe('tenures of the log on SQLite', () => {
  it('refuses what is written under a tenure after another process has opened one: certainly not stored', async () => {
    await using two = await openTwo();
    const { a, b } = two;
    const first = await opened(a);
    for (const action of held(first)) await a.store.producer.produce(action);
    const opening = openingOf(key, '');
    const opens = { scope: '', holder: 'b', address: '127.0.0.1:1' };
    const mark = { ...opening, header: { ...opening.header, opens } } as Action;
    const second = (await b.store.producer.produce(mark)).offset;
    for (const action of held(first)) {
      const { owner, message } = await refusalOf(a, action);
      expect(owner).to.deep.equal({
        partition,
        offset: second,
        holder: 'b',
        address: '127.0.0.1:1',
      });
      expect(message).to.match(/process b \(127\.0\.0\.1:1\) has opened .*nothing was stored/);
      expect((await refusalOf(b, action)).owner?.offset).to.equal(second);
    }
    expect(await endOf(a)).to.equal(second + 1);
    for (const action of held(second)) await b.store.producer.produce(action);
    const third = await opened(a);
    for (const action of held(third)) await a.store.producer.produce(action);
    expect((await refusalOf(b, append(second))).owner?.offset).to.equal(third);
  });

  it('fails no other write of the same transaction', async () => {
    await using two = await openTwo();
    const { a, b } = two;
    const first = await opened(a);
    const second = await opened(b);
    const { producer } = a.store;
    const calls = [
      producer.produce(appendOf(key, 1)),
      failureOf(producer.produce(append(first))),
      producer.produce(append(second)),
      failureOf(producer.produce(append(first))),
      producer.produce(markOf(key)),
    ];
    const results = await Promise.all(calls);
    expect(results.filter((result) => result instanceof NotOwnerError)).to.have.length(2);
    const stored = [results[0], results[2], results[4]] as readonly { offset: number }[];
    const offsets = stored.map(({ offset }) => offset);
    expect(offsets).to.deep.equal([second + 1, second + 2, second + 3]);
    expect(await endOf(b)).to.equal(second + 4);
  });

  it('keeps scopes and partitions apart', async () => {
    await using temporary = await temporaryFile();
    const settings = { file: temporary.file, partitions: 12, segmentSize: 100 };
    const a = await openSqliteParts(settings, { log: silentLogger, clock: systemClock });
    await using b = (await openSqliteParts(settings, { log: silentLogger, clock: systemClock }))
      .store;
    await using _a = a.store;
    const foobar = keyOf(topic, 'foobar');
    const produce = (action: Action) => a.store.producer.produce(action);
    const [one, two] = [await opened(a, 'one', foobar), await opened(a, 'two', foobar)];
    const elsewhere = await opened(a, 'one', keyOf(topic, 'abc'));
    await b.producer.produce(openingOf(foobar, 'two'));
    await produce(underTenure(appendOf(foobar, 1), one, 'one'));
    await produce(underTenure(appendOf(keyOf(topic, 'abc'), 1), elsewhere, 'one'));
    await refusalOf(a, underTenure(appendOf(foobar, 1), two, 'two'));
    await refusalOf(a, underTenure(appendOf(foobar, 1), one, ''));
  });

  it('refuses a tenure that was never opened: its action would be one that no reader takes', async () => {
    await using two = await openTwo();
    expect((await refusalOf(two.a, append(0))).owner).to.equal(undefined);
    const of = await opened(two.b);
    expect((await refusalOf(two.a, append(of + 1))).owner?.offset).to.equal(of);
    await two.a.store.producer.produce(append(of));
  });

  it('takes for opening marks what readers take for them', async () => {
    await using two = await openTwo();
    const { a, b } = two;
    const of = await opened(a);
    const header = '{"mark":{"id":"m","tenure":{"scope":"","holder":"h"}}}';
    const foreign = (text: string, value: Uint8Array | undefined) => {
      const headers = [['journal.action', Buffer.from(text)]] as const;
      const record = { key: Buffer.from('x'), value, timestampMs: 1, headers };
      return b.queue.write(() => b.writer.appendTo(topic, partition, record));
    };
    await foreign(header, Buffer.from('a value'));
    await foreign(header.replace('{"mark"', '{ "mark"'), undefined);
    await foreign(header.replace('"h"', '1'), undefined);
    await a.store.producer.produce(append(of));
    const { offset } = await foreign(header, undefined);
    expect((await refusalOf(a, append(of))).owner).to.deep.include({ offset, holder: 'h' });
  });

  it('knows the last tenure when the records up to its mark are deleted, and after a restart', async () => {
    await using two = await openTwo();
    const { a, b } = two;
    const first = await opened(a);
    const second = await opened(b);
    await b.store.producer.produce(append(second));
    await a.queue.write(() => a.trim.deleteBefore(topic, partition, second + 1));
    await using restarted = (await open(two.file)).store;
    for (const producer of [a.store.producer, restarted.producer]) {
      expect(await failureOf(producer.produce(append(first)))).to.be.instanceOf(NotOwnerError);
      await producer.produce(append(second));
    }
  });

  it('does not keep the tenure of a mark whose transaction failed', async () => {
    await using two = await openTwo();
    const { a } = two;
    const first = await opened(a);
    const exec = a.database.exec.bind(a.database);
    a.database.exec = (sql) => {
      if (sql === 'COMMIT') throw new Error('disk full');
      exec(sql);
    };
    const { producer } = a.store;
    const [mark, refused] = await Promise.all(
      [openingOf(key, ''), append(first)].map((action) => failureOf(producer.produce(action))),
    );
    a.database.exec = exec;
    expect(mark).to.deep.include({ code: 'WRITE_FAILED', stored: 'unknown' });
    // Whoever opened a tenure there did not: only that nothing is stored is sure.
    expect(refused).to.be.instanceOf(WriteRejectedError);
    await producer.produce(append(first));
  });
});

describe('a file of the format before the log knew its tenures', () => {
  /** Makes the file what the version before left. */
  function downgrade(file: string): void {
    const database = openDatabase(file);
    database.exec(
      `DROP TABLE log_tenure; DROP TABLE fleet_member; DROP TABLE fleet_view;
       DROP TABLE wake_ups; DROP TABLE wake_ups_until; DROP TABLE snapshots; PRAGMA user_version = 4`,
    );
    database.close();
  }

  it('is filled from the marks in the log, and from the copies of those that are deleted there', async () => {
    await using temporary = await temporaryFile();
    const before = await open(temporary.file);
    const trimmed = await opened(before, 'trimmed');
    const both = [await opened(before, 'both'), await opened(before, 'both')];
    const openings = [
      { scope: 'trimmed', offset: Offset.of(trimmed), holder: 't', address: undefined },
      { scope: 'both', offset: Offset.of(both[0] ?? 0), holder: 'x', address: undefined },
      { scope: 'both', offset: Offset.of(both[1] ?? 0), holder: 'y', address: 'y:1' },
    ];
    const known = { topic, partition, openings, upTo: Offset.of(2) };
    await before.store.replicated.saveTenures(known, 1);
    const logOnly = await opened(before, 'log only');
    const later = await opened(before, 'both');
    await before.queue.write(() => before.trim.deleteBefore(topic, partition, 3));
    await before.store[Symbol.asyncDispose]();
    downgrade(temporary.file);
    const after = await open(temporary.file);
    await using _store = after.store;
    const last = [
      ['trimmed', trimmed],
      ['log only', logOnly],
      ['both', later],
    ] as const;
    for (const [scope, of] of last) await after.store.producer.produce(append(of, scope));
    expect((await refusalOf(after, append(99, 'trimmed'))).owner).to.deep.equal({
      partition,
      offset: trimmed,
      holder: 't',
      address: undefined,
    });
    for (const of of both) await refusalOf(after, append(of, 'both'));
  });

  it('opens although a row of the log is damaged', async () => {
    await using temporary = await temporaryFile();
    const before = await open(temporary.file);
    await opened(before, 'damaged');
    const of = await opened(before, 'whole');
    before.database.exec("UPDATE log_body SET body = x'00' WHERE batch = 1");
    await before.store[Symbol.asyncDispose]();
    downgrade(temporary.file);
    const after = await open(temporary.file);
    await using _store = after.store;
    await after.store.producer.produce(append(of, 'whole'));
    await refusalOf(after, append(0, 'damaged'));
  });
});

describe('following the log on SQLite', () => {
  it('sees a record of another process within 250 ms, and costs nothing while nothing comes', async () => {
    await using two = await openTwo();
    const { a, b } = two;
    await a.store.producer.produce(markOf(key));
    let looks = 0;
    const find = a.partitions.find.bind(a.partitions);
    a.partitions.find = (...place) => {
      looks++;
      return find(...place);
    };
    const stop = new AbortController();
    const start = { topic, partition, from: Offset.of(1) };
    const follower = a.store.consumer
      .follow(start, { signal: stop.signal })
      [Symbol.asyncIterator]();
    const next = follower.next();
    await systemClock.sleep(600);
    // The first look, and one when listening to other processes begins.
    expect(looks).to.be.at.most(2);
    await b.store.producer.produce(markOf(key));
    const producedMs = performance.now();
    expect((await next).value?.next).to.equal(2);
    expect(performance.now() - producedMs).to.be.below(250 + 200);
    const idle = Promise.resolve(follower.next());
    await systemClock.sleep(20);
    const reason = new Error('enough');
    const stoppedMs = performance.now();
    stop.abort(reason);
    expect(await failureOf(idle)).to.equal(reason);
    expect(performance.now() - stoppedMs).to.be.below(200);
  });

  it('sees an own record at once', async () => {
    await using two = await openTwo();
    const { producer, consumer } = two.a.store;
    const follower = consumer.follow({ topic, partition, from: Offset.of(0) });
    const next = Promise.resolve(follower[Symbol.asyncIterator]().next());
    await systemClock.sleep(300);
    await producer.produce(markOf(key));
    const storedMs = performance.now();
    expect((await next).value?.next).to.equal(1);
    expect(performance.now() - storedMs).to.be.below(200);
  });

  it('ends when the store is closed, whether its caller waits or not', async () => {
    await using two = await openTwo();
    const { store } = two.a;
    await store.producer.produce(markOf(key));
    const start = { topic, partition, from: Offset.of(0) };
    const [waits, rests] = [1, 0].map((from) =>
      store.consumer.follow({ ...start, from: Offset.of(from) })[Symbol.asyncIterator](),
    );
    await rests?.next();
    const waiting = failureOf(Promise.resolve(waits?.next()));
    await systemClock.sleep(20);
    await store[Symbol.asyncDispose]();
    expect(await waiting).to.deep.include({ code: 'CLOSED' });
    // Longer than the time between two looks for records of other processes.
    await systemClock.sleep(300);
    expect(await failureOf(Promise.resolve(rests?.next()))).to.deep.include({ code: 'CLOSED' });
  });
});
