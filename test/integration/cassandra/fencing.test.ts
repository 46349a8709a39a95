import { expect } from 'chai';
import { FencedError, StoreUnavailableError } from '../../../src/model/errors.ts';
import type { Key } from '../../../src/model/key.ts';
import type { ReplicatedKeyJournal } from '../../../src/ports/replicated-journal.ts';
import { CassandraEventualJournal } from '../../../src/stores/cassandra/eventual-journal.ts';
import { CassandraReplicatedJournal } from '../../../src/stores/cassandra/replicated-journal.ts';
import { setUpCassandra } from '../../../src/stores/cassandra/schema/create-schema.ts';
import { openCassandraSession } from '../../../src/stores/cassandra/session.ts';
import type { CassandraSession, Row } from '../../../src/stores/cassandra/session-types.ts';
import * as given from '../../contract/replicated-store.ts';
import { cassandraSettings, deps } from './cassandra-server.ts';
import { sharedKeyspace } from './shared-keyspace.ts';

const keyspace = sharedKeyspace();
const segmentSize = 3;
const settings = cassandraSettings(keyspace, { segmentSize });

/** When the former owner last knew that it owns the partition, and when its successor took over. */
const beforeMs = given.nowMs;
const afterMs = given.nowMs + 10_000;

type Action = (journal: ReplicatedKeyJournal, nowMs: number) => Promise<unknown>;

const create: Action = (journal, nowMs) => journal.append(given.append(0, [1, 8]), nowMs);
const extend: Action = (journal, nowMs) =>
  journal.append(given.append(1, [9, 10], given.days(1)), nowMs);
const last: Action = (journal, nowMs) => journal.append(given.append(2, [11]), nowMs);
const merged: Action = (journal, nowMs) =>
  journal.append(
    given.batch([
      [1, [9, 10]],
      [2, [11]],
    ]),
    nowMs,
  );
const shorten: Action = (journal, nowMs) => journal.delete(given.deletion(3, 5), nowMs);
const purge: Action = (journal, nowMs) => journal.purge(given.purge(4, { upTo: 11 }), nowMs);
const again: Action = (journal, nowMs) => journal.append(given.append(5, [1, 2]), nowMs);
const beginDeleted: Action = (journal, nowMs) => journal.delete(given.deletion(5, 2), nowMs);
const remove: Action = (journal, nowMs) => journal.purge(given.purge(6), nowMs);

/**
 * What was stored, what the former owner sends too late, and what its successor has applied of the
 * same records by then, however its polls were cut.
 */
const histories: Readonly<
  Record<
    string,
    { readonly before: Action[]; readonly late: Action[]; readonly successor: Action[] }
  >
> = {
  'an append': { before: [create], late: [extend], successor: [extend, last] },
  'an append that sets an expiry': { before: [create], late: [extend], successor: [merged] },
  'an append that creates': { before: [], late: [create], successor: [create, merged, shorten] },
  'an append that creates what was purged since': {
    before: [],
    late: [create],
    successor: [purge, again],
  },
  'an append to what was purged since': {
    before: [create],
    late: [extend],
    successor: [purge, again],
  },
  'an append that creates what a delete begins anew': {
    before: [],
    late: [create],
    successor: [purge, beginDeleted],
  },
  'a delete': { before: [create, merged], late: [shorten], successor: [shorten, purge, again] },
  'a purge': { before: [create, merged], late: [purge], successor: [purge, again] },
  'a purge and what comes behind it': {
    before: [create, merged],
    late: [purge, again],
    successor: [purge, again, remove],
  },
};

