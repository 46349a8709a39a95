import { expect } from 'chai';
import {
  type AnyActorRef,
  createMachine,
  fromPromise,
  fromTransition,
  sendTo,
  setup,
} from 'xstate';
import { settle } from '../support.ts';
import { World } from '../world.ts';
import { TestSnapshotStore } from './support.ts';

/** What a machine calls the things whose names snapshots hold. */
interface Names {
  readonly waiting: string;
  readonly delay: string;
  readonly pay: string;
  readonly till: string;
  readonly bell: string;
}

const before: Names = { waiting: 'open', delay: '100', pay: 'pay', till: 'till', bell: 'bell' };

/** It waits, pays by a promise that ends when the test says so, and has a till in its context. */
function shop(names: Names, paid: Promise<unknown>) {
  return setup({
    types: { context: {} as { till: AnyActorRef } },
    actors: {
      pay: fromPromise(() => paid),
      till: fromTransition((sum: number) => sum + 1, 0),
    },
    delays: { patience: 100 },
  }).createMachine({
    id: 'shop',
    context: ({ spawn }) => ({ till: spawn('till', { id: names.till }) }),
    initial: names.waiting,
    on: {
      later: {
        actions: sendTo(names.till, { type: 'ring' }, { id: names.bell, delay: 50 }),
      },
    },
    states: {
      [names.waiting]: { on: { pay: 'paying' }, after: { [names.delay]: 'late' } },
      paying: { invoke: { id: names.pay, src: 'pay', onDone: 'paid' } },
      paid: {},
      late: {},
    },
  });
}

/** Somebody stays in it, whose bill is paid by a promise that has no name. */
function clinic({ id, ward, bed }: Record<'id' | 'ward' | 'bed', string>, paid: Promise<unknown>) {
  return createMachine({
    id,
    type: 'parallel',
    states: {
      stay: {
        initial: 'away',
        states: {
          away: { on: { admit: ward, return: `${ward}.again` } },
          [ward]: {
            initial: 'hall',
            states: { hall: { on: { settle: bed } }, [bed]: {}, again: { type: 'history' } },
            on: { leave: 'away' },
          },
        },
      },
      bill: {
        initial: 'open',
        states: { open: { invoke: { src: fromPromise(() => paid), onDone: 'paid' } }, paid: {} },
      },
    },
  });
}

const never = new Promise<never>(() => {});

async function lived(commands: readonly string[]) {
  const world = new World();
  const store = new TestSnapshotStore();
  const deps = { snapshotStore: async () => store };
  const { tell } = world.start(shop(before, never), undefined, { snapshotWhen: () => true }, deps);
  for (const command of commands) {
    await tell(command);
    await settle();
  }
  const next = async (machine: ReturnType<typeof shop>, options: object) => {
    const process = world.crash();
    const started = process.start(machine, undefined, options, deps);
    await started.host.whenRecovered(started.actor);
    const shown = () => started.actor.getSnapshot() as ReturnType<typeof machine.resolveState>;
    return { process, shown, readFrom: world.journal.requests.at(-1)?.from };
  };
  return { next, highest: commands.length + 1 }; // with the init record
}

