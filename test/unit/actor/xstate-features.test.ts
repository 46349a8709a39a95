import { expect } from 'chai';
import type { ActorRefFrom, AnyActorRef, InspectionEvent } from 'xstate';
import {
  assign,
  createActor,
  emit,
  fromCallback,
  fromPromise,
  sendTo,
  setup,
  spawnChild,
  toPromise,
  waitFor,
} from 'xstate';
import { isReady } from '../../../src/actor/persistence-info.ts';
import { WriteFailedError, WriteRejectedError } from '../../../src/model/errors.ts';
import { counterMachine, eventTypes } from './counter.ts';
import { eventually, failureOf, settle, testHost } from './support.ts';

interface Call {
  readonly input: unknown;
  readonly resolve: (output: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** A payment service whose answers the test gives. */
function paymentMachine(calls: Call[]) {
  return setup({
    types: {
      context: {} as { cents: number; receipt: unknown; failure: unknown },
      events: {} as { type: 'pay'; cents: number } | { type: 'cancel' } | { type: 'note' },
    },
    actors: {
      bank: fromPromise(({ input }: { input: { cents: number } }) => {
        const { promise, resolve, reject } = Promise.withResolvers<unknown>();
        calls.push({ input, resolve, reject });
        return promise;
      }),
    },
  }).createMachine({
    id: 'payment',
    initial: 'idle',
    context: { cents: 0, receipt: undefined, failure: undefined },
    states: {
      idle: {
        on: { pay: { target: 'paying', actions: assign({ cents: ({ event }) => event.cents }) } },
      },
      paying: {
        invoke: {
          id: 'bank',
          src: 'bank',
          input: ({ context }) => ({ cents: context.cents }),
          onDone: { target: 'paid', actions: assign({ receipt: ({ event }) => event.output }) },
          onError: { target: 'idle', actions: assign({ failure: ({ event }) => event.error }) },
        },
        on: {
          cancel: 'idle',
          note: { actions: assign({ cents: ({ context }) => context.cents }) },
        },
      },
      paid: { type: 'final' },
    },
    output: ({ context }) => context.receipt,
  });
}

function openPayment(journal = testHost().journal) {
  const calls: Call[] = [];
  const { host } = testHost({ journal });
  const logic = host.persistent(paymentMachine(calls), {
    persistenceId: 'payment',
    onPersistFailure: { minBackoff: 1, maxBackoff: 1 },
  });
  const start = () => {
    const actor = createActor(logic);
    actor.subscribe({ error: () => {} });
    return actor.start();
  };
  return { host, journal, calls, start };
}

describe('xstate features of a persistent actor', () => {
  describe('invoked promises', () => {
    it('start once their event is stored, and their result is stored once (A26)', async () => {
      const { host, journal, calls, start } = openPayment();
      const actor = start();
      await waitFor(actor, isReady);
      const write = journal.blockNextWrite();
      const asked = host.ask(actor, { type: 'pay', cents: 5 });
      await write.reached;
      expect(calls).to.have.length(0);
      write.open();
      await asked;
      expect(calls.map(({ input }) => input)).to.deep.equal([{ cents: 5 }]);
      calls[0]?.resolve('r-1');
      expect(await toPromise(actor)).to.equal('r-1');
      expect(journal.payloads('payment')).to.deep.equal([
        { type: 'xstate.init' },
        { type: 'pay', cents: 5 },
        { type: 'xstate.done.actor.bank', output: 'r-1', actorId: 'bank' },
      ]);
    });

    it('start again after recovery with their first input while their state is active (A26)', async () => {
      const before = openPayment();
      await before.host.ask(before.start(), { type: 'pay', cents: 5 });
      const { calls, start } = openPayment(before.journal);
      const actor = start();
      await waitFor(actor, isReady);
      expect(calls.map(({ input }) => input)).to.deep.equal([{ cents: 5 }]);
      calls[0]?.resolve('again');
      expect(await toPromise(actor)).to.equal('again');
    });

    it('do not start again when their result is in the journal (A24)', async () => {
      const before = openPayment();
      const actor = before.start();
      await before.host.ask(actor, { type: 'pay', cents: 5 });
      before.calls[0]?.resolve('r-1');
      await toPromise(actor);
      const { calls, host, start } = openPayment(before.journal);
      const finished = start();
      await host.whenRecovered(finished);
      expect(finished.getSnapshot()).to.include({ status: 'done', output: 'r-1' });
      expect(calls).to.have.length(0);
    });

    it('start once more, and only once, when the entity starts over after a failed write (A8)', async () => {
      const { host, journal, calls, start } = openPayment();
      const actor = start();
      await host.ask(actor, { type: 'pay', cents: 5 });
      journal.failNextWrite(new WriteFailedError('no answer'));
      await failureOf(host.ask(actor, { type: 'note' }));
      await eventually(() => isReady(actor.getSnapshot()));
      expect(calls).to.have.length(2);
      calls[0]?.resolve('late'); // its actor was stopped
      await settle();
      expect(actor.getSnapshot().value).to.equal('paying');
      calls[1]?.resolve('r-2');
      expect(await toPromise(actor)).to.equal('r-2');
    });

    it('fail with the same fields live and in replay (RemoteError)', async () => {
      const { host, journal, calls, start } = openPayment();
      const actor = start();
      await host.ask(actor, { type: 'pay', cents: 5 });
      const cause = new TypeError('inner');
      calls[0]?.reject(Object.assign(new RangeError('no money', { cause }), { code: 'EMPTY' }));
      await eventually(() => actor.getSnapshot().value === 'idle');
      const live = actor.getSnapshot().context.failure as Error;
      expect(live).to.include({ name: 'RangeError', message: 'no money', code: 'EMPTY' });
      const after = openPayment(journal);
      const revived = after.start();
      await after.host.whenRecovered(revived);
      const replayed = revived.getSnapshot().context.failure as Error;
      expect(replayed).to.include({ name: 'RangeError', message: 'no money', code: 'EMPTY' });
      expect(replayed.cause).to.include({ name: 'TypeError', message: 'inner' });
      expect(replayed).to.be.instanceOf(Error);
    });

    it('end the entity when their result cannot be stored, with a hint', async () => {
      const { host, journal, calls, start } = openPayment();
      const actor = start();
      await host.ask(actor, { type: 'pay', cents: 5 });
      journal.failNextWrite(new WriteRejectedError('a Map', { path: '$.output' }));
      calls[0]?.resolve(new Map());
      await eventually(() => actor.getSnapshot().status === 'error');
      expect((actor.getSnapshot().error as Error).message).to.contain('xstate.done.actor.bank');
    });
  });

  it('fails on a child error that nothing handles, without storing it (A36)', async () => {
    const { host, journal } = testHost();
    const machine = setup({
      actors: { bad: fromPromise(() => Promise.reject(new Error('bad child'))) },
    }).createMachine({
      id: 'm',
      initial: 'a',
      states: { a: { on: { go: 'b' } }, b: { invoke: { id: 'bad', src: 'bad' } } },
    });
    const actor = createActor(host.persistent(machine, { persistenceId: 'm' }));
    actor.subscribe({ error: () => {} });
    actor.start();
    await host.ask(actor, { type: 'go' });
    await eventually(() => actor.getSnapshot().status === 'error');
    expect((actor.getSnapshot().error as Error).message).to.equal('bad child');
    expect(eventTypes(journal.payloads('m'))).to.deep.equal(['xstate.init', 'go']);
  });

  it('runs initial actions and emits once in the life of the journal (A24, A28)', async () => {
    const ran: string[] = [];
    const machine = setup({
      types: { emitted: {} as { type: 'said'; word: string }, events: {} as { type: 'go' } },
    }).createMachine({
      id: 'm',
      initial: 'a',
      states: {
        a: {
          entry: () => ran.push('entry a'),
          on: {
            go: {
              target: 'b',
              actions: [emit({ type: 'said', word: 'go' }), () => ran.push('go')],
            },
          },
        },
        b: { entry: () => ran.push('entry b') },
      },
    });
    const { host, journal } = testHost();
    const first = createActor(host.persistent(machine, { persistenceId: 'm' }));
    first.on('said', ({ word }) => ran.push(`said ${word}`));
    const write = journal.blockNextWrite();
    first.start();
    await write.reached;
    expect(isReady(first.getSnapshot())).to.equal(false);
    expect(ran).to.deep.equal([]); // the init record is not stored yet
    write.open();
    await host.ask(first, { type: 'go' });
    const persistentlyRan = ran.splice(0);
    const plain = createActor(machine);
    plain.on('said', ({ word }) => ran.push(`said ${word}`));
    plain.start();
    plain.send({ type: 'go' });
    expect(persistentlyRan).to.have.length(4).and.to.deep.equal(ran.splice(0));
    const after = testHost({ journal });
    const second = createActor(after.host.persistent(machine, { persistenceId: 'm' }));
    second.on('said', ({ word }) => ran.push(`said ${word}`));
    second.start();
    await after.host.whenRecovered(second);
    expect(ran).to.deep.equal([]);
    expect(second.getSnapshot().value).to.equal('b');
  });

  it('shows inspectors no step and no child of a write that fails (A31)', async () => {
    const { host, journal } = testHost();
    const logic = host.persistent(paymentMachine([]), { persistenceId: 'payment' });
    const seen: InspectionEvent[] = [];
    const actor = createActor(logic, { inspect: (event) => seen.push(event) });
    actor.subscribe({ error: () => {} });
    actor.start();
    await waitFor(actor, isReady);
    seen.length = 0;
    journal.failNextWrite(new WriteFailedError('no answer'));
    await failureOf(host.ask(actor, { type: 'pay', cents: 5 }));
    const types = seen.map(({ type }) => type);
    expect(types).to.not.include('@xstate.microstep').and.not.include('@xstate.actor');
    expect(types).to.not.include('@xstate.action');
  });

  it('shows inspectors the step of each event that is stored', async () => {
    const { host } = testHost();
    const logic = host.persistent(counterMachine(), { persistenceId: 'c' });
    const steps: string[] = [];
    const actor = createActor(logic, {
      input: { id: '1' },
      inspect: (event) => {
        if (event.type === '@xstate.microstep') steps.push(event.event.type);
      },
    }).start();
    await host.ask(actor, { type: 'added', n: 1 });
    await host.ask(actor, { type: 'closed' });
    expect(steps.slice(-2)).to.deep.equal(['added', 'closed']);
    await host.shutdown();
  });

  it('observes each state within one group commit, and starts the children of each (A32)', async () => {
    const started: string[] = [];
    const machine = setup({
      types: { events: {} as { type: 'next' } },
      actors: {
        child: fromCallback(({ input }: { input: string }) => {
          started.push(input);
        }),
      },
    }).createMachine({
      id: 'm',
      initial: 'a',
      states: {
        a: { on: { next: 'b' } },
        b: { invoke: { id: 'child', src: 'child', input: 'b' }, on: { next: 'c' } },
        c: { invoke: { id: 'child', src: 'child', input: 'c' }, on: { next: 'd' } },
        d: {},
      },
    });
    const { host, journal } = testHost();
    const actor = createActor(host.persistent(machine, { persistenceId: 'm' })).start();
    const replay = journal.blockReplay();
    const values: unknown[] = [];
    actor.subscribe(({ value }) => {
      if (values.at(-1) !== value) values.push(value);
    });
    const asked = [1, 2, 3].map(() => host.ask(actor, { type: 'next' }));
    replay.open();
    await Promise.all(asked);
    expect(journal.writes).to.have.length(1);
    expect(journal.writes[0]).to.have.length(3);
    expect(values).to.deep.equal(['a', 'b', 'c', 'd']);
    expect(started).to.deep.equal(['b', 'c']);
    await host.shutdown();
  });

  it('can use a systemId again when its state is entered again, in one group commit too (A27)', async () => {
    const machine = setup({
      types: { events: {} as { type: 'again' } | { type: 'broken' } },
      actors: { child: fromCallback(() => {}) },
      actions: {
        break: assign(() => {
          throw new Error('no');
        }),
      },
    }).createMachine({
      id: 'm',
      initial: 'on',
      states: {
        on: {
          invoke: { id: 'child', src: 'child', systemId: 'radio' },
          on: {
            again: { target: 'on', reenter: true },
            broken: { target: 'on', reenter: true, actions: 'break' },
          },
        },
      },
    });
    const { host, journal } = testHost();
    const open = () => createActor(host.persistent(machine, { persistenceId: 'm' })).start();
    const actor = open();
    const asked = (['again', 'broken', 'again', 'again'] as const).map((type) =>
      host.ask(actor, { type }),
    );
    const settled = await Promise.allSettled(asked);
    expect(settled.map(({ status }) => status)).to.deep.equal([
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
    ]);
    expect(journal.writes.at(-1)).to.have.length(3);
    const child = (actor.getSnapshot().children as Record<string, AnyActorRef>).child;
    expect(actor.system.get('radio')).to.equal(child);
    await host.ask(actor, { type: 'again' });
    await host.stop(actor);
    const revived = open();
    await host.whenRecovered(revived);
    const children = revived.getSnapshot().children as Record<string, AnyActorRef>;
    expect(revived.system.get('radio')).to.equal(children.child);
    await host.ask(revived, { type: 'again' });
    await host.shutdown();
  });

  it('revives spawned children, also where the context refers to them (A29)', async () => {
    const heard: string[] = [];
    const machine = setup({
      types: {
        context: {} as { kids: AnyActorRef[] },
        events: {} as { type: 'spawn'; id: string } | { type: 'talk' },
      },
      actors: {
        ear: fromCallback(
          ({ receive, input }: { receive: (on: () => void) => void; input: string }) => {
            receive(() => heard.push(input));
          },
        ),
      },
    }).createMachine({
      id: 'm',
      context: { kids: [] },
      on: {
        spawn: {
          actions: assign({
            kids: ({ context, event, spawn }) => [
              ...context.kids,
              spawn('ear', { id: event.id, input: event.id }),
            ],
          }),
        },
        talk: {
          actions: sendTo(({ context }) => context.kids[1] as AnyActorRef, { type: 'hello' }),
        },
      },
    });
    const { host, journal } = testHost();
    const first = createActor(host.persistent(machine, { persistenceId: 'm' })).start();
    await host.ask(first, { type: 'spawn', id: 'k1' });
    await host.ask(first, { type: 'spawn', id: 'k2' });
    await host.ask(first, { type: 'talk' });
    expect(heard).to.deep.equal(['k2']);
    const after = testHost({ journal });
    const second = createActor(after.host.persistent(machine, { persistenceId: 'm' })).start();
    await after.host.whenRecovered(second);
    const { context, children } = second.getSnapshot();
    expect(context.kids).to.deep.equal(Object.values(children));
    expect(context.kids[0]?.system).to.equal(second.system);
    await after.host.ask(second, { type: 'talk' });
    expect(heard).to.deep.equal(['k2', 'k2']);
    await Promise.all([host.shutdown(), after.host.shutdown()]);
  });

  it('starts a plain machine child from its first state, with its entry actions and timers', async () => {
    const entered: unknown[] = [];
    const child = setup({ types: { input: {} as { n: number } } }).createMachine({
      id: 'child',
      context: ({ input }: { input: { n: number } }) => input,
      entry: ({ context }: { context: unknown }) => entered.push(context),
      after: { 5: { actions: () => entered.push('timer') } },
    });
    const machine = setup({ actors: { child } }).createMachine({
      id: 'm',
      initial: 'a',
      states: {
        a: { on: { go: 'b' } },
        b: { invoke: { id: 'child', src: 'child', input: { n: 7 } } },
      },
    });
    const { host, journal } = testHost();
    await host.ask(createActor(host.persistent(machine, { persistenceId: 'm' })).start(), {
      type: 'go',
    });
    await host.shutdown();
    entered.length = 0;
    const after = testHost({ journal });
    const second = createActor(after.host.persistent(machine, { persistenceId: 'm' })).start();
    await after.host.whenRecovered(second);
    await eventually(() => entered.length === 2);
    expect(entered).to.deep.equal([{ n: 7 }, 'timer']);
    await after.host.shutdown();
  });

  it('brings history and parallel states back (A35)', async () => {
    const machine = setup({
      types: {
        events: {} as
          | { type: 'deeper' }
          | { type: 'pause' }
          | { type: 'resume' }
          | { type: 'flip' },
      },
    }).createMachine({
      id: 'm',
      type: 'parallel',
      states: {
        work: {
          initial: 'on',
          states: {
            on: {
              initial: 'one',
              states: { one: { on: { deeper: 'two' } }, two: {}, back: { type: 'history' } },
              on: { pause: 'paused' },
            },
            paused: { on: { resume: 'on.back' } },
          },
        },
        light: {
          initial: 'dark',
          states: { dark: { on: { flip: 'bright' } }, bright: { on: { flip: 'dark' } } },
        },
      },
    });
    const { host, journal } = testHost();
    const first = createActor(host.persistent(machine, { persistenceId: 'm' })).start();
    for (const type of ['deeper', 'flip', 'pause'] as const) await host.ask(first, { type });
    const after = testHost({ journal });
    const second = createActor(after.host.persistent(machine, { persistenceId: 'm' })).start();
    await after.host.ask(second, { type: 'resume' });
    expect(second.getSnapshot().value).to.deep.equal({ work: { on: 'two' }, light: 'bright' });
    await Promise.all([host.shutdown(), after.host.shutdown()]);
  });

  it('answers what is left in its stash when it reaches a final state (A33)', async () => {
    const { host, journal } = testHost();
    const machine = setup({
      types: { events: {} as { type: 'end' } | { type: 'more' } },
    }).createMachine({
      id: 'm',
      initial: 'a',
      states: { a: { on: { end: 'z', more: 'a' } }, z: { type: 'final' } },
      output: 42,
    });
    const actor = createActor(host.persistent(machine, { persistenceId: 'm' })).start();
    const replay = journal.blockReplay();
    const ended = host.ask(actor, { type: 'end' });
    const left = [
      failureOf(host.ask(actor, { type: 'more' })),
      failureOf(host.ask(actor, { type: 'end' })),
    ];
    replay.open();
    expect((await ended).snapshot.status).to.equal('done');
    for (const { code } of await Promise.all(left)) expect(code).to.equal('ENTITY_STOPPED');
    expect(await toPromise(actor)).to.equal(42);
    const late = await failureOf(host.ask(actor, { type: 'more' }));
    expect(late.code).to.equal('ENTITY_STOPPED');
  });

  it('works with waitFor, toPromise, subscribe and select (A34)', async () => {
    const { host } = testHost();
    const actor = createActor(host.persistent(counterMachine(), { persistenceId: 'c' }), {
      input: { id: '1' },
    });
    const counts: number[] = [];
    const selected: number[] = [];
    actor.subscribe(({ context }) => counts.push(context.count));
    actor.select(({ context }) => context.count).subscribe((count) => selected.push(count));
    actor.start();
    actor.send({ type: 'added', n: 1 });
    actor.send({ type: 'added', n: 1 });
    const snapshot = await waitFor(actor, ({ context }) => context.count === 2);
    expect(snapshot.matches('open')).to.equal(true);
    expect(snapshot.can({ type: 'closed' })).to.equal(true);
    expect(selected).to.deep.equal([1, 2]);
    expect(counts.at(-1)).to.equal(2);
    await host.shutdown();
  });

  describe('as a child', () => {
    function family(journal = testHost().journal) {
      const test = testHost({ journal });
      const counter = test.host.persistent(counterMachine(), {
        persistenceId: ({ input }) => `c|${input.id}`,
      });
      const parent = setup({
        types: {
          context: {} as { kid: AnyActorRef | undefined },
          events: {} as { type: 'spawn' } | { type: 'forward'; n: number },
        },
        actors: { counter },
      }).createMachine({
        id: 'parent',
        context: { kid: undefined },
        invoke: { id: 'invoked', src: 'counter', input: { id: 'invoked' } },
        on: {
          spawn: {
            actions: [
              assign({ kid: ({ spawn }) => spawn('counter', { id: 'kid', input: { id: 'kid' } }) }),
              spawnChild('counter', { id: 'third', input: { id: 'third' } }),
            ],
          },
          forward: {
            actions: ['invoked', 'kid', 'third'].map((id) =>
              sendTo(
                ({ self }) => self.getSnapshot().children[id] as AnyActorRef,
                ({ event }) => ({
                  type: 'added',
                  n: (event as { n: number }).n,
                }),
              ),
            ),
          },
        },
      });
      return { ...test, counter, parent };
    }
    const counts = (parent: AnyActorRef) =>
      Object.values(parent.getSnapshot().children as Record<string, AnyActorRef>).map(
        (child) => child.getSnapshot().context.count as number,
      );

    it('keeps its own journal under a plain parent (A30)', async () => {
      const { host, journal, parent } = family();
      const actor = createActor(parent).start();
      actor.send({ type: 'spawn' });
      actor.send({ type: 'forward', n: 3 });
      await eventually(() => counts(actor).join() === '3,3,3');
      expect(eventTypes(journal.payloads('c|kid'))).to.deep.equal(['xstate.init', 'added']);
      const persisted = JSON.parse(JSON.stringify(actor.getPersistedSnapshot()));
      expect(persisted.children.kid.snapshot).to.deep.equal({
        status: 'active',
        persistenceId: 'c|kid',
        input: { id: 'kid' },
        sequenceNr: 2,
      });
      await host.shutdown();
      const after = family(journal);
      const restored = createActor(after.parent, { snapshot: persisted }).start();
      await eventually(() => counts(restored).join() === '3,3,3');
      expect(journal.stored('c|kid')).to.have.length(2);
      await after.host.shutdown();
    });

    it('recovers itself under a persistent parent, whose journal does not grow (A30)', async () => {
      const { host, journal, parent } = family();
      const actor = createActor(host.persistent(parent, { persistenceId: 'parent' })).start();
      await host.ask(actor, { type: 'spawn' });
      await host.ask(actor, { type: 'forward', n: 4 });
      await eventually(() => counts(actor).join() === '4,4,4');
      const lengths = () =>
        ['parent', 'c|invoked', 'c|kid', 'c|third'].map((id) => journal.stored(id).length);
      const before = lengths();
      await host.shutdown();
      const after = family(journal);
      const logic = after.host.persistent(after.parent, { persistenceId: 'parent' });
      const revived = createActor(logic).start() as ActorRefFrom<typeof logic>;
      await eventually(() => isReady(revived.getSnapshot()) && counts(revived).join() === '4,4,4');
      expect(revived.getSnapshot().context.kid?.getSnapshot().context.count).to.equal(4);
      expect(lengths()).to.deep.equal(before);
      await after.host.shutdown();
    });
  });
});
