import { expect } from 'chai';
import { CodecError, StoreUnavailableError } from '../../../../src/model/errors.ts';
import type { Topic } from '../../../../src/model/position.ts';
import { CassandraEventualJournal } from '../../../../src/stores/cassandra/eventual-journal.ts';
import { CassandraReplicatedJournal } from '../../../../src/stores/cassandra/replicated-journal.ts';
import {
  bucketMs,
  shareOf,
  wakeUpStatements,
} from '../../../../src/stores/cassandra/tables/wake-up-table.ts';
import * as given from '../../../contract/replicated-store.ts';
import {
  change,
  dueOf,
  known,
  latest,
  partition,
  removal,
  set,
  type WakeUpStore,
  wakeUp,
  wakeUpsContract,
} from '../../../contract/wake-ups.contract.ts';
import { CassandraModel } from '../../../simulation/cql/cassandra-model.ts';
import { planOf } from '../../../simulation/plan.ts';
import { cassandraSettings } from '../../../simulation/settings.ts';
import { ModelSession } from './model-session.ts';

const settings = cassandraSettings(planOf(1).plan);

function open(pageSize?: number) {
  const model = new CassandraModel();
  const session = new ModelSession(model, pageSize);
  const another = async () =>
    new CassandraReplicatedJournal(new ModelSession(model, pageSize), settings);
  const store: WakeUpStore = {
    eventual: new CassandraEventualJournal(session, settings),
    replicated: new CassandraReplicatedJournal(session, settings),
    another,
  };
  /** Rows that are left, by table. */
  const rows = (): Record<string, number> =>
    Object.fromEntries(
      ['wake_up_keys', 'wake_ups', 'wake_up_buckets'].map((name) => {
        const { partitions } = model.table(name);
        const live = partitions.flatMap((stored) =>
          stored.rows.filter((row) => row.isLive(stored.deletedAtOf(row))),
        );
        return [name, live.length];
      }),
    );
  return { store, session, rows };
}

const none = { wake_up_keys: 0, wake_ups: 0, wake_up_buckets: 0 };
const minute = 60_000;

describe('wake-ups in Cassandra', () => {
  for (const pageSize of [2, 100]) {
    describe(`as the simulation has its tables, in pages of ${pageSize}`, () => {
      const { store } = open(pageSize);
      wakeUpsContract(() => store);
    });
  }

  it('are read only where they are due, however many wait for later', async () => {
    const topic = given.randomTopic();
    const { store, session } = open();
    for (const at of given.numbers(1, 500)) {
      await change(store.replicated, [topic, `j${at}`], set(at * bucketMs, at));
    }
    const before = session.reads;
    expect(await dueOf(store, topic, 3 * bucketMs)).to.have.length(3);
    // The list of stretches; the shares of three of them; and what three journals say.
    expect(session.reads - before).to.equal(1 + 3 * 16 + 3);
  });

  const cutChanges = [set(50, 1), set(2 * bucketMs, 2), set(40, 3), removal(4)];

  for (const [index, cut] of cutChanges.entries()) {
    for (const written of [0, 1, 2, 3]) {
      it(`are whole again after change ${index} ended with ${written} statements, and nothing is left`, async () => {
        const topic = given.randomTopic();
        const { store, session, rows } = open();
        const { replicated } = store;
        for (const to of cutChanges.slice(0, index)) await change(replicated, [topic, 'j'], to);
        session.writesLeft = written;
        const failed: unknown = await change(replicated, [topic, 'j'], cut).catch((error) => error);
        session.writesLeft = Number.POSITIVE_INFINITY;
        if (failed !== undefined) expect(failed).to.be.instanceOf(StoreUnavailableError);
        const next = await store.another?.();
        if (next === undefined) return;
        await next.claim(topic, partition, { nowMs: given.nowMs });
        await next.wakeUpsUpTo(topic, partition);
        await change(next, [topic, 'j'], cut, given.nowMs + 1);
        const expected = cut.type === 'set' ? [{ id: 'j', ...cut.wakeUp }] : [];
        expect(await dueOf(store, topic)).to.deep.equal(expected);
        await change(next, [topic, 'j'], removal(5), given.nowMs + 1);
        for (const minutes of [1, 2, 3]) {
          await next.saveWakeUps(known(topic, minutes), given.nowMs + minutes * minute);
        }
        expect(rows()).to.deep.equal(none);
      });
    }
  }

  async function passed(topic: Topic, store: WakeUpStore, minutes: number): Promise<void> {
    for (const at of given.numbers(1, minutes)) {
      await store.replicated.saveWakeUps(known(topic, at), given.nowMs + at * minute);
    }
  }

  it('leave no row when they are removed and their time has passed, and are there until then', async () => {
    const topic = given.randomTopic();
    const { store, rows } = open(3);
    await change(store.replicated, [topic, 'waits'], set(1, 1));
    await change(store.replicated, [topic, 'later'], set(latest, 2));
    for (const at of given.numbers(3, 40)) {
      await change(store.replicated, [topic, `j${at}`], set(at * bucketMs, at));
      await change(store.replicated, [topic, `j${at}`], removal(at));
    }
    expect(rows()).to.deep.equal({ wake_up_keys: 2, wake_ups: 2, wake_up_buckets: 40 });
    await passed(topic, store, 20);
    expect(rows()).to.deep.equal({ wake_up_keys: 2, wake_ups: 2, wake_up_buckets: 2 });
    expect(await dueOf(store, topic)).to.deep.equal([
      { id: 'waits', ...wakeUp(1, 1) },
      { id: 'later', ...wakeUp(latest, 2) },
    ]);
  });

  for (const [column, damaged] of [
    ['due', [-7, 1]],
    ['offset', [7, -1]],
  ] as const) {
    it(`are named by topic, id, table and column when they cannot be decoded: ${column}`, async () => {
      const topic = given.randomTopic();
      const { store, session } = open();
      const { insertKey } = wakeUpStatements(settings.schema.keyspace.name);
      const [due, offset] = damaged;
      await session.write(insertKey, [topic, partition, shareOf('j'), 'j', due, 'time', offset]);
      const failed: unknown = await change(store.replicated, [topic, 'j'], set(9, 9)).catch(
        (error: unknown) => error,
      );
      expect(failed).to.be.instanceOf(CodecError);
      const place = { topic, partition, id: 'j', table: 'wake_up_keys', column };
      expect((failed as CodecError).place).to.deep.equal(place);
    });
  }

  it('are found in a stretch of time that was removed before', async () => {
    const topic = given.randomTopic();
    const { store, rows } = open();
    await change(store.replicated, [topic, 'j'], set(1, 1));
    await change(store.replicated, [topic, 'j'], removal(1));
    await passed(topic, store, 1);
    expect(rows()).to.deep.equal(none);
    await change(store.replicated, [topic, 'j'], set(2, 2), given.nowMs + minute);
    expect(await dueOf(store, topic)).to.deep.equal([{ id: 'j', ...wakeUp(2, 2) }]);
  });
});