describe('a snapshot from before its machine was renamed', () => {
  it('goes on with children and delayed events under their new names', async () => {
    const { next, highest } = await lived(['later', 'pay']);
    const names = { ...before, pay: 'charge', till: 'drawer', bell: 'gong' };
    const renamed = {
      actors: { pay: 'charge', till: 'drawer' },
      timers: { bell: 'gong' },
    };
    const { process, shown, readFrom } = await next(shop(names, Promise.resolve()), { renamed });
    expect(readFrom).to.equal(highest);
    const { drawer } = shown().children as Record<string, AnyActorRef>;
    expect(shown().context.till).to.equal(drawer);
    expect(shown().value).to.equal('paid');
    await process.pass(50);
    expect(drawer?.getSnapshot()).to.have.property('context', 1);
  });

  it('takes its delayed transition at the first deadline, whose name has changed', async () => {
    const { next, highest } = await lived(['later']);
    const renamed = { delays: { '100': 'patience' } };
    const machine = shop({ ...before, delay: 'patience' }, never);
    const { process, shown, readFrom } = await next(machine, { renamed });
    expect(readFrom).to.equal(highest);
    await process.pass(100);
    expect(shown().value).to.equal('late');
  });

  it('takes that of a state which an adapter gives another name', async () => {
    const { next, highest } = await lived(['later']);
    const options = {
      renamed: { states: { 'shop.open': 'shop.idle' } },
      machineVersion: '2',
      snapshotAdapter: {
        toStore: (state: object) => state,
        fromStore: (state: object) => ({ ...state, value: 'idle' }),
      },
    };
    const machine = shop({ ...before, waiting: 'idle' }, never);
    const { process, shown, readFrom } = await next(machine, options);
    expect(readFrom).to.equal(highest);
    await process.pass(100);
    expect(shown().value).to.equal('late');
  });

  it('gives states their new names: in its value, in histories, and in what xstate named after them', async () => {
    const world = new World();
    const store = new TestSnapshotStore();
    const deps = { snapshotStore: async () => store };
    const old = clinic({ id: 'clinic', ward: 'ward', bed: 'bed' }, never);
    const { tell } = world.start(old, undefined, { snapshotWhen: () => true }, deps);
    for (const command of ['admit', 'settle', 'leave']) {
      await tell(command);
      await settle();
    }
    const process = world.crash();
    const machine = clinic({ id: 'praxis', ward: 'unit', bed: 'room' }, Promise.resolve());
    const states = {
      clinic: 'praxis',
      'clinic.stay.ward': 'praxis.stay.unit',
      'clinic.stay.ward.bed': 'praxis.stay.unit.room',
    };
    const next = process.start(machine, undefined, { renamed: { states } }, deps);
    await next.host.whenRecovered(next.actor);
    expect(world.journal.requests.at(-1)?.from).to.equal(4);
    const shown = () => next.actor.getSnapshot();
    expect(shown().value).to.deep.equal({ stay: 'away', bill: 'paid' });
    await next.tell('return');
    expect(shown().value).to.deep.equal({ stay: { unit: 'room' }, bill: 'paid' });
  });

  it('gives new names to states with ids of their own, and beside such states', async () => {
    const house = (id: string, room: string, upId: string) =>
      createMachine({
        id,
        type: 'parallel',
        states: {
          [room]: {
            initial: 'in',
            states: {
              in: {
                initial: 'bed',
                states: {
                  bed: { on: { rise: `#${upId}` } },
                  up: { id: upId },
                  again: { type: 'history' },
                },
                on: { leave: 'away' },
              },
              away: { id: 'outside', on: { back: 'in.again' } },
            },
          },
          door: { initial: 'shut', states: { shut: { id: 'shut' } } },
        },
      });
    const [world, store] = [new World(), new TestSnapshotStore()];
    const deps = { snapshotStore: async () => store };
    const old = house('house', 'room', 'house.room.in.up');
    const { tell } = world.start(old, undefined, { snapshotWhen: () => true }, deps);
    for (const command of ['rise', 'leave']) {
      await tell(command);
      await settle();
    }
    const states = { house: 'home', 'house.room': 'home.space' };
    const next = world
      .crash()
      .start(house('home', 'space', 'up'), undefined, { renamed: { states } }, deps);
    await next.host.whenRecovered(next.actor);
    expect(world.journal.requests.at(-1)?.from).to.equal(2);
    const shown = () => next.actor.getSnapshot().value;
    expect(shown()).to.deep.equal({ space: 'away', door: 'shut' });
    await next.tell('back');
    expect(shown()).to.deep.equal({ space: { in: 'up' }, door: 'shut' });
  });

  it('is left unused when an old name of a state is that of another one today', async () => {
    const { next } = await lived(['later']);
    const machine = shop({ ...before, delay: '100' }, never);
    const { readFrom } = await next(machine, { renamed: { states: { 'shop.open': 'shop.late' } } });
    expect(readFrom).to.equal(1);
  });

  it('is left unused when a delayed transition is gone and nobody says what became of it', async () => {
    const { next } = await lived(['later']);
    const { process, shown, readFrom } = await next(shop({ ...before, delay: '70' }, never), {});
    expect(readFrom).to.equal(1);
    await process.pass(100); // the delay that is stored with the event
    expect(shown().value).to.equal('late');
  });

  it('is left unused when a running invoked child has another id and nobody says so', async () => {
    const { next } = await lived(['pay']);
    const machine = shop({ ...before, pay: 'charge' }, Promise.resolve());
    const { shown, readFrom } = await next(machine, {});
    expect(readFrom).to.equal(1);
    await settle();
    expect(shown().value).to.equal('paid');
  });
});
