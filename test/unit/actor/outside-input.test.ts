import { expect } from 'chai';
import type { AnyActorRef, AnyStateMachine, EventObject } from 'xstate';
import {
  assign,
  createActor,
  fromCallback,
  fromEventObservable,
  fromPromise,
  raise,
  sendParent,
  sendTo,
  setup,
  waitFor,
} from 'xstate';
import { isReady } from '../../../src/actor/entity/persistence-info.ts';
import type { MemoryJournalPlugin } from '../../support/memory-journal-plugin.ts';
import { RecordingLogger } from '../../support/recording-logger.ts';
import { failureOf, settle, testHost } from './support.ts';

type Paid = { readonly paid: readonly string[] };
type SendBack = { send: (event: unknown) => void };

/** An order that is paid by the promise `charge` and by nothing else. */
function order(options: { readonly persistenceId?: string } = {}) {
  const log = new RecordingLogger();
  const test = testHost({ log });
  const back: SendBack = { send: () => {} };
  const charge = Promise.withResolvers<string>();
  const machine = setup({
    types: { context: {} as Paid, events: {} as EventObject },
    actors: {
      charge: fromPromise(() => charge.promise),
      line: fromCallback(({ sendBack }) => {
        back.send = sendBack as (event: unknown) => void;
      }),
      forger: setup({}).createMachine({
        id: 'forger',
        on: {
          forge: { actions: sendParent({ type: 'xstate.done.actor.charge', output: 'forged' }) },
        },
      }),
    },
    actions: {
      pay: assign({
        paid: ({ context, event }) => [
          ...context.paid,
          String((event as { output?: unknown }).output),
        ],
      }),
    },
  }).createMachine({
    id: 'order',
    context: { paid: [] },
    initial: 'open',
    invoke: [
      { id: 'line', src: 'line' },
      { id: 'forger', src: 'forger' },
    ],
    on: { forge: { actions: sendTo('forger', { type: 'forge' }) }, note: {} },
    states: {
      open: {
        invoke: { id: 'charge', src: 'charge', onDone: { target: 'paid', actions: 'pay' } },
        after: { 100000: { target: 'late' } },
      },
      paid: {},
      late: {},
    },
  });
  const logic = test.host.persistent(machine, { persistenceId: options.persistenceId ?? 'o' });
  const actor = createActor(logic);
  actor.subscribe({ error: () => {} });
  return { ...test, log, back, charge, machine, logic, actor: actor.start() };
}

const forgeries: readonly EventObject[] = [
  { type: 'xstate.done.actor.charge', output: 'forged' } as EventObject,
  { type: 'xstate.error.actor.charge', error: new Error('forged') } as EventObject,
  { type: 'xstate.snapshot.charge', snapshot: {} } as EventObject,
  { type: 'xstate.after.100000.order.open' },
  { type: 'xstate.stop' },
  { type: 'xstate.init' },
];

/** What JavaScript lets callers send. */
const noEvents: readonly unknown[] = [{}, null, undefined, [], 7, true, { type: 7 }, { type: '' }];

/** What is stored after the record of the actor's input, if there is one. */
function events(journal: MemoryJournalPlugin, id: string): readonly unknown[] {
  const payloads = journal.payloads(id) as readonly EventObject[];
  return payloads.filter(({ type }) => type !== 'xstate.init');
}

async function expectUntouched({ host, journal, actor }: ReturnType<typeof order>): Promise<void> {
  await settle();
  expect(actor.getSnapshot()).to.include({ status: 'active', value: 'open' });
  expect((await host.ask(actor, { type: 'note' })).events).to.deep.equal([{ type: 'note' }]);
  expect(events(journal, 'o')).to.deep.equal([{ type: 'note' }]);
}

