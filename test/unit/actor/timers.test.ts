import { expect } from 'chai';
import { assign, createActor, fromCallback, raise, SimulatedClock, sendTo, setup } from 'xstate';
import type { ActorSettings } from '../../../src/actor/entity/entity-options.ts';
import { WriteFailedError } from '../../../src/model/errors.ts';
import type { Clock } from '../../../src/runtime/clock.ts';
import { clocksApartMs } from '../../support/clocks-apart.ts';
import { MemoryJournalPlugin } from '../../support/memory-journal-plugin.ts';
import { eventTypes } from './counter.ts';
import { settle, testHost } from './support.ts';

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;
const startMs = 1_700_000_000_000;

/** One process: its time, its timers, and the journal that outlives it. */
class World implements Clock {
  readonly scheduler = new SimulatedClock();
  readonly journal: MemoryJournalPlugin;
  #ms: number;

  constructor(ms = startMs, journal?: MemoryJournalPlugin) {
    this.#ms = ms;
    this.journal = journal ?? new MemoryJournalPlugin({ nowMs: () => now.world.nowMs() });
    now.world = this;
  }

  nowMs(): number {
    return this.#ms;
  }

  steadyMs(): number {
    return this.nowMs() - clocksApartMs;
  }

  /** Backoffs of the tests are 1 ms; nothing else may come to its end. */
  sleep(ms: number): Promise<void> {
    return ms <= 1 ? Promise.resolve() : new Promise(() => {});
  }

