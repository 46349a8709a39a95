import { expect } from 'chai';
import type { AnyActorLogic } from 'xstate';
import { createActor, sendParent, sendTo, setup } from 'xstate';
import type { AskOptions } from '../../../../src/actor/registry/entities.ts';
import { MemoryJournalPlugin } from '../../../support/memory-journal-plugin.ts';
import { RecordingLogger } from '../../../support/recording-logger.ts';
import { TestSnapshotStore } from '../snapshots/support.ts';
import { ManualClock, settle, testHost } from '../support.ts';
import { factsIn } from './support.ts';

/** A parent with a persistent child that counts, and sends what it was told to the child. */
function open(
  journal = new MemoryJournalPlugin(),
  isDelivered = true,
  { id = 'counter', store = undefined as TestSnapshotStore | undefined, entity = {} } = {},
) {
  const [log, time] = [new RecordingLogger(), new ManualClock()];
  const { host } = testHost({ journal, clock: time, log, snapshotStore: async () => store });
  const deliveries = { sendTo: isDelivered };
  const counter = host.persistent(
    setup({
      types: { context: {} as { count: number }, events: {} as { type: 'add' } | { type: 'call' } },
    }).createMachine({
      id: 'counter',
      context: { count: 0 },
      on: {
        add: { actions: ({ context }) => context },
        call: { actions: sendParent({ type: 'called' }) },
      },
    }),
    { persistenceId: 'child', deliveries },
  );
  const parent = setup({ actors: { counter: counter as unknown as AnyActorLogic } }).createMachine({
    id: 'parent',
    initial: 'alone',
    states: {
      alone: { on: { begin: 'together' } },
      together: {
        invoke: { src: 'counter', id, systemId: 'books' },
        entry: sendTo(id, { type: 'add' }),
        on: {
          more: { actions: sendTo(({ system }) => system.get('books'), { type: 'add' }) },
          odd: { actions: sendTo(id, { type: 'unknown' }) },
          called: {},
          end: 'alone',
        },
        initial: 'open',
        states: {
          open: { on: { finish: 'last' } },
          last: { type: 'final', entry: sendTo(id, { type: 'add' }) },
        },
        onDone: 'over',
      },
      over: { type: 'final' },
    },
  });
  const logic = host.persistent(parent, {
    persistenceId: 'parent',
    deliveries,
    ...entity,
  } as never);
  const actor = createActor(logic as unknown as AnyActorLogic, {} as never);
  actor.subscribe({ error: () => {} });
  actor.start();
  const tell = async (type: string, how?: AskOptions) => {
    await host.ask(actor as never, { type } as never, how);
    await settle();
  };
  const child = () =>
    journal.stored('child').map(({ payload }) => (payload as { type: string }).type);
  return { host, journal, actor, tell, child, time, log };
}

