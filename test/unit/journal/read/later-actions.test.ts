import { expect } from 'chai';
import { eventRecordsOf } from '../../../../src/codec/record/events-codec.ts';
import { Action, type ActionRecord } from '../../../../src/model/action.ts';
import { Offset, Partition } from '../../../../src/model/position.ts';
import { SeqNr } from '../../../../src/model/seq-nr.ts';
import type { EventualJournal } from '../../../../src/ports/eventual-journal.ts';
import type { ReplicatedJournal } from '../../../../src/ports/replicated-journal.ts';
import { CassandraEventualJournal } from '../../../../src/stores/cassandra/eventual-journal.ts';
import { CassandraReplicatedJournal } from '../../../../src/stores/cassandra/replicated-journal.ts';
import { Random } from '../../../simulation/core/random.ts';
import { Scheduler, SimulatedProcess } from '../../../simulation/core/scheduler.ts';
import { CassandraModel } from '../../../simulation/cql/cassandra-model.ts';
import { SimulatedSession } from '../../../simulation/cql/simulated-session.ts';
import { planOf } from '../../../simulation/plan.ts';
import { cassandraSettings } from '../../../simulation/settings.ts';
import { rangesOf } from '../../../support/journal/ranges.ts';
import { recordsOf, saveOffset } from '../../../support/journal/replicate.ts';
import { at, CountingWorld, eventsFrom, readAll } from '../counting-world.ts';

interface Store extends AsyncDisposable {
  readonly eventual: EventualJournal;
  readonly replicated: ReplicatedJournal;
}

/** The tables of Cassandra in memory, each statement applied as soon as it is sent. */
function simulatedCassandra(): Store {
  const rates = { failure: 0, slowAnswer: 0, stall: 0, maxStepMs: 1, slow: '' };
  const scheduler = new Scheduler(new Random(1), rates, { trace: false });
  const pump = setInterval(() => {
    while (scheduler.step());
  });
  const parts = { scheduler, process: new SimulatedProcess('R1'), pageSize: 100 };
  const session = new SimulatedSession({ ...parts, model: new CassandraModel() });
  const settings = cassandraSettings(planOf(1).plan);
  return {
    eventual: new CassandraEventualJournal(session, settings),
    replicated: new CassandraReplicatedJournal(session, settings),
    async [Symbol.asyncDispose]() {
      clearInterval(pump);
    },
  };
}

const nowMs = Date.UTC(2026, 0, 2);

for (const name of ['SQLite', 'the simulated Cassandra'] as const) {
  describe(`A read of a journal whose row shows what comes after the end of the read: ${name}`, () => {
    let world: CountingWorld;
    let store: Store;
    beforeEach(async () => {
      world = await CountingWorld.open();
      const sqlite = { ...world.store, [Symbol.asyncDispose]: async () => {} };
      store = name === 'SQLite' ? sqlite : simulatedCassandra();
    });
    afterEach(async () => {
      await store[Symbol.asyncDispose]();
      await world[Symbol.asyncDispose]();
    });

    const append = (seqNr: number) => world.writer().append(eventsFrom(seqNr, 1));
    const produce = (header: { type: 'delete'; to: SeqNr } | { type: 'purge' }) =>
      world.store.producer.produce({
        key: world.key(),
        timestampMs: 0,
        header: { ...header, origin: undefined, version: undefined },
      });
    const records = () => recordsOf(world.store.consumer, world.key(), Partition.of(0));

    /**
     * A replicator applies some appends as one batch, and dies before it has moved the replicated
     * offset.
     */
    async function applyAppends(offsets: readonly number[], deleteTo?: number): Promise<void> {
      const chosen = (await records()).filter(({ at }) => offsets.includes(at.offset));
      const [first, ...rest] = chosen.flatMap((record) =>
        Action.isAppend(record.action)
          ? eventRecordsOf({ action: record.action, at: record.at })
          : [],
      );
      if (first === undefined) throw new Error('nothing to apply');
      const journal = await store.replicated.open(world.key());
      const batch = {
        at: (chosen.at(-1) as ActionRecord).at,
        ranges: rangesOf([first, ...rest]),
        events: [first, ...rest] as const,
        expireAfter: undefined,
        deleteTo: deleteTo === undefined ? undefined : SeqNr.of(deleteTo),
      };
      await journal.append(batch, nowMs);
    }

    /** The first attempt ends at the offset; the next one, if there is one, where the log ends. */
    async function readWithEnd(offset: number): Promise<string> {
      const ends = [at(offset)];
      const readEnd = {
        find: async () =>
          ends.pop() ?? {
            partition: Partition.of(0),
            offset: await world.store.consumer.endOffset(world.topic, Partition.of(0)),
          },
        check: () => {},
      };
      return await readAll(world.reader({ eventual: store.eventual, readEnd }));
    }

    const replicateFirst = async () => {
      await applyAppends([0]);
      await saveOffset(store.replicated, (await records())[0] as ActionRecord);
      expect(await store.eventual.offset(world.topic, Partition.of(0))).to.equal(Offset.of(0));
    };

    it('does not take a delete after its end for one before it: 1 gone and 3 not there', async () => {
      for (const seqNr of [1, 2, 3]) await append(seqNr);
      await replicateFirst();
      await produce({ type: 'delete', to: SeqNr.of(1) });
      // Record 1 alone, then 1 to 3 in one poll: what the delete covers is hidden with the append
      // before it.
      await applyAppends([1]);
      await applyAppends([1, 2], 1);
      expect(await readWithEnd(2)).to.equal('2@1 3@2 last 3');
    });

    it('does not take a purge after its end for a journal that began with 2', async () => {
      for (const seqNr of [1, 2]) await append(seqNr);
      await replicateFirst();
      const purged = await produce({ type: 'purge' });
      const journal = await store.replicated.open(world.key());
      await journal.purge({ at: purged }, nowMs);
      await applyAppends([1]);
      expect(await readWithEnd(2)).to.equal('last none');
    });
  });
}
