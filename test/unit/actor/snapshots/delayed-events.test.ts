import { expect } from 'chai';
import { assign, type EventObject, raise, setup } from 'xstate';
import { type Upcast, upcasters } from '../../../../src/actor/evolution/upcasters.ts';
import { settle } from '../support.ts';
import { World } from '../world.ts';
import { TestSnapshotStore } from './support.ts';

/** Reminds itself, and notes every event; `reminder` = what it is told then. */
function reminding(reminder: EventObject) {
  return setup({
    types: { context: {} as { seen: EventObject[] } },
    actions: { note: assign({ seen: ({ context, event }) => [...context.seen, event] }) },
  }).createMachine({
    id: 'reminding',
    context: { seen: [] },
    on: {
      begin: { actions: raise(reminder as never, { delay: 100, id: 'reminder' }) },
      '*': { actions: 'note' },
    },
  });
}

const inEuros = { type: 'due', euros: 5 };
const inCents = { type: 'due', cents: 500 };
const toCents = { type: 'due', from: 1, to: 2 } as const;
const upcast: Upcast = {
  ...toCents,
  up: ({ type, euros }: { type: string; euros: number }) => ({ type, cents: euros * 100 }),
  down: ({ type, cents }: { type: string; cents: number }) => ({ type, euros: cents / 100 }),
};

/** The events that a process with this program has noted once all deadlines are over. */
async function seenBy(
  [world, store]: readonly [World, TestSnapshotStore],
  reminder: EventObject,
  options: object,
) {
  const process = world.crash();
  const deps = { snapshotStore: async () => store };
  const { host, actor } = process.start(reminding(reminder), undefined, options, deps);
  await host.whenRecovered(actor);
  await process.pass(100);
  const { from } = world.journal.requests.at(-1) ?? {};
  return { from, seen: actor.getSnapshot().context.seen };
}

/** A snapshot with a reminder that is not due yet, of an entity with 2 events. */
async function reminded(reminder: EventObject, options: object = {}) {
  const [world, store] = [new World(), new TestSnapshotStore()] as const;
  const deps = { snapshotStore: async () => store };
  const all = { initEvent: 'never', snapshotWhen: () => true, ...options };
  const { tell } = world.start(reminding(reminder), undefined, all, deps);
  for (const type of ['begin', 'other']) {
    await tell(type);
    await settle();
  }
  return [world, store] as const;
}

const other = { type: 'other' };

describe('a delayed event of the program in a snapshot', () => {
  it('of an earlier program takes the steps of its type', async () => {
    const before = await reminded(inEuros);
    const eventAdapter = upcasters([upcast]);
    const { from, seen } = await seenBy(before, inCents, { eventAdapter });
    expect(from).to.equal(2);
    expect(seen).to.deep.equal([other, inCents]);
  });

  it('takes only those that its version has not taken', async () => {
    const eventAdapter = upcasters([upcast]);
    const before = await reminded(inCents, { eventAdapter });
    const { from, seen } = await seenBy(before, inCents, { eventAdapter });
    expect(from).to.equal(2);
    expect(seen).to.deep.equal([other, inCents]);
  });

  it('is written in the version that the program before can read', async () => {
    const eventAdapter = upcasters([upcast], { writeVersions: { due: 1 } });
    const { from, seen } = await seenBy(await reminded(inCents, { eventAdapter }), inEuros, {});
    expect(from).to.equal(2);
    expect(seen).to.deep.equal([other, inEuros]);
  });

  it('is no longer sent when a step says that nothing is left of it', async () => {
    const eventAdapter = upcasters([{ ...toCents, up: () => [] }]);
    const { from, seen } = await seenBy(await reminded(inEuros), inCents, { eventAdapter });
    expect(from).to.equal(2);
    expect(seen).to.deep.equal([other]);
  });

  it('is kept as it is where its own program reads it as several events', async () => {
    const halves = [
      { type: 'half', euros: 2 },
      { type: 'half', euros: 3 },
    ];
    const eventAdapter = {
      toJournal: (event: EventObject) => event,
      fromJournal: (stored: EventObject) => (stored.type === 'due' ? halves : [stored]),
    };
    const before = await reminded(inEuros, { eventAdapter });
    const { from, seen } = await seenBy(before, inEuros, { eventAdapter });
    expect(from).to.equal(2);
    expect(seen).to.deep.equal([other, ...halves]);
  });

  it('leaves the snapshot unused where it cannot be read: its step, its schema, its version', async () => {
    const throws = () => {
      throw new Error('cannot');
    };
    const twice = upcasters([{ ...toCents, up: (payload: EventObject) => [payload, payload] }]);
    const noDue = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: (value: EventObject) =>
          value.type === 'due' && 'euros' in value ? { issues: [{ message: 'no' }] } : { value },
      },
    };
    const eventAdapter = upcasters([upcast]);
    for (const [reminder, was, is] of [
      [inEuros, {}, { eventAdapter: upcasters([{ ...toCents, up: throws }]) }],
      [inEuros, {}, { eventAdapter: twice }],
      [inEuros, {}, { eventSchema: noDue }],
      [inCents, { eventAdapter }, {}],
    ] as const) {
      // A replay arms the reminder of today, and nothing is wrong with that.
      const { from, seen } = await seenBy(await reminded(reminder, was), inCents, is);
      expect(from).to.equal(1);
      expect(seen[0]).to.deep.equal(other);
    }
  });

  it('of a snapshot from before there were manifests is taken as it is', async () => {
    const eventAdapter = upcasters([upcast]);
    const [world, store] = await reminded(inCents, { eventAdapter });
    const text = await store.text('e');
    const timers = text['timers'] as { manifest?: string }[];
    for (const timer of timers) delete timer.manifest;
    const bytes = new TextEncoder().encode(JSON.stringify(text));
    await store.save({ persistenceId: 'e', seqNr: 2, timestampMs: 1 } as never, bytes);
    const { from, seen } = await seenBy([world, store], inCents, { eventAdapter });
    expect(from).to.equal(2);
    expect(seen).to.deep.equal([other, inCents]);
  });

  it('is held as of the last event, also after a life in which it stood still', async () => {
    const machine = setup({}).createMachine({
      id: 'm',
      initial: 'a',
      states: { a: { on: { next: {} }, after: { 1000: 'b' } }, b: {} },
    });
    const store = new TestSnapshotStore();
    const options = { timers: 'remaining', retention: { snapshotEvery: 3, keepSnapshots: 9 } };
    let world = new World();
    const start = async () => {
      const started = world.start(machine, {}, options, { snapshotStore: async () => store });
      await started.host.whenRecovered(started.actor);
      return started;
    };
    // Saved at the third event of the first life, and at the sixth, which is of the third life.
    for (const nexts of [2, 1, 2]) {
      const { tell } = await start();
      for (let i = 0; i < nexts; i++) {
        await world.pass(100);
        await tell('next');
      }
      await settle();
      world = world.crash();
      await world.pass(5000);
    }
    expect(await store.numbers('e')).to.deep.equal([3, 6]);
    const { actor } = await start();
    await world.pass(499);
    expect(actor.getSnapshot().value).to.equal('a');
    await world.pass(1);
    expect(actor.getSnapshot().value).to.equal('b');
  });
});