describe('sendTo of an entity that delivers', () => {
  it('reaches a persistent child that is made by the same event, once', async () => {
    const world = open();
    await world.tell('begin');
    await world.tell('more');
    expect(world.child()).to.deep.equal(['add', 'add']);
    expect(
      factsIn(world.journal, 'parent').map(({ deliveries }) => deliveries?.[0]?.to),
    ).to.deep.equal(['#child:counter', undefined, '#child:counter', undefined]);
    expect(factsIn(world.journal, 'parent').filter(({ confirmed }) => confirmed)).to.have.length(2);
    expect(world.journal.stored('child')[0]?.facts.command?.commandId).to.match(/^parent#1\.0@/);
  });

  it('carries the correlation id of the command that led to it', async () => {
    const world = open();
    await world.tell('begin', { correlationId: 'order-1', causationId: 'click-1' });
    const [first] = world.journal.stored('child');
    expect(first?.facts.command).to.include({ correlationId: 'order-1' });
    expect(first?.facts.command).not.to.have.property('causationId');
  });

  it('is sent as always without the option', async () => {
    const world = open(new MemoryJournalPlugin(), false);
    await world.tell('begin');
    expect(world.child()).to.deep.equal(['add']);
    expect(factsIn(world.journal, 'parent')).to.deep.equal([{}]);
  });

  it('goes on after a crash, and is not done twice by the child', async () => {
    const world = open();
    const childWrites = world.journal;
    await world.tell('begin');
    // The parent crashes before the confirmation is stored: the journal is as it was then.
    const journal = new MemoryJournalPlugin();
    await journal.write([
      { persistenceId: 'parent' as never, events: [childWrites.stored('parent')[0] as never] },
      { persistenceId: 'child' as never, events: [childWrites.stored('child')[0] as never] },
    ]);
    const after = open(journal);
    await after.host.whenRecovered(after.actor);
    await settle();
    expect(after.child()).to.deep.equal(['add']);
    expect(factsIn(journal, 'parent').at(-1)).to.have.property('confirmed');
  });

  for (const [from, store] of [
    ['events', undefined],
    ['a snapshot', new TestSnapshotStore()],
  ] as const) {
    it(`goes on with a child that has another id by now, from ${from}`, async () => {
      const entity = { retention: { snapshotEvery: 1, keepSnapshots: 9 } };
      const first = open(new MemoryJournalPlugin(), true, { store, entity });
      await first.tell('begin');
      const journal = new MemoryJournalPlugin();
      const [begun] = first.journal.stored('parent');
      await journal.write([{ persistenceId: 'parent' as never, events: [begun as never] }]);
      await store?.delete({ persistenceId: 'parent', seqNr: 2, timestampMs: 0 } as never);
      const renamed = { actors: { counter: 'ledger' } };
      const after = open(journal, true, { store, id: 'ledger', entity: { renamed } });
      await after.host.whenRecovered(after.actor);
      await settle();
      expect(after.child()).to.deep.equal(['add']);
      expect(factsIn(journal, 'parent').at(-1)).to.have.property('confirmed');
    });
  }

  it('reaches the parent', async () => {
    const world = open();
    await world.tell('begin');
    const child = world.actor.getSnapshot().children.counter;
    child.send({ type: 'call' });
    await settle();
    expect(world.journal.payloads('parent')).to.deep.include({ type: 'called' });
    expect(factsIn(world.journal, 'child').at(-2)?.deliveries?.[0]?.to).to.equal('#parent');
    expect(factsIn(world.journal, 'child').at(-1)).to.have.property('confirmed');
  });

  it('has arrived when the receiver refuses it', async () => {
    const world = open();
    await world.tell('begin');
    await world.tell('odd');
    expect(factsIn(world.journal, 'parent').at(-1)).to.have.property('confirmed');
    expect(world.log.of('warn')).to.include('an actor has refused what was sent to it');
  });

  it('ends with the entity where it goes to a child, which the final state has stopped for good', async () => {
    const world = open();
    await world.tell('begin');
    await world.tell('finish');
    expect(world.actor.getSnapshot().status).to.equal('done');
    expect(world.log.of('warn')).to.include('a child was sent something that it can take no more');
    // A crash before that was stored changes nothing.
    const journal = new MemoryJournalPlugin();
    const stored = world.journal.stored('parent');
    const finished = stored.findIndex(({ payload }) => Object(payload).type === 'finish');
    await journal.write(
      stored
        .slice(0, finished + 1)
        .map((event) => ({ persistenceId: 'parent' as never, events: [event as never] })),
    );
    const after = open(journal);
    await after.host.whenRecovered(after.actor);
    await settle();
    expect(after.actor.getSnapshot().status).to.equal('done');
  });

  it('waits for an actor that is not there', async () => {
    const world = open();
    await world.tell('begin');
    const [begun] = world.journal.stored('parent');
    const journal = new MemoryJournalPlugin();
    await journal.write([
      {
        persistenceId: 'parent' as never,
        events: [
          begun as never,
          { ...begun, seqNr: 2, payload: { type: 'end' }, facts: {} } as never,
        ],
      },
    ]);
    const after = open(journal);
    await after.host.whenRecovered(after.actor);
    await after.time.pass(30_000);
    expect(factsIn(journal, 'parent')).to.have.length(2);
    expect(after.log.of('warn')).to.include('a delivery is not confirmed; it is tried further');
    await after.tell('begin');
    await after.time.pass(7_500);
    const confirmed = factsIn(journal, 'parent').flatMap((facts) => facts.confirmed ?? []);
    expect(confirmed).to.have.length(2);
    expect(after.child()).to.deep.equal(['add', 'add']);
  });
});
