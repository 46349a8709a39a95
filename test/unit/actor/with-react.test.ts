import { useActorRef, useSelector } from '@xstate/react';
import { expect } from 'chai';
import { Activity, act, createElement, type ReactElement, type ReactNode, StrictMode } from 'react';
import { create, type ReactTestRenderer } from 'react-test-renderer';
import type { ActorRefFrom, AnyActorRef, AnyStateMachine } from 'xstate';
import { assign, fromCallback, raise, SimulatedClock, setup } from 'xstate';
import { isReady } from '../../../src/actor/entity/persistence-info.ts';
import { eventTypes } from './counter.ts';
import { openCounter } from './open-counter.ts';
import { failureOf, settle, testHost } from './support.ts';

type CounterLogic = ReturnType<typeof openCounter>['logic'];

/** What React says about wrong use, such as a state that changes outside of `act`. */
const complaints: unknown[] = [];

describe('a persistent actor in React', () => {
  const environment = globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean };
  const { error } = console;

  before(() => {
    environment.IS_REACT_ACT_ENVIRONMENT = true;
    console.error = (...what: unknown[]) => {
      if (!String(what[0]).includes('react-test-renderer is deprecated')) complaints.push(what);
    };
  });

  after(() => {
    delete environment.IS_REACT_ACT_ENVIRONMENT;
    console.error = error;
  });

  afterEach(() => {
    expect(complaints.splice(0)).to.deep.equal([]);
  });

  it('recovers when its component appears, and stops when that goes (useActorRef, useSelector)', async () => {
    const { journal } = testHost();
    journal.seed('c|1', [
      { type: 'xstate.init', input: { id: '1' } },
      { type: 'added', n: 2 },
    ]);
    const { host, logic } = openCounter({ journal });
    const first = found<ActorRefFrom<CounterLogic>>();
    const shown: unknown[] = [];
    const page = await show(createElement(Counter, { logic, shown, take: first.take }));
    expect(shown).to.deep.equal(['recovering', 2]);
    await does(() => first.actor().send({ type: 'added', n: 3 }));
    expect(shown).to.deep.equal(['recovering', 2, 5]);
    await does(() => page.unmount());
    const late = await failureOf(host.ask(first.actor(), { type: 'added', n: 1 }));
    expect(late.code).to.equal('ENTITY_STOPPED');
    shown.length = 0;
    const other = openCounter({ journal }).logic;
    await show(createElement(Counter, { logic: other, shown, take: () => {} }));
    expect(shown).to.deep.equal(['recovering', 5]);
  });

  it('lives on in strict mode, which stops each new actor and starts it again', async () => {
    const { logic, journal, started, clock } = openLamp();
    const { actor, take } = found<ActorRefFrom<LampLogic>>();
    const lamp = createElement(Lamp, { logic, clock, take });
    await show(createElement(StrictMode, null, lamp));
    expect(actor().getSnapshot().value).to.equal('on');
    await does(() => actor().send({ type: 'poked' }));
    expect(eventTypes(journal.payloads('lamp'))).to.deep.equal(['xstate.init', 'poked']);
    expect(started).to.deep.equal(['child', 'entry']);
  });

  it('lives on in strict mode as a child of a plain machine, too', async () => {
    const { logic, journal, started } = openLamp();
    const machine = setup({ actors: { logic } }).createMachine({
      id: 'room',
      invoke: { id: 'lamp', src: 'logic' },
    });
    const { actor, take } = found<AnyActorRef>();
    await show(createElement(StrictMode, null, createElement(Room, { machine, take })));
    await does(() => actor().getSnapshot().children['lamp'].send({ type: 'poked' }));
    expect(eventTypes(journal.payloads('lamp'))).to.deep.equal(['xstate.init', 'poked']);
    expect(started).to.deep.equal(['child', 'entry']);
  });

  it('recovers when its component is shown again: children and timers are there once', async () => {
    const { logic, journal, started, clock } = openLamp();
    const { actor, take } = found<ActorRefFrom<LampLogic>>();
    const children = createElement(Lamp, { logic, clock, take });
    const page = (mode: 'hidden' | 'visible') => createElement(Activity, { mode, children });
    const root = await show(page('visible'));
    await does(() => actor().send({ type: 'poked' }));
    for (const mode of ['hidden', 'visible'] as const) await does(() => root.update(page(mode)));
    expect(started).to.deep.equal(['child', 'entry', 'child ends', 'child']);
    expect(actor().getSnapshot().context.pokes).to.equal(1);
    const { _scheduledEvents: scheduled } = actor().system.getSnapshot();
    expect(Object.values(scheduled).map(({ source }) => source.id)).to.have.members([
      actor().id,
      actor().id,
      'inner',
    ]);
    await does(() => clock.increment(minuteMs));
    expect(actor().getSnapshot().context.pokes).to.equal(2);
    expect(eventTypes(journal.payloads('lamp'))).to.deep.equal([
      'xstate.init',
      'poked',
      'poked',
      'xstate.after.60000.lamp.on',
    ]);
  });
});

