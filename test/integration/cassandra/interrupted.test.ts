import { expect } from 'chai';
import { openCassandraEventualJournal } from '../../../src/cassandra/cassandra-eventual-journal.ts';
import { CassandraKeyJournal } from '../../../src/cassandra/cassandra-key-journal.ts';
import {
  type CassandraSession,
  openCassandraSession,
} from '../../../src/cassandra/cassandra-session.ts';
import { setUpCassandra } from '../../../src/cassandra/schema/create-schema.ts';
import { SegmentNr } from '../../../src/cassandra/segment.ts';
import { storeTables } from '../../../src/cassandra/tables/store-tables.ts';
import type { Key } from '../../../src/model/key.ts';
import type { EventualJournal } from '../../../src/ports/eventual-journal.ts';
import type { ReplicatedKeyJournal } from '../../../src/ports/replicated-journal.ts';
import * as given from '../../contract/replicated-store.ts';
import { cassandraSettings, deps, dropKeyspace, randomKeyspace } from './cassandra-server.ts';

const keyspace = randomKeyspace();
const segmentSize = 3;
const settings = cassandraSettings(keyspace, { segmentSize });
const tables = storeTables(settings.schema);

type Action = (journal: ReplicatedKeyJournal) => Promise<unknown>;

const append: Action = (journal) =>
  journal.append(
    given.batch([
      [1, [1, 2, 3, 4]],
      [2, [5, 6, 7, 8]],
    ]),
    given.nowMs,
  );
const expiring: Action = (journal) =>
  journal.append(given.append(3, [9, 10], given.days(1)), given.nowMs);
const lasting: Action = (journal) => journal.append(given.append(4, [11]), given.nowMs);
const deleteTo =
  (offset: number, to: number): Action =>
  (journal) =>
    journal.delete(given.deletion(offset, to), given.nowMs);
const purge =
  (offset: number): Action =>
  (journal) =>
    journal.purge(given.purge(offset), given.nowMs);

/** What was applied before, then the action that is cut short and repeated. */
const histories: Readonly<Record<string, readonly [before: readonly Action[], action: Action]>> = {
  'an append that creates the journal': [[], append],
  'an append': [[append], expiring],
  'an append that removes the expiry': [[append, expiring], lasting],
  'a delete': [[append], deleteTo(5, 5)],
  'a delete of all': [[append], deleteTo(5, 8)],
  'a lower delete': [[append, deleteTo(5, 7)], deleteTo(6, 2)],
  'a purge': [[append], purge(5)],
  'a purge after a delete': [[append, deleteTo(5, 7)], purge(6)],
};

describe('a replicator that dies between two statements', function () {
  this.timeout(60_000);
  let session: CassandraSession;
  let eventual: EventualJournal;
  before(async () => {
    await setUpCassandra(settings, deps, { mode: 'create' });
    session = await openCassandraSession(settings, deps);
    eventual = await openCassandraEventualJournal(settings, deps);
  });
  after(async () => {
    await session[Symbol.asyncDispose]();
    await eventual[Symbol.asyncDispose]();
    await dropKeyspace(keyspace);
  });

  const open = async (key: Key, failing: CassandraSession = session) => {
    const pointer = await eventual.pointer(key);
    const [segment] = SegmentNr.ofId(key.id);
    return new CassandraKeyJournal({
      session: failing,
      tables,
      segmentSize,
      key,
      segment,
      pointer,
    });
  };
  const look = async (key: Key) => ({
    pointer: await eventual.pointer(key),
    rows: await given.storedRows({ eventual, segmentSize } as given.ReplicatedStore, key, {
      to: 30,
    }),
  });
  /**
   * Applies the history with a death before write number `deathAt` of its action, which is then
   * repeated.
   */
  const run = async ([before, action]: (typeof histories)[string], key: Key, deathAt: number) => {
    for (const earlier of before) await earlier(await open(key));
    const writes = new Mortal(session, deathAt);
    await action(await open(key, writes)).catch(() => {});
    if (writes.count > deathAt) await action(await open(key));
    return { ...(await look(key)), writes: writes.count };
  };

  for (const [name, history] of Object.entries(histories)) {
    it(`leaves the same rows when ${name} is repeated, wherever it was cut short`, async () => {
      const topic = given.randomTopic();
      // One id and topic: the generation's name follows from where the first record lies.
      const whole = await run(history, { topic, id: 'whole' }, Number.POSITIVE_INFINITY);
      expect(whole.writes).to.be.greaterThan(1);
      for (let deathAt = 0; deathAt < whole.writes; deathAt++) {
        const { pointer, rows } = await run(history, { topic, id: `${deathAt}` }, deathAt);
        expect({ pointer, rows, deathAt }).to.deep.equal({
          pointer: whole.pointer,
          rows: whole.rows,
          deathAt,
        });
      }
    });
  }

  it('leaves no row of an append that died before its journal existed when a purge follows (V7)', async () => {
    const key = given.newKey(given.randomTopic());
    const small: Action = (journal) => journal.append(given.append(0, [1, 3]), given.nowMs);
    await small(await open(key, new Mortal(session, 1))).catch(() => {});
    expect((await look(key)).rows).to.have.length(3);
    await (await open(key)).purge(given.purge(1), given.nowMs);
    await (await open(key)).append(given.append(2, [1, 3]), given.nowMs);
    const { rows } = await look(key);
    expect(rows.map(({ event, record }) => [event.seqNr, record.at.offset])).to.deep.equal([
      [1, 2],
      [2, 2],
      [3, 2],
    ]);
  });

  it('shows nothing of a delete before its offset moved, so that it is applied again (V8)', async () => {
    const key = given.newKey(given.randomTopic());
    await append(await open(key));
    await deleteTo(5, 5)(await open(key, new Mortal(session, 1))).catch(() => {});
    const { pointer, rows } = await look(key);
    expect([pointer?.deleteTo, pointer?.at.offset, rows.length]).to.deep.equal([5, 2, 8]);
  });
});

/** A session whose owner dies before write number `deathAt`; later ones are not sent either. */
class Mortal implements CassandraSession {
  count = 0;
  readonly page: CassandraSession['page'];
  readonly select: CassandraSession['select'];
  readonly execute: CassandraSession['execute'];
  private readonly session: CassandraSession;
  private readonly deathAt: number;

  constructor(session: CassandraSession, deathAt: number) {
    this.session = session;
    this.deathAt = deathAt;
    this.page = session.page.bind(session);
    this.select = session.select.bind(session);
    this.execute = session.execute.bind(session);
  }

  async write(...args: Parameters<CassandraSession['write']>): Promise<void> {
    this.live();
    await this.session.write(...args);
  }

  async writeBatch(...args: Parameters<CassandraSession['writeBatch']>): Promise<void> {
    this.live();
    await this.session.writeBatch(...args);
  }

  private live(): void {
    if (this.count++ >= this.deathAt) throw new Error('the replicator died');
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