  /** In steps that Node's timers can hold. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; ) {
      const step = Math.min(left, 2 ** 31 - 1);
      this.#ms += step;
      left -= step;
      this.scheduler.increment(step);
      await settle();
    }
  }

  /** The process is gone; another one starts `ms` later. */
  crash(ms = 0): World {
    return new World(this.#ms + ms, this.journal);
  }
}

const now = { world: undefined as unknown as World };

interface Delays {
  readonly patienceMs?: number;
  readonly alarmMs?: number;
}

function lampMachine({ patienceMs = minuteMs, alarmMs = 10_000 }: Delays) {
  return setup({
    types: {
      context: {} as { alarms: number; timeouts: number },
      events: {} as { type: 'go' } | { type: 'back' } | { type: 'nudge' } | { type: 'alarm' },
    },
    actions: {
      countAlarm: assign({ alarms: ({ context }) => context.alarms + 1 }),
      countTimeout: assign({ timeouts: ({ context }) => context.timeouts + 1 }),
    },
    delays: { patience: patienceMs, alarm: alarmMs },
  }).createMachine({
    id: 'lamp',
    initial: 'off',
    context: { alarms: 0, timeouts: 0 },
    states: {
      off: { on: { go: 'waiting', alarm: { actions: 'countAlarm' } } },
      waiting: {
        entry: raise({ type: 'alarm' }, { delay: 'alarm' }),
        after: { patience: { target: 'off', actions: 'countTimeout' } },
        on: {
          back: 'off',
          nudge: { target: 'waiting', reenter: true },
          alarm: { actions: 'countAlarm' },
        },
      },
    },
  });
}

function start(world: World, delays: Delays = {}, settings: Partial<ActorSettings> = {}) {
  const { host } = testHost({ journal: world.journal, clock: world, settings });
  const logic = host.persistent(lampMachine(delays), {
    persistenceId: 'lamp',
    onPersistFailure: { minBackoff: 1, maxBackoff: 1 },
  });
  const actor = createActor(logic, { clock: world.scheduler });
  actor.start();
  return { host, actor, context: () => actor.getSnapshot().context };
}

/** Its own timer and what it sends to its child later have one id. */
function startFamily(world: World) {
  const { host } = testHost({ journal: world.journal, clock: world });
  const told: string[] = [];
  const machine = setup({
    types: {
      context: {} as { alarms: number },
      events: {} as { type: 'tell' } | { type: 'renew' } | { type: 'wait' } | { type: 'alarm' },
    },
    actors: { kid: fromCallback(({ receive }) => receive(({ type }) => told.push(type))) },
  }).createMachine({
    id: 'family',
    context: { alarms: 0 },
    invoke: { id: 'kid', src: 'kid' },
    on: {
      tell: { actions: sendTo('kid', { type: 'told' }, { id: 'soon', delay: 10_000 }) },
      renew: { target: '#family', reenter: true },
      wait: { actions: raise({ type: 'alarm' }, { id: 'soon', delay: 10_000 }) },
      alarm: { actions: assign({ alarms: ({ context }) => context.alarms + 1 }) },
    },
  });
  const logic = host.persistent(machine, { persistenceId: 'family' });
  return { host, told, actor: createActor(logic, { clock: world.scheduler }).start() };
}

/** All that it is told to ring for has one id. */
function startBell(world: World) {
  const { host } = testHost({ journal: world.journal, clock: world });
  const machine = setup({
    types: {
      context: {} as { rung: readonly number[] },
      events: {} as { type: 'later'; n: number; ms: number } | { type: 'ring'; n: number },
    },
  }).createMachine({
    id: 'bell',
    context: { rung: [] },
    on: {
      later: {
        actions: raise(({ event }) => ({ type: 'ring', n: event.n, loud: undefined }), {
          id: 'bell',
          delay: ({ event }) => event.ms,
        }),
      },
      ring: { actions: assign({ rung: ({ context, event }) => [...context.rung, event.n] }) },
    },
  });
  const actor = createActor(host.persistent(machine, { persistenceId: 'bell' }), {
    clock: world.scheduler,
  });
  return { host, actor: actor.start() };
}

const patience = 'xstate.after.patience.lamp.waiting';

describe('timers', () => {
  it('are stored when they fire, with the id that tells them from events sent by hand', async () => {
    const world = new World();
    const { host, actor } = start(world);
    await host.ask(actor, { type: 'go' });
    await host.ask(actor, { type: 'alarm' });
    await world.pass(minuteMs);
    expect(actor.getSnapshot().value).to.equal('off');
    const stored = world.journal.stored('lamp');
    expect(eventTypes(stored.map(({ payload }) => payload))).to.deep.equal([
      'go',
      'alarm',
      'alarm',
      patience,
    ]);
    expect(stored.map(({ facts }) => facts.timer)).to.deep.equal([
      undefined,
      undefined,
      '#1.0',
      patience,
    ]);
  });

  it('fire right after recovery when they are overdue, earliest deadline first', async () => {
    const world = new World();
    const before = start(world);
    await before.host.ask(before.actor, { type: 'go' });
    const later = world.crash(dayMs);
    const { context } = start(later);
    await settle();
    await later.pass(1);
    expect(context()).to.deep.equal({ alarms: 1, timeouts: 1 });
    expect(eventTypes(world.journal.payloads('lamp')).slice(1)).to.deep.equal(['alarm', patience]);
  });

  it('wait their whole delay where the journal does not say when their event was stored', async () => {
    const noTimes = new MemoryJournalPlugin({ nowMs: () => undefined as unknown as number });
    const world = new World(startMs, noTimes);
    const before = start(world);
    await before.host.ask(before.actor, { type: 'go' });
    const later = world.crash(dayMs);
    const { context } = start(later);
    await settle();
    await later.pass(minuteMs - 1);
    expect(context()).to.deep.equal({ alarms: 1, timeouts: 0 });
    await later.pass(1);
    expect(context()).to.deep.equal({ alarms: 1, timeouts: 1 });
  });

  it('fire after what was left of their delay at the last event, with timers = remaining', async () => {
    const world = new World();
    const before = start(world, { alarmMs: dayMs }, { timers: 'remaining' });
    await before.host.ask(before.actor, { type: 'go' });
    await world.pass(20_000);
    await before.host.ask(before.actor, { type: 'alarm' });
    // Nobody knows for how long it lived after that.
    await world.pass(30_000);
    let later = world.crash(dayMs);
    for (let crashes = 0; crashes < 2; crashes++) {
      const { host, actor } = start(later, { alarmMs: dayMs }, { timers: 'remaining' });
      await host.whenRecovered(actor);
      await later.pass(39_999);
      expect(actor.getSnapshot().value).to.equal('waiting');
      if (crashes === 0) later = later.crash(dayMs);
      else {
        await later.pass(1);
        expect(actor.getSnapshot().value).to.equal('off');
        expect(actor.getSnapshot().context.alarms, 'its time stood still, too').to.equal(1);
      }
    }
  });

  it('stood still in each time between two lives, with timers = remaining', async () => {
    let world = new World();
    // Of a minute, 10 s pass in each life before its event.
    for (let lives = 0; lives < 4; lives++) {
      const { host, actor } = start(world, { alarmMs: dayMs }, { timers: 'remaining' });
      await host.whenRecovered(actor);
      if (lives === 0) await host.ask(actor, { type: 'go' });
      await world.pass(10_000);
      await host.ask(actor, { type: 'alarm' });
      world = world.crash(dayMs);
    }
    const { host, actor } = start(world, { alarmMs: dayMs }, { timers: 'remaining' });
    await host.whenRecovered(actor);
    await world.pass(19_999);
    expect(actor.getSnapshot().value).to.equal('waiting');
    await world.pass(1);
    expect(actor.getSnapshot().value).to.equal('off');
  });

  it('wait their full delay again with the policy restart', async () => {
    const world = new World();
    const before = start(world, { alarmMs: dayMs });
    await before.host.ask(before.actor, { type: 'go' });
    const later = world.crash(dayMs);
    const { actor } = start(later, { alarmMs: dayMs }, { timers: 'restart' });
    await settle();
    await later.pass(minuteMs - 1);
    expect(actor.getSnapshot().value).to.equal('waiting');
    await later.pass(1);
    expect(actor.getSnapshot().value).to.equal('off');
  });

  it('do not fire after recovery once they have fired or the state was left', async () => {
    const world = new World();
    const before = start(world);
    await before.host.ask(before.actor, { type: 'go' });
    await world.pass(10_000); // the alarm
    await before.host.ask(before.actor, { type: 'back' });
    const later = world.crash();
    const { host, actor, context } = start(later);
    await host.whenRecovered(actor);
    await later.pass(dayMs);
    expect(context()).to.deep.equal({ alarms: 1, timeouts: 0 });
    expect(later.journal.stored('lamp')).to.have.length(3);
  });

  it('start anew when their state is entered again', async () => {
    const world = new World();
    const before = start(world, { alarmMs: dayMs });
    await before.host.ask(before.actor, { type: 'go' });
    await world.pass(50_000);
    await before.host.ask(before.actor, { type: 'nudge' });
    const later = world.crash();
    const { host, actor } = start(later, { alarmMs: dayMs });
    await host.whenRecovered(actor);
    await later.pass(minuteMs - 1);
    expect(actor.getSnapshot().value).to.equal('waiting');
    await later.pass(1);
    expect(actor.getSnapshot().value).to.equal('off');
  });

  it('may be longer than Node can wait, live and after recovery', async () => {
    const delays = { patienceMs: 60 * dayMs, alarmMs: 90 * dayMs };
    const world = new World();
    const before = start(world, delays);
    await before.host.ask(before.actor, { type: 'go' });
    await world.pass(40 * dayMs);
    expect(before.actor.getSnapshot().value).to.equal('waiting');
    const later = world.crash();
    const { host, actor, context } = start(later, delays);
    await host.whenRecovered(actor);
    await later.pass(20 * dayMs - 1);
    expect(actor.getSnapshot().value).to.equal('waiting');
    await later.pass(1);
    expect(actor.getSnapshot().value).to.equal('off');
    await later.pass(30 * dayMs);
    expect(context()).to.deep.equal({ alarms: 1, timeouts: 1 });
  });

  it('are cancelled within a long chain of links too', async () => {
    const world = new World();
    const { host, actor, context } = start(world, { patienceMs: 60 * dayMs });
    await host.ask(actor, { type: 'go' });
    await world.pass(40 * dayMs);
    await host.ask(actor, { type: 'back' });
    await world.pass(60 * dayMs);
    expect(context().timeouts).to.equal(0);
  });

  it('do not count when the write under way, once stored, cancels them', async () => {
    const world = new World();
    const { host, actor, context } = start(world, { alarmMs: dayMs });
    await host.ask(actor, { type: 'go' });
    const write = world.journal.blockNextWrite();
    const nudged = host.ask(actor, { type: 'nudge' });
    await write.reached;
    await world.pass(minuteMs);
    write.open();
    await nudged;
    await settle();
    expect(context().timeouts).to.equal(0);
    expect(actor.getSnapshot().value).to.equal('waiting');
  });

  it('are forgotten with the state that a failed write throws away, and armed again', async () => {
    const world = new World();
    const { host, actor, context } = start(world, { alarmMs: dayMs });
    await host.ask(actor, { type: 'go' });
    world.journal.failNextWrite(new WriteFailedError('no answer'));
    await host.ask(actor, { type: 'back' }).catch(() => {});
    await host.whenRecovered(actor);
    await settle();
    await world.pass(minuteMs);
    expect(context().timeouts).to.equal(1);
    expect(world.journal.stored('lamp').at(-1)?.facts.timer).to.equal(patience);
  });

  it('do not fire again for a message to a child that had the same id', async () => {
    const world = new World();
    const { host, actor } = startFamily(world);
    await host.ask(actor, { type: 'tell' });
    await world.pass(minuteMs);
    await host.ask(actor, { type: 'wait' });
    await world.pass(minuteMs);
    expect(actor.getSnapshot().context.alarms).to.equal(1);
    const { actor: revived, host: next } = startFamily(world.crash());
    await next.whenRecovered(revived);
    await now.world.pass(minuteMs);
    expect(revived.getSnapshot().context.alarms).to.equal(1);
  });

  it('with one id fire once each, though the journal has another order of their deadlines', async () => {
    const world = new World();
    const { host, actor } = startBell(world);
    await host.whenRecovered(actor);
    const write = world.journal.write.bind(world.journal);
    const { promise: answered, resolve: answer } = Promise.withResolvers<void>();
    world.journal.write = async (writes) => (await Promise.all([write(writes), answered]))[0];
    const late = host.ask(actor, { type: 'later', n: 1, ms: 10_000 });
    await world.pass(5_000);
    answer();
    await late; // due at 10 s by the journal, and at 15 s here, since it was confirmed late
    await host.ask(actor, { type: 'later', n: 2, ms: 7_000 });
    await world.pass(8_000);
    expect(actor.getSnapshot().context.rung).to.deep.equal([2]);
    const { actor: revived, host: next } = startBell(world.crash());
    await next.whenRecovered(revived);
    await now.world.pass(minuteMs);
    expect(revived.getSnapshot().context.rung).to.deep.equal([2, 1]);
  });

  it('reach no later child that has the id of the one they were for', async () => {
    const world = new World();
    const { host, actor } = startFamily(world);
    await host.ask(actor, { type: 'tell' });
    await host.ask(actor, { type: 'renew' });
    const { told, host: next, actor: revived } = startFamily(world.crash());
    await next.whenRecovered(revived);
    await now.world.pass(minuteMs);
    expect(told).to.deep.equal([]);
  });

  it('fire once although the entity started over while they were armed', async () => {
    const world = new World();
    const { host, actor, context } = start(world);
    await host.ask(actor, { type: 'go' });
    world.journal.failNextWrite(new WriteFailedError('no answer'), { stored: true });
    await host.ask(actor, { type: 'back' }).catch(() => {});
    await settle();
    await world.pass(minuteMs);
    expect(actor.getSnapshot().value).to.equal('off');
    expect(context()).to.deep.equal({ alarms: 1, timeouts: 0 });
  });
});
