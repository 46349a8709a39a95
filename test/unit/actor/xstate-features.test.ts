import { expect } from 'chai';
import type { AnyActorRef, InspectionEvent } from 'xstate';
import {
  assign,
  createActor,
  emit,
  fromCallback,
  fromPromise,
  raise,
  sendTo,
  setup,
  toPromise,
  waitFor,
} from 'xstate';
import { isReady } from '../../../src/actor/entity/persistence-info.ts';
import { WriteFailedError } from '../../../src/model/errors.ts';
import { counterMachine, eventTypes } from './counter.ts';
import { paymentMachine } from './payment.ts';
import { eventually, failureOf, testHost } from './support.ts';

describe('xstate features of a persistent actor', () => {
  it('fails on a child error that nothing handles, without storing it', async () => {
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
    expect(eventTypes(journal.payloads('m'))).to.deep.equal(['go']);
  });

  it('runs initial actions and emits once in the life of the journal', async () => {
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

  it('shows inspectors no step and no child of a write that fails', async () => {
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

  it('observes each state within one group commit, and starts the children of each', async () => {
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

  it('can use a systemId again when its state is entered again, in one group commit too', async () => {
    const machine = setup({
      types: { events: {} as { type: 'again' } | { type: 'broken' } | { type: 'boom' } },
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
            // Enters the state, taking the name, and throws after that.
            broken: { target: 'on', reenter: true, actions: raise({ type: 'boom' }) },
            boom: { actions: 'break' },
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
    // The refusal was looked at again after the first write: what went before could have changed it.
    expect(journal.writes.at(-1)).to.have.length(2);
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

  it('revives spawned children, also where the context refers to them', async () => {
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

  it('brings history and parallel states back', async () => {
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

  it('answers what is left in its stash when it reaches a final state', async () => {
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
    for (const { code } of await Promise.all(left)) expect(code).to.equal('ENTITY_DONE');
    expect(await toPromise(actor)).to.equal(42);
    const late = await failureOf(host.ask(actor, { type: 'more' }));
    expect(late.code).to.equal('ENTITY_DONE');
  });

  it('works with waitFor, toPromise, subscribe and select', async () => {
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
});
