import { expect } from 'chai';
import type { AnyActorRef, AnyStateMachine } from 'xstate';
import {
  assign,
  createActor,
  createMachine,
  fromCallback,
  fromObservable,
  fromPromise,
  fromTransition,
  raise,
  sendParent,
  sendTo,
  setup,
} from 'xstate';
import { eventually, failureOf, settle } from '../support.ts';
import { World } from '../world.ts';
import { open, TestSnapshotStore } from './support.ts';

/** The entity at a snapshot of its present state, and again in the next process. */
async function recovered(machine: AnyStateMachine, events: readonly string[], options = {}) {
  const every = { snapshotWhen: () => true };
  const first = open({ machine, entity: every, ...options });
  for (const type of events) {
    await first.tell(type);
    await settle();
  }
  expect(first.causes).to.deep.equal([]);
  const { journal, store } = first;
  const live = first.actor.getSnapshot();
  await first.host.shutdown();
  journal.requests.length = 0;
  const second = open({ machine, journal, store, entity: every, ...options });
  await second.recovered();
  await settle();
  expect(journal.requests.map(({ from }) => from)[0], 'from the snapshot').to.equal(
    live.persistence.sequenceNr,
  );
  return { ...second, live };
}

const inputs: unknown[] = [];

/** One child of each kind, and a reference to each in the context. */
function parent() {
  const child = setup({}).createMachine({
    id: 'child',
    initial: 'a',
    context: ({ input, self }) => ({ input, me: self, boss: self._parent, n: 0 }),
    states: { a: { on: { go: 'b' } }, b: { tags: 'second' } },
  });
  return setup({
    types: { context: {} as Record<string, AnyActorRef | undefined> },
    actors: {
      child,
      promise: fromPromise(({ input }) => {
        inputs.push(input);
        return new Promise(() => {});
      }),
      callback: fromCallback(() => {}),
      observable: fromObservable(() => ({ subscribe: () => ({ unsubscribe: () => {} }) })),
      heard: fromTransition((n: number) => n + 1, 0),
    },
  }).createMachine({
    id: 'parent',
    initial: 'on',
    context: {},
    invoke: { id: 'promise', src: 'promise', input: { of: 'the first life' } },
    states: {
      on: {
        on: {
          make: {
            actions: assign(({ spawn }) => ({
              child: spawn('child', { id: 'child', input: 7, systemId: 'kid' }),
              callback: spawn('callback', { id: 'callback' }),
              observable: spawn('observable', { id: 'observable' }),
              heard: spawn('heard', { id: 'heard' }),
            })),
          },
          tell: {
            actions: [
              ({ context }) => context.child?.send({ type: 'go' }),
              ({ context }) => context.heard?.send({ type: 'psst' }),
            ],
          },
          next: {},
        },
      },
    },
  });
}

