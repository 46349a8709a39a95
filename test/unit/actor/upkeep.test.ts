import { expect } from 'chai';
import { createActor, fromPromise, setup } from 'xstate';
import {
  type JournalError,
  NotOwnerError,
  StoreUnavailableError,
} from '../../../src/model/errors.ts';
import { SeqNr } from '../../../src/model/seq-nr.ts';
import type { PersistenceId } from '../../../src/ports/journal-plugin.ts';
import { SnapshotCriteria } from '../../../src/ports/snapshot-store.ts';
import { InMemorySnapshotStore } from '../../../src/stores/memory/in-memory-snapshot-store.ts';
import { counterMachine } from './counter.ts';
import { HoldableJournal } from './holdable-journal.ts';
import { failureOf, ManualClock, settle, type TestHostOptions, testHost } from './support.ts';

const added = { type: 'added', n: 1 } as const;

function openCounters(options: TestHostOptions = {}) {
  const journal = new HoldableJournal();
  const test = testHost({ journal, ...options });
  const logic = test.host.persistent(counterMachine(), {
    persistenceId: ({ input }) => `c|${input.id}`,
    onPersistFailure: { minBackoff: 1, maxBackoff: 1 },
  });
  const start = (id = '1') => {
    const actor = createActor(logic, { input: { id } });
    actor.subscribe({ error: () => {} });
    return actor.start();
  };
  const counters = test.host.entities('counter', logic);
  const numbers = (id = '1') => journal.stored(`c|${id}`).map(({ seqNr }) => seqNr);
  return { host: test.host, journal, start, counters, numbers };
}

describe('deleteEvents', () => {
  it('deletes up to a number, under the hold of the actor, which goes on', async () => {
    const { host, journal, start, numbers } = openCounters();
    const actor = start();
    for (let i = 0; i < 3; i++) await host.ask(actor, added); // 2 3 4
    await host.deleteEvents(actor, 3);
    expect(numbers()).to.deep.equal([4]);
    expect(journal.holds).to.have.length(1);
    const { sequenceNr, snapshot } = await host.ask(actor, added);
    expect([sequenceNr, snapshot.context.count]).to.deep.equal([5, 4]);
  });

  it('deletes no event that does not exist', async () => {
    const { host, start, counters, numbers } = openCounters();
    const actor = start();
    await host.ask(actor, added);
    for (const to of [3, 0, 1.5, Number.NaN]) {
      expect((await failureOf(host.deleteEvents(actor, to))).code).to.equal('INVALID_INPUT');
    }
    expect((await failureOf(host.deleteEvents({}, 1))).code).to.equal('INVALID_INPUT');
    expect(numbers()).to.deep.equal([1, 2]);
    await host.stop(actor);
    expect((await failureOf(counters.deleteEvents('1', 3))).message).to.contain('has 2 events');
    await counters.deleteEvents('1', SeqNr.max);
    expect(numbers()).to.deep.equal([]);
  });

  it('holds the journal for an entity that has ended, and for one that is not held', async () => {
    const { host, journal, start, numbers } = openCounters();
    const actor = start();
    await host.ask(actor, added);
    journal.lose('c|1');
    await settle();
    expect(actor.getSnapshot().persistence.phase).to.equal('unowned');
    await host.deleteEvents(actor, 1);
    expect(numbers()).to.deep.equal([2]);
    await host.stop(actor);
    await host.deleteEvents(actor, 2);
    expect(numbers()).to.deep.equal([]);
    expect(journal.holds.map(({ released }) => released)).to.deep.equal([true, true, true]);
  });
});