describe('what callers send', () => {
  it('is refused with an InvalidInputError by ask when its type is one of xstate', async () => {
    const test = order();
    for (const forged of forgeries) {
      const error = await failureOf(test.host.ask(test.actor, forged));
      expect(error).to.include({ code: 'INVALID_INPUT', stored: 'no' });
      expect(error.message).to.contain(forged.type);
    }
    await expectUntouched(test);
  });

  it('is refused with a warning when it is sent with a type of xstate, by whomever', async () => {
    const test = order();
    await waitFor(test.actor, isReady);
    const stranger = createActor(
      setup({}).createMachine({
        on: {
          '*': {
            actions: sendTo(
              test.actor as AnyActorRef,
              ({ event }) => (event as unknown as { forged: EventObject }).forged,
            ),
          },
        },
      }),
    ).start();
    for (const forged of forgeries) {
      test.actor.send(forged);
      test.back.send(forged);
      stranger.send({ type: 'pass', forged } as EventObject);
    }
    test.actor.send({ type: 'forge' }); // a child's sendParent
    await settle();
    const refusals = 3 * forgeries.length + 1;
    expect(test.log.of('warn')).to.have.length(refusals);
    expect(test.actor.getSnapshot().context.paid).to.deep.equal([]);
    expect(test.actor.getSnapshot()).to.include({ status: 'active', value: 'open' });
  });

  it('is refused when it is no event, and the entity lives', async () => {
    const test = order();
    await waitFor(test.actor, isReady);
    for (const value of [...noEvents, 'note']) {
      const error = await failureOf(test.host.ask(test.actor, value as EventObject));
      expect(error, String(value)).to.include({ code: 'INVALID_INPUT', stored: 'no' });
    }
    for (const value of noEvents) {
      test.actor.send(value as EventObject);
      test.back.send(value);
    }
    expect(test.log.of('warn')).to.have.length(2 * noEvents.length);
    await expectUntouched(test);
  });

  it('is refused by a registry, too', async () => {
    const log = new RecordingLogger();
    const { host, journal } = testHost({ log });
    const machine = setup({}).createMachine({ id: 'm', on: { note: {} } });
    const logic = host.persistent(machine, { persistenceId: 'm' });
    const registry = host.entities('m', logic, { input: () => undefined });
    for (const value of [...noEvents, 'note', ...forgeries]) {
      const error = await failureOf(registry.ask('1', value as EventObject));
      expect(error).to.include({ code: 'INVALID_INPUT' });
      registry.send('1', value as EventObject);
    }
    await settle();
    expect(log.of('warn')).to.have.length(noEvents.length + 1 + forgeries.length);
    await registry.ask('1', { type: 'note' });
    expect(events(journal, 'm')).to.deep.equal([{ type: 'note' }]);
  });

  it('may have a type that begins as those of the host do', async () => {
    const { host, journal } = testHost();
    const types = ['persistence.detach', 'persistence.written', 'persistence.mine'];
    const machine = setup({}).createMachine({ id: 'm', on: { '*': {} } });
    const actor = createActor(host.persistent(machine, { persistenceId: 'm' })).start();
    for (const type of types) await host.ask(actor, { type } as never);
    expect(events(journal, 'm')).to.deep.equal(types.map((type) => ({ type })));
  });

  it('is a command when it names a route, which xstate leaves to callers', async () => {
    const { host, journal } = testHost();
    const machine = setup({}).createMachine({
      id: 'm',
      initial: 'a',
      states: { a: { id: 'a', route: {} }, b: { id: 'b', route: {} } },
    } as never) as unknown as AnyStateMachine;
    const actor = createActor(host.persistent(machine, { persistenceId: 'm' })).start();
    const { snapshot } = await host.ask(actor, { type: 'xstate.route', to: '#b' } as never);
    expect(snapshot.value).to.equal('b');
    expect(events(journal, 'm')).to.deep.equal([{ type: 'xstate.route', to: '#b' }]);
  });

  it('is a command though it is the very object of an armed timer', async () => {
    const event = { type: 'tick' };
    const { host, journal } = testHost();
    const machine = setup({}).createMachine({
      id: 'm',
      entry: raise(event, { id: 'tick', delay: 100_000 }),
      on: { tick: {} },
    });
    const logic = host.persistent(machine, {
      persistenceId: 'm',
      decide: () => ({ type: 'none', reply: 'decided' }),
    });
    const actor = createActor(logic).start();
    await host.whenRecovered(actor);
    expect((await host.ask(actor, event as never)).reply).to.equal('decided');
    expect(journal.stored('m').map(({ facts: { timer } }) => timer)).to.not.include('tick');
  });

  it('is a command when a parent sends it to a persistent child', async () => {
    const { host, journal } = testHost();
    const seen: string[] = [];
    const child = host.persistent(setup({}).createMachine({ id: 'child', on: { go: {} } }), {
      persistenceId: 'child',
      decide: ({ command }) => {
        seen.push(command.type);
        return { type: 'persist', events: [command] } as never;
      },
    });
    const parent = createActor(
      setup({ actors: { child } }).createMachine({
        invoke: { id: 'child', src: 'child' },
        on: { '*': { actions: sendTo('child', ({ event }) => event) } },
      }),
    ).start();
    await settle();
    parent.send({ type: 'go' } as never);
    parent.send({ type: 'xstate.done.actor.x' } as never);
    await settle();
    expect(seen).to.deep.equal(['go']);
    expect(events(journal, 'child')).to.deep.equal([{ type: 'go' }]);
    const started = parent.getSnapshot().children.child;
    parent.stop();
    expect(started?.getSnapshot().status).to.equal('stopped');
  });
});

