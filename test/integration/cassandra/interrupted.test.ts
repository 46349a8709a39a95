import { expect } from 'chai';
import type { Key } from '../../../src/model/key.ts';
import type { EventualJournal } from '../../../src/ports/eventual-journal.ts';
import type { ReplicatedKeyJournal } from '../../../src/ports/replicated-journal.ts';
import { openCassandraEventualJournal } from '../../../src/stores/cassandra/eventual-journal.ts';
import { CassandraReplicatedJournal } from '../../../src/stores/cassandra/replicated-journal.ts';
import { setUpCassandra } from '../../../src/stores/cassandra/schema/create-schema.ts';
import { openCassandraSession } from '../../../src/stores/cassandra/session.ts';
import type { CassandraSession } from '../../../src/stores/cassandra/session-types.ts';
import * as given from '../../contract/replicated-store.ts';
import { cassandraSettings, deps } from './cassandra-server.ts';
import { MortalSession } from './mortal-session.ts';
import { sharedKeyspace } from './shared-keyspace.ts';

const segmentSize = 3;
const settings = cassandraSettings(sharedKeyspace(), { segmentSize });

let ticks = 0;

/** Time goes on between two processes, if only by a millisecond (ADR 29). */
const tick = () => given.nowMs + ++ticks;

type Action = (journal: ReplicatedKeyJournal) => Promise<unknown>;

const append: Action = (journal) =>
  journal.append(
    given.batch([
      [1, [1, 2, 3, 4]],
      [2, [5, 6, 7, 8]],
    ]),
    tick(),
  );
const expiring: Action = (journal) =>
  journal.append(given.append(3, [9, 10], given.days(1)), tick());
const lasting: Action = (journal) => journal.append(given.append(4, [11]), tick());
const deleteTo =
  (offset: number, to: number): Action =>
  (journal) =>
    journal.delete(given.deletion(offset, to), tick());
const purge =
  (offset: number): Action =>
  (journal) =>
    journal.purge(given.purge(offset), tick());

const purgeOfOrphans: Action = (journal) => journal.purge(given.purge(5, { upTo: 8 }), tick());

/** What was applied before, then the action that is cut short and repeated. */
const histories: Readonly<Record<string, readonly [before: readonly Action[], action: Action]>> = {
  'an append that creates the journal': [[], append],
  'an append': [[append], expiring],
  'an append that removes the expiry': [[append, expiring], lasting],
  'a delete': [[append], deleteTo(5, 5)],
  'a delete of all': [[append], deleteTo(5, 8)],
  'a delete behind another': [[append, deleteTo(5, 2)], deleteTo(6, 7)],
  'a lower delete': [[append, deleteTo(5, 7)], deleteTo(6, 2)],
  'a purge': [[append], purge(5)],
  'a purge after a delete': [[append, deleteTo(5, 7)], purge(6)],
  'a purge of an append that was cut short': [[], purgeOfOrphans],
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
  });

  const open = (key: Key, of: CassandraSession = session) =>
    new CassandraReplicatedJournal(of, settings).open(key);
  const look = async (key: Key) => ({
    pointer: await eventual.pointer(key),
    rows: await given.storedRows({ eventual, segmentSize } as given.ReplicatedStore, key, {
      to: 30,
    }),
  });
  /**
   * Applies the history with a death around write number `deathAt` of its action, which is then
   * repeated by a fresh process, which may die as well.
   */
  const run = async (
    [before, action]: (typeof histories)[string],
    key: Key,
    deaths: readonly (readonly [deathAt: number, moment: 'before' | 'after'])[],
  ) => {
    for (const earlier of before) await earlier(await open(key));
    let writes = 0;
    for (const [deathAt, moment] of deaths) {
      const mortal = new MortalSession(session, deathAt, moment);
      await action(await open(key, mortal)).catch(() => {});
      writes = mortal.count;
      if (!mortal.isDead) return { ...(await look(key)), writes };
    }
    await action(await open(key));
    return { ...(await look(key)), writes };
  };

  for (const [name, history] of Object.entries(histories)) {
    it(`leaves the same rows when ${name} is repeated, wherever it was cut short`, async () => {
      const topic = given.randomTopic();
      // One topic: the generation's name follows from where the first record lies.
      const whole = await run(history, { topic, id: 'whole' }, [
        [Number.POSITIVE_INFINITY, 'before'],
      ]);
      expect(whole.writes).to.be.greaterThan(0);
      for (let first = 0; first < whole.writes; first++) {
        for (const deaths of [
          [[first, 'before']],
          [[first, 'after']],
          [
            [first, 'after'],
            [first, 'before'],
          ],
        ] as const) {
          const id = JSON.stringify(deaths);
          const { pointer, rows } = await run(history, { topic, id }, deaths);
          expect({ pointer, rows, id }).to.deep.equal({
            pointer: whole.pointer,
            rows: whole.rows,
            id,
          });
        }
      }
    });
  }

  it('leaves no row of an append that died before its journal existed when a purge follows (V7)', async () => {
    const key = given.newKey(given.randomTopic());
    const small: Action = (journal) => journal.append(given.append(0, [1, 3]), tick());
    await small(await open(key, new MortalSession(session, 1))).catch(() => {});
    expect((await look(key)).rows).to.have.length(3);
    await (await open(key)).purge(given.purge(1, { upTo: 3 }), tick());
    await (await open(key)).append(given.append(2, [1, 3]), tick());
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
    await deleteTo(5, 5)(await open(key, new MortalSession(session, 1))).catch(() => {});
    const { pointer, rows } = await look(key);
    expect([pointer?.deleteTo, pointer?.at.offset, rows.length]).to.deep.equal([5, 2, 8]);
  });
});