const minuteMs = 60_000;

/** A lamp that has work under way, and two timers. */
function openLamp() {
  const started: string[] = [];
  const test = testHost();
  const machine = setup({
    types: { context: {} as { pokes: number }, events: {} as { type: 'poked' } },
    actors: {
      child: fromCallback(() => {
        started.push('child');
        return () => started.push('child ends');
      }),
      inner: setup({}).createMachine({ id: 'inner', after: { [minuteMs]: { actions: () => {} } } }),
    },
  }).createMachine({
    id: 'lamp',
    context: { pokes: 0 },
    initial: 'on',
    states: {
      on: {
        entry: [() => started.push('entry'), raise({ type: 'poked' }, { delay: minuteMs })],
        invoke: [
          { id: 'child', src: 'child' },
          { id: 'inner', src: 'inner' },
        ],
        on: { poked: { actions: assign({ pokes: ({ context }) => context.pokes + 1 }) } },
        after: { [minuteMs]: { actions: assign({}) } },
      },
    },
  });
  const logic = test.host.persistent(machine, { persistenceId: 'lamp' });
  return { ...test, logic, started, clock: new SimulatedClock() };
}

type LampLogic = ReturnType<typeof openLamp>['logic'];

/** Takes the actor out of a component. */
function found<A>() {
  let actor: A | undefined;
  return {
    take: (one: A): void => {
      actor = one;
    },
    actor: () => actor as A,
  };
}

interface LampProps {
  readonly logic: LampLogic;
  readonly clock: SimulatedClock;
  readonly take: (actor: ActorRefFrom<LampLogic>) => void;
}

function Lamp({ logic, clock, take }: LampProps): ReactNode {
  take(useActorRef(logic, { clock }));
  return null;
}

interface RoomProps {
  readonly machine: AnyStateMachine;
  readonly take: (actor: AnyActorRef) => void;
}

function Room({ machine, take }: RoomProps): ReactNode {
  take(useActorRef(machine));
  return null;
}

interface CounterProps {
  readonly logic: CounterLogic;
  readonly take: (actor: ActorRefFrom<CounterLogic>) => void;
  /** What the component has shown. */
  readonly shown: unknown[];
}

/** Shows the count once the entity is ready. */
function Counter({ logic, take, shown }: CounterProps): ReactNode {
  const actor = useActorRef(logic, { input: { id: '1' } });
  take(actor);
  const count = useSelector(actor, (snapshot) =>
    isReady(snapshot) ? snapshot.context.count : 'recovering',
  );
  if (shown.at(-1) !== count) shown.push(count);
  return String(count);
}

async function show(element: ReactElement): Promise<ReactTestRenderer> {
  let page: ReactTestRenderer | undefined;
  await does(() => {
    page = create(element);
  });
  return page as ReactTestRenderer;
}

async function does(what: () => void): Promise<void> {
  await act(async () => {
    what();
    await settle();
  });
}
