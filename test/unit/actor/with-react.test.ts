import { useActorRef, useSelector } from '@xstate/react';
import { expect } from 'chai';
import { Activity, act, createElement, type ReactElement, type ReactNode, StrictMode } from 'react';
import { create, type ReactTestRenderer } from 'react-test-renderer';
import type { ActorRefFrom } from 'xstate';
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
    const first = counterPage(logic);
    const page = await show(createElement(first.Counter));
    expect(first.shown).to.deep.equal(['recovering', 2]);
    await does(() => first.actor().send({ type: 'added', n: 3 }));
    expect(first.shown).to.deep.equal(['recovering', 2, 5]);
    await does(() => page.unmount());
    const late = await failureOf(host.ask(first.actor(), { type: 'added', n: 1 }));
    expect(late.code).to.equal('ENTITY_STOPPED');
    const second = counterPage(openCounter({ journal }).logic);
    await show(createElement(second.Counter));
    expect(second.shown).to.deep.equal(['recovering', 5]);
  });

  it('lives on in strict mode, which stops each new actor and starts it again', async () => {
    const { logic, journal, started } = openLamp();
    const { Lamp, actor } = lampPage(logic);
    await show(createElement(StrictMode, null, createElement(Lamp)));
    expect(actor().getSnapshot().value).to.equal('on');
    await does(() => actor().send({ type: 'poked' }));
    expect(eventTypes(journal.payloads('lamp'))).to.deep.equal(['xstate.init', 'poked']);
    expect(started).to.deep.equal(['child', 'entry']);
  });

  it('lives on in strict mode as a child of a plain machine, too', async () => {
    const { logic, journal, started } = openLamp();
    const room = setup({ actors: { logic } }).createMachine({
      id: 'room',
      invoke: { id: 'lamp', src: 'logic' },
    });
    let actor: ActorRefFrom<typeof room> | undefined;
    const Room = (): ReactNode => {
      actor = useActorRef(room);
      return null;
    };
    await show(createElement(StrictMode, null, createElement(Room)));
    await does(() => actor?.getSnapshot().children.lamp?.send({ type: 'poked' }));
    expect(eventTypes(journal.payloads('lamp'))).to.deep.equal(['xstate.init', 'poked']);
    expect(started).to.deep.equal(['child', 'entry']);
  });

  it('recovers when its component is shown again: children and timers are there once', async () => {
    const { logic, journal, started, clock } = openLamp();
    const { Lamp, actor } = lampPage(logic, clock);
    const page = (mode: 'hidden' | 'visible') =>
      createElement(Activity, { mode, children: createElement(Lamp) });
    const root = await show(page('visible'));
    await does(() => actor().send({ type: 'poked' }));
    for (const mode of ['hidden', 'visible'] as const) await does(() => root.update(page(mode)));
    expect(started).to.deep.equal(['child', 'entry', 'child ends', 'child']);
    expect(actor().getSnapshot().context.pokes).to.equal(1);
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
    },
  }).createMachine({
    id: 'lamp',
    context: { pokes: 0 },
    initial: 'on',
    states: {
      on: {
        entry: [() => started.push('entry'), raise({ type: 'poked' }, { delay: minuteMs })],
        invoke: { id: 'child', src: 'child' },
        on: { poked: { actions: assign({ pokes: ({ context }) => context.pokes + 1 }) } },
        after: { [minuteMs]: { actions: assign({}) } },
      },
    },
  });
  const logic = test.host.persistent(machine, { persistenceId: 'lamp' });
  return { ...test, logic, started, clock: new SimulatedClock() };
}

type LampLogic = ReturnType<typeof openLamp>['logic'];

function lampPage(logic: LampLogic, clock = new SimulatedClock()) {
  let actor: ActorRefFrom<LampLogic> | undefined;
  const Lamp = (): ReactNode => {
    actor = useActorRef(logic, { clock });
    return null;
  };
  return { Lamp, actor: () => actor as ActorRefFrom<LampLogic> };
}

/** A component that shows the count once the entity is ready, and notes what it shows. */
function counterPage(logic: CounterLogic) {
  const shown: unknown[] = [];
  let actor: ActorRefFrom<CounterLogic> | undefined;
  const Counter = (): ReactNode => {
    const ref = useActorRef(logic, { input: { id: '1' } });
    const count = useSelector(ref, (snapshot) =>
      isReady(snapshot) ? snapshot.context.count : 'recovering',
    );
    actor = ref;
    if (shown.at(-1) !== count) shown.push(count);
    return String(count);
  };
  return { Counter, shown, actor: () => actor as ActorRefFrom<CounterLogic> };
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