describe('a snapshot of a machine', () => {
  it('brings each kind of child back: machines in their state, work with its first input', async () => {
    inputs.length = 0;
    const { actor, live } = await recovered(parent(), ['make', 'tell', 'next']);
    const { context, children } = actor.getSnapshot();
    expect(Object.keys(children)).to.deep.equal(Object.keys(live.children));
    for (const name of ['child', 'callback', 'observable', 'heard']) {
      expect(context[name], name).to.equal(children[name]);
    }
    const child = children.child.getSnapshot();
    expect(child.value).to.equal('b');
    expect(child.hasTag('second')).to.equal(true);
    expect(child.context).to.deep.include({ input: 7, n: 0 });
    expect(child.context.me).to.equal(children.child);
    expect(child.context.boss).to.equal(actor);
    expect(actor.system.get('kid')).to.equal(children.child);
    expect(children.heard.getSnapshot().context).to.equal(1);
    expect(inputs).to.deep.equal([{ of: 'the first life' }, { of: 'the first life' }]);
    for (const one of Object.values(children) as AnyActorRef[]) {
      expect(one.getSnapshot().status, one.id).to.equal('active');
    }
  });

  it('holds what its last event sent to children: no journal has that', async () => {
    const heard = fromTransition((n: number, { type }) => (type === 'said' ? n + 1 : n), 0);
    const machine = setup({ actors: { heard } }).createMachine({
      id: 'parent',
      invoke: { id: 'heard', src: 'heard' },
      on: { say: { actions: sendTo('heard', { type: 'said' }) } },
    });
    const { actor, live } = await recovered(machine, ['say', 'say']);
    const said = (snapshot: typeof live) => snapshot.children.heard?.getSnapshot().context;
    expect([said(live), said(actor.getSnapshot())]).to.deep.equal([2, 2]);
  });

  it('does not start a child again whose end is in the journal, and shows its end', async () => {
    let runs = 0;
    const machine = setup({
      actors: {
        work: fromPromise(async () => {
          runs++;
          return { answer: 42 };
        }),
      },
    }).createMachine({
      id: 'm',
      initial: 'a',
      states: { a: { invoke: { id: 'work', src: 'work' }, on: { next: {} } } },
    });
    const first = await recovered(machine, ['next', 'next']);
    expect(first.actor.getSnapshot().children.work.getSnapshot()).to.include({ status: 'done' });
    // Of an entity that was recovered itself, too.
    await first.tell('next');
    await settle();
    await first.host.shutdown();
    const { journal, store } = first;
    const second = open({ machine, journal, store });
    await second.recovered();
    expect(second.actor.getSnapshot().children.work.getSnapshot().output).to.deep.equal({
      answer: 42,
    });
    expect(runs).to.equal(1);
  });

  it('lets a child run again whose end is not stored yet', async () => {
    const works = [Promise.withResolvers<number>(), Promise.withResolvers<number>()];
    let runs = 0;
    const machine = setup({
      actors: { work: fromPromise(() => works[runs++]?.promise ?? Promise.resolve(0)) },
    }).createMachine({
      id: 'm',
      initial: 'a',
      context: {},
      states: {
        a: {
          invoke: { id: 'work', src: 'work', onDone: 'b' },
          on: { next: {} },
        },
        b: {},
      },
    });
    const first = open({ machine, entity: { snapshotWhen: () => true } });
    await first.recovered();
    const write = first.journal.blockNextWrite();
    const told = first.tell('next');
    await write.reached;
    works[0]?.resolve(1); // its end waits while number 2 is being written
    await settle();
    const next = first.journal.blockNextWrite();
    write.open();
    await told;
    await next.reached; // the end, which is never stored
    await settle();
    expect(await first.store.numbers('c|1')).to.deep.equal([2]);
    const second = open({ machine, journal: first.journal, store: first.store });
    await second.recovered();
    await settle();
    expect(runs).to.equal(2);
    works[1]?.resolve(2);
    await eventually(() => second.actor.getSnapshot().value === 'b');
  });

  it('brings its own timers back with their deadlines, but for those whose firing is stored', async () => {
    const machine = setup({}).createMachine({
      id: 'm',
      initial: 'a',
      context: {},
      states: {
        a: {
          entry: raise({ type: 'rang' }, { delay: 100 }),
          on: { next: {} },
          after: { 1000: 'b' },
        },
        b: {},
      },
      on: { rang: { actions: () => rang.push('rang') } },
    });
    const rang: string[] = [];
    const store = new TestSnapshotStore();
    const options = { snapshotWhen: () => true };
    const first = new World();
    const before = first.start(machine, undefined, options, { snapshotStore: async () => store });
    await before.host.whenRecovered(before.actor);
    await first.pass(100);
    await before.tell('next');
    await settle();
    expect(await store.numbers('e')).to.deep.equal([2, 3]);
    await first.pass(300);
    const second = first.crash();
    const after = second.start(machine, undefined, options, { snapshotStore: async () => store });
    await after.host.whenRecovered(after.actor);
    await second.pass(599);
    expect(after.actor.getSnapshot().value).to.equal('a');
    await second.pass(1);
    expect(after.actor.getSnapshot().value).to.equal('b');
    expect(rang).to.deep.equal(['rang']);
  });

  it('brings the timers of a machine child back, which xstate would lose', async () => {
    const child = setup({}).createMachine({
      id: 'child',
      initial: 'a',
      context: {},
      states: {
        a: { on: { go: 'b' } },
        b: { after: { 500: { actions: sendParent({ type: 'rang' }) } } },
      },
    });
    const machine = setup({ actors: { child } }).createMachine({
      id: 'm',
      context: {},
      invoke: { id: 'child', src: 'child' },
      initial: 'a',
      states: {
        a: {
          on: {
            next: {},
            tell: {
              actions: ({ self }) => self.getSnapshot().children.child?.send({ type: 'go' }),
            },
            rang: 'b',
          },
        },
        b: {},
      },
    });
    const store = new TestSnapshotStore();
    const options = { snapshotWhen: () => true };
    const first = new World();
    const before = first.start(machine, undefined, options, { snapshotStore: async () => store });
    await before.tell('tell');
    await first.pass(200);
    await before.tell('next');
    await settle();
    const second = first.crash();
    const after = second.start(machine, undefined, options, { snapshotStore: async () => store });
    await after.host.whenRecovered(after.actor);
    await second.pass(299);
    expect(after.actor.getSnapshot().value).to.equal('a');
    await second.pass(1);
    expect(after.actor.getSnapshot().value).to.equal('b');
  });

  it('holds what JSON has not: Maps, Sets, Dates, undefined, NaN, and history states', async () => {
    const context = {
      map: new Map<unknown, unknown>([[1, new Set(['a'])]]),
      at: new Date(5),
      none: undefined,
      nan: Number.NaN,
      zero: -0,
      big: 2n ** 70n,
      $: ['undefined'],
    };
    const machine = setup({ types: { context: {} as typeof context } }).createMachine({
      id: 'shop.m',
      context: () => context,
      initial: 'a',
      states: {
        a: {
          initial: 'a1',
          states: { a1: { on: { go: 'a2' } }, a2: {}, hist: { type: 'history' } },
          on: { out: 'b' },
        },
        b: { on: { back: 'a.hist' } },
      },
    });
    const world = await recovered(machine, ['go', 'out']);
    expect(world.actor.getSnapshot().context).to.deep.equal(context);
    expect(Object.keys(world.actor.getSnapshot().context)).to.deep.equal(Object.keys(context));
    await world.tell('back');
    expect(world.actor.getSnapshot().value).to.deep.equal({ a: 'a2' });
  });

  it('of another version of the machine is discarded, and every event applied', async () => {
    const { journal, store, actor } = await versioned('1', undefined);
    expect(actor.getSnapshot().context.count).to.equal(2);
    const world = open({ journal, store, entity: { machineVersion: '2' } });
    await world.recovered();
    expect(world.count()).to.equal(2);
    expect(journal.requests.at(-1)?.from).to.equal(1);
  });

  it('of another version is read by an adapter, which is told the version', async () => {
    const from: unknown[] = [];
    const snapshotAdapter = {
      toStore: (state: object) => ({ v1: state }),
      fromStore: ({ v1 }: { v1: { context: object } }, of: unknown) => {
        from.push(of);
        return { ...v1, context: { id: '1', count: 100 } };
      },
    };
    const { journal, store } = await versioned('1', snapshotAdapter);
    const entity = { machineVersion: '2', snapshotAdapter };
    const world = open({ journal, store, entity });
    await world.recovered();
    expect(world.count()).to.equal(100);
    expect(from).to.deep.equal([{ machineVersion: '1', bornWith: '1' }]);
  });

  it('is not taken when its adapter gives what JSON cannot hold, and the place is named', async () => {
    const snapshotAdapter = {
      toStore: (state: object) => ({ state, seen: new Map([[1, 2]]) }),
      fromStore: ({ state }: { state: object }) => state,
    };
    const { store, signals, causes, add } = open({
      entity: { snapshotAdapter, snapshotWhen: () => true },
    });
    await add(1);
    await settle();
    expect(signals.at(-1)).to.match(/^snapshot-failed/);
    expect(causes.at(-1)).to.have.property('message').that.contains('Map at state.seen');
    expect(await store.numbers('c|1')).to.deep.equal([]);
  });

  it('whose adapter throws, or gives no state, is discarded', async () => {
    const { journal, store } = await versioned('1', undefined);
    const throws = () => {
      throw new Error('too old');
    };
    const cases = [
      throws,
      async (state: object) => state,
      (state: object) => ({ ...state, context: undefined }),
    ];
    for (const fromStore of cases) {
      const snapshotAdapter = { toStore: (state: object) => state, fromStore };
      const world = open({ journal, store, entity: { snapshotAdapter } });
      await world.recovered();
      expect(world.count()).to.equal(2);
      await world.host.shutdown();
    }
  });

  it('with a state, a child or a machine that is gone is never half restored', async () => {
    const of = (id: string, state: string, src: string, logic: object) =>
      setup({ actors: { [src]: logic as never } }).createMachine({
        id,
        initial: state,
        context: {},
        states: { [state]: { invoke: { id: 'kid', src }, on: { next: {} } } },
      } as never) as unknown as AnyStateMachine;
    const idle = fromPromise(() => new Promise(() => {}));
    const started: string[] = [];
    const noisy = fromCallback(() => void started.push('noisy'));
    const other = of('deep', 'x', 'grandkid', idle);
    const waiting = (id: string, ms: number) =>
      createMachine({
        id,
        initial: 'a',
        // A wildcard takes the event of a delay that is gone, and the state is never left.
        states: { a: { after: { [ms]: 'b' }, on: { '*': {} } }, b: {} },
      });
    const cases = [
      { was: of('m', 'a', 'kid', idle), is: of('m', 'b', 'kid', idle), what: 'the state "a"' },
      {
        was: of('m', 'a', 'kid', idle),
        is: setup({ actors: { kid: noisy } }).createMachine({
          id: 'm',
          initial: 'a',
          // Another state than the snapshot says would be entered.
          states: { a: { invoke: { id: 'kid', src: 'kid' }, initial: 'x', states: { x: {} } } },
        }),
        what: 'the state "a"',
      },
      { was: of('m', 'a', 'kid', idle), is: of('m', 'a', 'dog', noisy), what: 'the actor "kid"' },
      { was: of('m', 'a', 'kid', idle), is: of('n', 'a', 'kid', noisy), what: 'the machine "m"' },
      {
        was: of('m', 'a', 'kid', other),
        is: of('m', 'a', 'kid', of('deep', 'x', 'stranger', noisy)),
        what: 'the actor "grandkid"',
      },
      { was: of('m', 'a', 'kid', other), is: of('m', 'a', 'kid', noisy), what: 'as a machine' },
      { was: waiting('m', 1e6), is: waiting('m', 2e6), what: 'xstate.after.1000000.m.a' },
      {
        was: of('m', 'a', 'kid', waiting('deep', 1e6)),
        is: of('m', 'a', 'kid', waiting('deep', 2e6)),
        what: 'xstate.after.1000000.deep.a',
      },
    ];
    for (const { was, is, what } of cases) {
      const first = open({ machine: was, entity: { snapshotWhen: () => true } });
      await first.tell('next');
      await settle();
      expect(first.causes).to.deep.equal([]);
      await first.host.shutdown();
      const { journal, store } = first;
      await journal.deleteTo('c|1' as never, 1);
      started.length = 0;
      const error = await failureOf(open({ machine: is, journal, store }).recovered());
      expect(error.code).to.equal('RECOVERY_FAILED');
      expect(error.message).to.include(what);
      expect(started, what).to.deep.equal([]);
    }
  });

  it('refuses what no recovery could make again, and names it', async () => {
    const stranger = createActor(fromCallback(() => {})).start();
    const machine = setup({ types: { context: {} as Record<string, unknown> } }).createMachine({
      id: 'm',
      context: () => ({ deep: { stranger } }),
      on: { next: {} },
    });
    const inline = createMachine({
      id: 'm',
      context: {},
      on: {
        next: {
          actions: assign({
            kid: ({ spawn }) =>
              spawn(
                fromCallback(() => {}),
                { id: 'kid' },
              ),
          }),
        },
      },
    });
    for (const [one, path] of [
      [machine, 'state.context.deep.stranger'],
      [inline, 'state.children.kid'],
    ] as const) {
      const world = open({ machine: one, entity: { snapshotWhen: () => true } });
      await world.tell('next');
      await settle();
      expect(world.causes[0]).to.include({ code: 'WRITE_REJECTED', path });
    }
  });
});

/** A counter at 2, with a snapshot of a version. */
async function versioned(machineVersion: string, snapshotAdapter: object | undefined) {
  const first = open({ entity: { machineVersion, snapshotAdapter, snapshotWhen: () => true } });
  await first.add(1);
  await settle();
  await first.add(1);
  await settle();
  await first.host.shutdown();
  expect(await first.store.numbers('c|1')).to.deep.equal([2, 3]);
  return first;
}