describe('a delayed event of a child', () => {
  const wait = setup({}).createMachine({
    id: 'wait',
    initial: 'on',
    states: { on: { after: { 1000: 'over' } }, over: { type: 'final' } },
  });
  const machine = setup({ actors: { wait } }).createMachine({
    id: 'm',
    initial: 'waiting',
    states: { waiting: { invoke: { id: 'wait', src: 'wait', onDone: 'done' } }, done: {} },
    on: { other: {} },
  });
  const retention = { snapshotEvery: 1, keepSnapshots: 9 };

  function lives(timers: 'deadline' | 'remaining') {
    const store = new TestSnapshotStore();
    let world = new World();
    const start = async (options: object = {}) => {
      const all = { timers, ...options };
      const started = world.start(machine, {}, all, { snapshotStore: async () => store });
      await started.host.whenRecovered(started.actor);
      await settle();
      return started;
    };
    const crash = async (downMs: number) => {
      await settle();
      world = world.crash();
      await world.pass(downMs);
    };
    return { store, start, crash, pass: (ms: number) => world.pass(ms) };
  }

  it('is in the snapshot that a recovery takes, whether events or a snapshot made the child', async () => {
    const { store, start, crash, pass } = lives('deadline');
    for (const options of [{}, { retention }, {}, { retention }]) {
      const { tell } = await start(options);
      if (!('retention' in options)) await tell('other');
      await settle();
      await pass(100);
      await crash(0);
    }
    expect(await store.numbers('e')).to.deep.equal([2, 3]);
    const { actor } = await start();
    await pass(1000);
    expect(actor.getSnapshot().value).to.equal('done');
  });

  it('fires after what was left of it at the last event, with timers = remaining', async () => {
    const { start, crash, pass } = lives('remaining');
    const first = await start({ snapshotWhen: () => true });
    await pass(100);
    await first.tell('other');
    await pass(100);
    await crash(5000);
    await start();
    await pass(100); // no event says so
    await crash(5000);
    const third = await start();
    await pass(200);
    await third.tell('other');
    await crash(5000);
    const { actor } = await start();
    await pass(699);
    expect(actor.getSnapshot().value).to.equal('waiting');
    await pass(1);
    expect(actor.getSnapshot().value).to.equal('done');
  });

  it('does so from the snapshot that a recovery takes, too', async () => {
    const { store, start, crash, pass } = lives('remaining');
    await (await start()).tell('other');
    await crash(5000);
    await start({ retention });
    await crash(5000);
    expect(await store.numbers('e')).to.deep.equal([2]);
    const { actor } = await start();
    await pass(999);
    expect(actor.getSnapshot().value).to.equal('waiting');
    await pass(1);
    expect(actor.getSnapshot().value).to.equal('done');
  });
});