describe('a former owner of a partition', function () {
  this.timeout(60_000);
  let session: CassandraSession;
  let eventual: CassandraEventualJournal;
  before(async () => {
    await setUpCassandra(settings, deps, { mode: 'create' });
    session = await openCassandraSession(settings, deps);
    eventual = new CassandraEventualJournal(session, settings);
  });
  after(async () => {
    await session[Symbol.asyncDispose]();
  });
  const look = async (key: Key) => ({
    pointer: await eventual.pointer(key),
    rows: await given.storedRows({ eventual, segmentSize }, key, { to: 30 }),
  });

  for (const [name, { before, late, successor }] of Object.entries(histories)) {
    it(`changes nothing by ${name} that it sends too late`, async () => {
      const topic = given.randomTopic();
      const run = async (key: Key, withLate: boolean) => {
        const old = new LateSession(session);
        const former = new CassandraReplicatedJournal(old, settings);
        const handle = await former.open(key);
        for (const action of before) await action(handle, beforeMs);
        old.holdBack();
        for (const action of late) await action(handle, beforeMs);
        const next = await new CassandraReplicatedJournal(session, settings).open(key);
        for (const action of successor) await action(next, afterMs);
        if (withLate) await old.release();
        return await look(key);
      };
      const undisturbed = await run({ topic, id: 'one owner' }, false);
      expect(await run({ topic, id: 'two owners' }, true)).to.deep.equal(undisturbed);
    });
  }

  it('cannot move the replicated offset, and learns that it is no owner any more', async () => {
    const topic = given.randomTopic();
    const [former, next] = [1, 2].map(() => new CassandraReplicatedJournal(session, settings));
    const { partition } = given.place(0);
    await former?.claim(topic, partition, { nowMs: beforeMs });
    await former?.saveOffset(given.move(topic, given.place(4), undefined), beforeMs);
    await next?.claim(topic, partition, { nowMs: afterMs });
    await next?.saveOffset(given.move(topic, given.place(9), 4), afterMs);
    const error = await former
      ?.saveOffset(given.move(topic, given.place(20), 4), beforeMs)
      .catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(FencedError);
    expect(await eventual.offset(topic, partition)).to.equal(9);
  });

  it('stores no move of the replicated offset that arrives after a claim (ADR 29)', async () => {
    const topic = given.randomTopic();
    const { partition } = given.place(0);
    const old = new LateSession(session);
    const former = new CassandraReplicatedJournal(old, settings);
    await former.claim(topic, partition, { nowMs: beforeMs });
    await former.saveOffset(given.move(topic, given.place(4), undefined), beforeMs);
    old.holdBack();
    const late = failureOf(former.saveOffset(given.move(topic, given.place(6), 4), beforeMs));
    const next = new CassandraReplicatedJournal(session, settings);
    expect(await next.claim(topic, partition, { nowMs: afterMs })).to.equal(4);
    await old.release();
    expect(await late).to.be.instanceOf(FencedError);
    expect(await eventual.offset(topic, partition)).to.equal(4);
    await next.saveOffset(given.move(topic, given.place(5), 4), afterMs);
    expect(await eventual.offset(topic, partition)).to.equal(5);
  });

  it('stores a first move that arrives late and is the same; its successor goes on (ADR 29)', async () => {
    const topic = given.randomTopic();
    const { partition } = given.place(0);
    const old = new LateSession(session);
    const former = new CassandraReplicatedJournal(old, settings);
    await former.claim(topic, partition, { nowMs: beforeMs });
    old.holdBack();
    const first = given.move(topic, given.place(4), undefined);
    const late = former.saveOffset(first, beforeMs);
    const next = new CassandraReplicatedJournal(session, settings);
    expect(await next.claim(topic, partition, { nowMs: afterMs })).to.equal(undefined);
    await old.release();
    await late;
    await next.saveOffset(first, afterMs);
    const error = await failureOf(
      former.saveOffset(given.move(topic, given.place(6), 4), beforeMs),
    );
    expect(error).to.be.instanceOf(FencedError);
    await next.saveOffset(given.move(topic, given.place(5), 4), afterMs);
    expect(await eventual.offset(topic, partition)).to.equal(5);
  });

  it('knows its own moves again whose answers were lost, also after further ones', async () => {
    const topic = given.randomTopic();
    const { partition } = given.place(0);
    const lossy = new LateSession(session);
    const journal = new CassandraReplicatedJournal(lossy, settings);
    await journal.claim(topic, partition, { nowMs: beforeMs });
    const move = (to: number, after?: number) =>
      failureOf(journal.saveOffset(given.move(topic, given.place(to), after), beforeMs));
    for (const [first, second, after] of [
      [0, 0, undefined],
      [3, 3, 0],
      [5, 9, 3],
    ] as const) {
      lossy.losesAnswers = true;
      expect(await move(first, after)).to.be.instanceOf(StoreUnavailableError);
      lossy.losesAnswers = false;
      expect(await move(second, after)).to.equal(undefined);
      expect(await eventual.offset(topic, partition)).to.equal(second);
    }
    const next = new CassandraReplicatedJournal(session, settings);
    lossy.losesAnswers = true;
    await move(12, 9);
    expect(await next.claim(topic, partition, { nowMs: afterMs })).to.equal(12);
    lossy.losesAnswers = false;
    expect(await move(12, 9)).to.be.instanceOf(FencedError);
  });

  it('takes over a row that another program left without a time', async () => {
    const topic = given.randomTopic();
    const { partition } = given.place(0);
    const table = `${keyspace}.pointer2`;
    await session.write(`INSERT INTO ${table} (topic, partition, offset) VALUES (?, ?, ?)`, [
      topic,
      0,
      4,
    ]);
    const next = new CassandraReplicatedJournal(session, settings);
    expect(await next.claim(topic, partition, { nowMs: afterMs })).to.equal(4);
    await next.saveOffset(given.move(topic, given.place(5), 4), afterMs);
    expect(await eventual.offset(topic, partition)).to.equal(5);
  });

  it('with a faster clock takes nothing from its successor: graceful, row or none (ADR 29)', async () => {
    const topic = given.randomTopic();
    const key = given.newKey(topic);
    const fastMs = given.nowMs + 3_600_000;
    const former = new CassandraReplicatedJournal(session, settings);
    const handle = await former.open(key);
    await create(handle, fastMs);
    await purge(handle, fastMs);
    const { partition } = given.place(0);
    await former.claim(topic, partition, { nowMs: fastMs });
    await former.saveOffset(given.move(topic, given.place(4), undefined), fastMs);

    const next = new CassandraReplicatedJournal(session, settings);
    expect(await next.claim(topic, partition, { nowMs: given.nowMs })).to.equal(4);
    await again(await next.open(key), given.nowMs);
    const { pointer, rows } = await look(key);
    expect([pointer?.seqNr, rows.length]).to.deep.equal([2, 2]);

    const third = new CassandraReplicatedJournal(session, settings);
    await third.claim(topic, partition, { nowMs: given.nowMs - 5_000 });
    await remove(await third.open(key), given.nowMs - 5_000);
    expect(await look(key)).to.deep.equal({ pointer: undefined, rows: [] });
  });
});

function failureOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** Holds writes back, as a process does that was stopped between two of them. */
class LateSession implements CassandraSession {
  readonly page: CassandraSession['page'];
  readonly select: CassandraSession['select'];
  readonly selectSerially: CassandraSession['selectSerially'];
  readonly execute: CassandraSession['execute'];
  private readonly session: CassandraSession;
  private held: (() => Promise<void>)[] | undefined;
  /** What is stored looks as if it had failed. */
  losesAnswers = false;

  constructor(session: CassandraSession) {
    this.session = session;
    this.page = session.page.bind(session);
    this.select = session.select.bind(session);
    this.selectSerially = session.selectSerially.bind(session);
    this.execute = session.execute.bind(session);
  }

  holdBack(): void {
    this.held = [];
  }

  async release(): Promise<void> {
    const { held } = this;
    this.held = undefined;
    for (const send of held ?? []) await send();
  }

  write(...args: Parameters<CassandraSession['write']>): Promise<void> {
    return this.later(() => this.session.write(...args));
  }

  writeBatch(...args: Parameters<CassandraSession['writeBatch']>): Promise<void> {
    return this.later(() => this.session.writeBatch(...args));
  }

  async writeIf(...args: Parameters<CassandraSession['writeIf']>): Promise<Row> {
    const { held } = this;
    if (held !== undefined) await new Promise<void>((resolve) => held.push(async () => resolve()));
    const answer = await this.session.writeIf(...args);
    if (this.losesAnswers) throw new StoreUnavailableError('its answer is lost');
    return answer;
  }

  private later(send: () => Promise<void>): Promise<void> {
    if (this.held === undefined) return send();
    this.held.push(send);
    return Promise.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