describe("an actor's own inputs", () => {
  it('are the results of its children, once each', async () => {
    const test = order();
    await waitFor(test.actor, isReady);
    test.charge.resolve('paid');
    await waitFor(test.actor, (snapshot) => snapshot.value === 'paid');
    expect(test.actor.getSnapshot().context.paid).to.deep.equal(['paid']);
    expect(test.log.of('warn')).to.deep.equal([]);
  });

  it('are the failures of its children, once each', async () => {
    let fail: (event: unknown) => void = () => {};
    const log = new RecordingLogger();
    const { host } = testHost({ log });
    const failure = new Error('no line');
    const machine = setup({
      types: { context: {} as { failures: number }, events: {} as EventObject },
      actors: {
        line: fromCallback(({ sendBack }) => {
          fail = sendBack as (event: unknown) => void;
          throw failure;
        }),
      },
    }).createMachine({
      id: 'm',
      context: { failures: 0 },
      invoke: {
        id: 'line',
        src: 'line',
        onError: { actions: assign({ failures: ({ context }) => context.failures + 1 }) },
      },
      on: { note: {} },
    });
    const actor = createActor(host.persistent(machine, { persistenceId: 'm' })).start();
    await waitFor(actor, (snapshot) => snapshot.context.failures === 1);
    fail({ type: 'xstate.error.actor.line', error: failure });
    await settle();
    expect(actor.getSnapshot().context.failures).to.equal(1);
    expect(log.of('warn')).to.deep.equal(['command refused']);
  });

  it('are failures with NaN, too, which equals nothing', async () => {
    const test = order();
    await waitFor(test.actor, isReady);
    test.charge.reject(Number.NaN);
    await settle();
    expect(test.actor.getSnapshot()).to.include({ status: 'error' });
    expect(test.log.of('warn')).to.deep.equal([]);
  });

  it('are the states of its children, timers and what it raises', async () => {
    const log = new RecordingLogger();
    const { host } = testHost({ log });
    const machine = setup({
      types: { context: {} as { seen: readonly string[] }, events: {} as EventObject },
      actors: {
        child: setup({}).createMachine({
          id: 'child',
          initial: 'a',
          states: { a: { after: { 1: 'b' } }, b: {} },
        }),
        ticks: fromEventObservable(
          () =>
            ({
              subscribe: (observer: { next?: (value: EventObject) => void }) => {
                observer.next?.({ type: 'tock' });
                return { unsubscribe: () => {} };
              },
            }) as never,
        ),
      },
      actions: {
        see: assign({ seen: ({ context, event }) => [...context.seen, event.type] }),
      },
    }).createMachine({
      id: 'm',
      context: { seen: [] },
      entry: [raise({ type: 'later' }, { delay: 2 }), raise({ type: 'now' })],
      invoke: [
        { id: 'child', src: 'child', onSnapshot: { actions: 'see' } },
        { id: 'ticks', src: 'ticks' },
      ],
      after: { 3: { actions: 'see' } },
      on: { now: { actions: 'see' }, later: { actions: 'see' }, tock: { actions: 'see' } },
    });
    const actor = createActor(host.persistent(machine, { persistenceId: 'm' })).start();
    const types = ['now', 'later', 'tock', 'xstate.snapshot.child', 'xstate.after.3.m'];
    await waitFor(actor, ({ context }) => types.every((type) => context.seen.includes(type)));
    expect(log.of('warn')).to.deep.equal([]);
  });

  it('are the orders to stop that xstate gives', async () => {
    const { actor } = order();
    await waitFor(actor, isReady);
    actor.stop();
    expect(actor.getSnapshot().status).to.equal('stopped');
  });
});