describe('purge', () => {
  it('ends the actor; the next one begins anew', async () => {
    const { host, start, numbers } = openCounters();
    const actor = start();
    for (let i = 0; i < 3; i++) await host.ask(actor, added);
    await host.purge(actor);
    expect(actor.getSnapshot().persistence.phase).to.equal('stopped');
    expect(numbers()).to.deep.equal([]);
    expect((await failureOf(host.ask(actor, added))).code).to.equal('ENTITY_STOPPED');
    expect((await host.ask(start(), added)).sequenceNr).to.equal(2);
    expect(numbers()).to.deep.equal([1, 2]);
  });

  it('waits for the write under way, and what starts meanwhile recovers after it', async () => {
    const { host, journal, start, numbers } = openCounters();
    const actor = start();
    await host.ask(actor, added);
    const write = journal.blockNextWrite();
    const written = host.ask(actor, added);
    await write.reached;
    const purged = host.purge(actor);
    const hold = journal.blockNextHold();
    await settle();
    expect(journal.holds).to.have.length(1);
    write.open();
    expect((await written).sequenceNr).to.equal(3);
    await hold.reached;
    // Between the end of the actor and the purge.
    const next = start();
    const asked = host.ask(next, added);
    await settle();
    expect(next.getSnapshot().persistence.phase).to.equal('awaiting-permit');
    expect(numbers()).to.deep.equal([1, 2, 3]);
    hold.open();
    await purged;
    expect((await asked).sequenceNr, 'of the new life').to.equal(2);
    expect((await asked).snapshot.context.count).to.equal(1);
  });

  it('lets commands wait that come meanwhile; they begin the entity anew', async () => {
    const { journal, counters } = openCounters();
    await counters.ask('1', added);
    const hold = journal.blockNextHold();
    const purged = counters.purge('1');
    await hold.reached;
    const asked = counters.ask('1', added);
    hold.open();
    await purged;
    expect((await asked).snapshot.context.count).to.equal(1);
  });

  it('starts nothing for an entity that is not live', async () => {
    const { journal, counters, numbers } = openCounters();
    journal.seed('c|1', [{ type: 'no event of this machine' }]);
    await counters.purge('1');
    expect(numbers()).to.deep.equal([]);
    expect(counters.ids()).to.deep.equal([]);
    expect(journal.calls.recover).to.equal(0);
    expect(journal.holds.map(({ released }) => released)).to.deep.equal([true]);
  });

  it('leaves the journal alone when another process has the entity', async () => {
    const { journal, counters, numbers } = openCounters();
    await counters.ask('1', added);
    journal.failNextHold(new NotOwnerError('another process has it'));
    expect((await failureOf(counters.purge('1'))).code).to.equal('NOT_OWNER');
    expect(numbers()).to.deep.equal([1, 2]);
    expect((await counters.ask('1', added)).sequenceNr).to.equal(3);
  });

  it('leaves the entity alone when it is called wrongly, or was given up before', async () => {
    const { host, journal, counters } = openCounters();
    await counters.ask('1', added);
    const reason = new Error('given up');
    expect((await failureOf(counters.purge('1', { timeout: -1 }))).code).to.equal('INVALID_INPUT');
    const signal = AbortSignal.abort(reason);
    for (const purge of [
      counters.purge('1', { signal }),
      host.purge(counters.ref('1'), { signal }),
    ])
      expect(await failureOf(purge)).to.equal(reason);
    expect((await counters.ask('1', added)).sequenceNr).to.equal(3);
    expect(journal.calls.recover).to.equal(1);
  });

  it('that takes too long still ends the entity, and what comes meanwhile waits for that', async () => {
    const clock = new ManualClock();
    const { journal, counters } = openCounters({ clock });
    await counters.ask('1', added);
    const write = journal.blockNextWrite();
    const written = counters.ask('1', added);
    await write.reached;
    const purged = failureOf(counters.purge('1', { timeout: 100 }));
    await clock.pass(100);
    expect((await purged).code).to.equal('DEADLINE_EXCEEDED');
    const asked = counters.ask('1', added);
    await settle();
    write.open();
    expect((await written).sequenceNr).to.equal(3);
    expect((await asked).sequenceNr).to.equal(4);
  });

  it('that fails leaves the entity its work, with which it goes on by itself', async () => {
    for (const fails of [true, false]) {
      const clock = new ManualClock();
      const { host, journal } = testHost({ clock });
      let begun = 0;
      const work = fromPromise(() => {
        begun++;
        return new Promise(() => {});
      });
      const machine = setup({ actors: { work } }).createMachine({
        id: 'worker',
        invoke: { src: 'work', id: 'work' },
        on: { look: {} },
      });
      const logic = host.persistent(machine, { persistenceId: 'w' });
      const workers = host.entities('worker', logic, { input: () => undefined });
      await workers.ask('1', { type: 'look' });
      const purge = journal.purge.bind(journal);
      journal.purge = async (id) => {
        if (fails) throw new StoreUnavailableError('down');
        await purge(id);
      };
      const purged = workers.purge('1');
      if (fails) expect((await failureOf(purged)).code).to.equal('STORE_UNAVAILABLE');
      else await purged;
      await clock.pass(2000);
      expect([begun, workers.ids()]).to.deep.equal(fails ? [2, ['1']] : [1, []]);
    }
  });

  it('holds the journal anew when it learns by the purge itself that it was lost', async () => {
    const { journal, counters, numbers } = openCounters();
    journal.seed('c|1', [added]);
    const purge = journal.purge.bind(journal);
    let losses = 2;
    journal.purge = async (id) => {
      if (losses-- > 0) throw new NotOwnerError('another process has opened a tenure');
      await purge(id);
    };
    await counters.purge('1');
    expect(numbers()).to.deep.equal([]);
    expect(journal.holds.map(({ released }) => released)).to.deep.equal([true, true, true]);
    losses = Number.POSITIVE_INFINITY;
    expect((await failureOf(counters.purge('1'))).code).to.equal('NOT_OWNER');
  });

  it('may be done when the shutdown cuts it; one that begins later is certainly not', async () => {
    const { host, journal, counters } = openCounters();
    const hold = journal.blockNextHold();
    const purged = failureOf(counters.purge('1'));
    await hold.reached;
    const shutDown = host.shutdown();
    const cut = (await purged) as JournalError;
    expect([cut.code, cut.stored]).to.deep.equal(['WRITE_FAILED', 'unknown']);
    expect(cut.message).to.contain('c|1 was not purged in time; it may be later');
    hold.open();
    await shutDown;
    const late = (await failureOf(counters.purge('1'))) as JournalError;
    expect([late.code, late.stored]).to.deep.equal(['CLOSED', 'no']);
  });

  it('deletes the snapshots before the events: those of the next life are found', async () => {
    const order: string[] = [];
    const journal = new HoldableJournal();
    const purge = journal.purge.bind(journal);
    journal.purge = async (id) => {
      order.push('journal');
      await purge(id);
    };
    const store = new InMemorySnapshotStore();
    const deleteMatching = store.deleteMatching.bind(store);
    store.deleteMatching = async (...of) => {
      expect(journal.current, 'it is held').to.have.length(1);
      order.push('snapshots');
      await deleteMatching(...of);
    };
    const { counters } = openCounters({ journal, snapshotStore: async () => store });
    const persistenceId = 'c|1' as PersistenceId;
    journal.seed(persistenceId, [added]);
    const metadata = { persistenceId, seqNr: SeqNr.of(1), timestampMs: 1 };
    await store.save(metadata, new Uint8Array());
    await counters.purge('1');
    expect(order).to.deep.equal(['snapshots', 'journal']);
    expect(await store.load(persistenceId, SnapshotCriteria.all)).to.equal(undefined);
    store.deleteMatching = async () => {
      throw new StoreUnavailableError('no answer');
    };
    journal.seed(persistenceId, [added]);
    expect((await failureOf(counters.purge('1'))).code).to.equal('STORE_UNAVAILABLE');
    expect(journal.stored(persistenceId)).to.have.length(1);
  });

  it('is not seen in part by a peek, which waits for its end', async () => {
    const journal = new HoldableJournal();
    const store = new InMemorySnapshotStore();
    const { counters } = openCounters({ journal, snapshotStore: async () => store });
    const persistenceId = 'c|1' as PersistenceId;
    journal.seed(persistenceId, [added, added]);
    await journal.deleteTo(persistenceId, SeqNr.of(1)); // so that a snapshot is needed
    const purge = journal.purge.bind(journal);
    let peeked: Promise<{ readonly context: { readonly count: number } }> | undefined;
    journal.purge = async (id) => {
      peeked = counters.peek('1');
      await settle();
      await purge(id);
    };
    await counters.purge('1');
    expect((await peeked)?.context.count).to.equal(0);
  });

  it('is refused for a child, which its parent alone may stop, and where the journal has none', async () => {
    const { host, journal } = testHost();
    const child = host.persistent(counterMachine(), { persistenceId: 'child' });
    const parent = setup({ actors: { child } }).createMachine({
      invoke: { src: 'child', id: 'child', input: { id: '1' } },
    });
    const actor = createActor(parent).start();
    const ref = actor.getSnapshot().children.child as object;
    await host.whenRecovered(ref);
    expect((await failureOf(host.purge(ref))).message).to.contain('has a parent');
    actor.stop();
    Object.assign(journal, { purge: undefined });
    const counters = host.entities(
      'counter',
      host.persistent(counterMachine(), { persistenceId: 'c' }),
    );
    expect((await failureOf(counters.purge('1'))).message).to.contain('cannot be purged');
  });
});
