import { expect } from 'chai';
import { type AnyStateMachine, createActor, fromPromise, setup } from 'xstate';
import { MachineVersions } from '../../../../src/actor/machine/machine-versions.ts';
import { MachineWire } from '../../../../src/actor/machine/machine-wire.ts';
import type { PersistenceId } from '../../../../src/ports/journal-plugin.ts';
import { TestSnapshotStore } from '../snapshots/support.ts';
import { failureOf, settle, testHost } from '../support.ts';
import { World } from '../world.ts';

/** Each version adds another amount, and has a state of its own. */
const adding = (by: number) =>
  setup({ types: { context: {} as { sum: number } } }).createMachine({
    id: 'adding',
    context: { sum: 0 },
    initial: `from${by}`,
    states: {
      [`from${by}`]: {
        on: { add: { actions: ({ context }) => void context, target: `at${by}` } },
        exit: [],
      },
      [`at${by}`]: { on: { add: `at${by}` } },
    },
  });
const [first, second, third] = [adding(1), adding(2), adding(3)];

type Shown = { value: unknown; persistence: { bornWith?: string } };
const shown = (started: ReturnType<World['start']>) =>
  started.actor.getSnapshot() as unknown as Shown;

async function recovered(world: World, machine: typeof first, options: object) {
  const started = world.crash().start(machine, undefined, options);
  await started.host.whenRecovered(started.actor);
  return started;
}

describe('the version of a machine', () => {
  it('is not stored unless an actor has one', async () => {
    const world = new World();
    const { tell, actor } = world.start(first);
    await tell('add');
    expect(world.journal.stored('e')[0]?.facts).to.deep.equal({});
    expect(actor.getSnapshot())
      .to.have.property('persistence')
      .that.does.not.have.property('bornWith');
  });

  it('is stored with each event; later ones say with which version the journal began', async () => {
    const world = new World();
    await world.start(first, undefined, { machineVersion: '1' }).tell('add');
    const next = await recovered(world, first, { machineVersion: '2' });
    await next.tell('add');
    expect(world.journal.stored('e').map(({ facts }) => facts)).to.deep.equal([
      { machineVersion: '1' },
      { machineVersion: '2', bornWith: '1' },
    ]);
    expect(shown(next).persistence.bornWith).to.equal('1');
  });

  it('of the birth is known when the first events are deleted', async () => {
    const world = new World();
    await world.start(first, undefined, { machineVersion: '1' }).tell('add');
    await (await recovered(world, first, { machineVersion: '2' })).tell('add');
    await world.journal.deleteTo('e' as PersistenceId, 1);
    const last = await recovered(world, first, { machineVersion: '3' });
    expect(shown(last).persistence.bornWith).to.equal('1');
    await last.tell('add');
    expect(world.journal.stored('e').at(-1)?.facts).to.deep.equal({
      machineVersion: '3',
      bornWith: '1',
    });
  });

  it('of the birth stays unknown for entities from before there were versions', async () => {
    const world = new World();
    await world.start(first).tell('add');
    const next = await recovered(world, first, { machineVersion: '2' });
    await next.tell('add');
    expect(world.journal.stored('e').at(-1)?.facts).to.deep.equal({
      machineVersion: '2',
      bornWith: null,
    });
    await world.journal.deleteTo('e' as PersistenceId, 1);
    const last = await recovered(world, first, { machineVersion: '2' });
    expect(shown(last).persistence).not.to.have.property('bornWith');
  });

  it('of the birth reaches decide', async () => {
    const world = new World();
    const seen: unknown[] = [];
    const options = {
      decide: ({ command, bornWith }: { command: object; bornWith: unknown }) => {
        seen.push(bornWith);
        return { type: 'persist', events: [command] };
      },
    };
    await world.start(first, undefined, { ...options, machineVersion: 'a' }).tell('add');
    await (await recovered(world, first, { ...options, machineVersion: 'b' })).tell('add');
    await (await recovered(world, first, options)).tell('add');
    expect(seen).to.deep.equal(['a', 'a', 'a']);
  });

  it('of the birth reaches decide of a behaviour', async () => {
    const seen: unknown[] = [];
    const { host } = testHost();
    const logic = host.behavior({
      types: { commands: {} as { type: 'add' }, events: {} as { type: 'add' } },
      persistenceId: 'b',
      machineVersion: '7',
      initialState: 0,
      decide({ command, bornWith }) {
        seen.push(bornWith);
        return { type: 'persist', events: [command] };
      },
      evolve: (sum) => sum + 1,
    });
    await host.ask(createActor(logic).start(), { type: 'add' });
    expect(seen).to.deep.equal(['7']);
  });

  it('must be a text that is not blank', () => {
    for (const machineVersion of ['', ' ', 7]) {
      const start = () => new World().start(first, undefined, { machineVersion });
      expect(start).to.throw('the option "machineVersion" must be a text');
    }
  });
});

describe('earlier machines', () => {
  it('go on with the entities that were born with them, also after further recoveries', async () => {
    const world = new World();
    await world.start(first, undefined, { machineVersion: '1' }).tell('add');
    const options = { machineVersion: '2', earlierMachines: { '1': first } };
    for (let i = 0; i < 2; i++) {
      const old = await recovered(world, second, options);
      expect(shown(old).value).to.equal('at1');
      await old.tell('add');
      expect(shown(old).value).to.equal('at1');
    }
  });

  it('do not touch new entities, which keep to the newest when there is a newer one', async () => {
    const world = new World();
    const options = { machineVersion: '2', earlierMachines: { '1': first } };
    const born = world.start(second, undefined, options);
    await born.tell('add');
    expect(shown(born).value).to.equal('at2');
    const later = await recovered(world, third, {
      machineVersion: '3',
      earlierMachines: { '1': first, '2': second },
    });
    expect(shown(later).value).to.equal('at2');
  });

  it('stand under "" for entities from before there were versions', async () => {
    const world = new World();
    await world.start(first).tell('add');
    const old = await recovered(world, second, {
      machineVersion: '2',
      earlierMachines: { '': first },
    });
    expect(shown(old).value).to.equal('at1');
  });

  it('give way to the newest when the journal was purged and begins anew', async () => {
    const world = new World();
    await world.start(first, undefined, { machineVersion: '1' }).tell('add');
    const options = {
      machineVersion: '2',
      earlierMachines: { '1': first },
      onPersistFailure: { minBackoff: 1, maxBackoff: 1 },
    };
    const old = await recovered(world, second, options);
    expect(shown(old).value).to.equal('at1');
    await world.journal.purge('e');
    world.journal.failNextWrite(new Error('gone'));
    await failureOf(old.tell('add'));
    await old.tell('add');
    expect(shown(old).value).to.equal('at2');
    expect(shown(old).persistence.bornWith).to.equal('2');
  });

  it('go on with the snapshots of their entities: those of before, and those of the newer program', async () => {
    const world = new World();
    const store = new TestSnapshotStore();
    const retention = { snapshotEvery: 2, deleteEvents: true };
    const start = (machine: AnyStateMachine, options: object) =>
      world
        .crash()
        .start(machine, undefined, { retention, ...options }, { snapshotStore: async () => store });
    const named = (id: string) => setup({}).createMachine({ id, on: { add: {} } });
    const [old, newer] = [named('old'), named('newer')];
    const versions: unknown[] = [];
    for (const [machine, options] of [
      [old, { machineVersion: '1' }],
      [newer, { machineVersion: '2', earlierMachines: { '1': old } }],
      [named('newest'), { machineVersion: '3', earlierMachines: { '1': old, '2': newer } }],
    ] as const) {
      const started = start(machine, options);
      for (let i = 0; i < 4; i++) {
        await started.tell('add');
        await settle();
      }
      versions.push((await store.text('e')).machineVersion);
    }
    expect(versions).to.deep.equal(['1', '1', '1']);
    expect(await store.numbers('e')).to.deep.equal([10, 12]);
  });

  it('are found again for a snapshot that comes from another process', async () => {
    const world = new World();
    await world.start(first, undefined, { machineVersion: '1' }).tell('add');
    const options = { machineVersion: '2', earlierMachines: { '1': first } };
    const old = await recovered(world, second, options);
    const versions = () => new MachineVersions(second, new Map([['1', first]]));
    const plain = new MachineWire(versions()).toPlain(old.actor.getSnapshot() as never);
    const arrived = new MachineWire(versions()).ofPlain(JSON.parse(JSON.stringify(plain)));
    expect(arrived.value).to.equal('at1');
    expect(arrived.persistence.bornWith).to.equal('1');
  });

  it('keep their names for what is renamed today, and have the events of today', async () => {
    const order = (waiting: string, job: string, delay: number | string, event = 'made') =>
      setup({
        actors: { work: fromPromise(async () => 'done') },
        delays: { reminder: 1000 },
      }).createMachine({
        id: 'order',
        initial: waiting,
        on: { [event]: {} },
        states: {
          [waiting]: { after: { [delay]: 'working' } } as object,
          working: { invoke: { id: job, src: 'work', onDone: 'over' } },
          over: {},
        },
      });
    const renamed = {
      events: { did: 'made' },
      states: { 'order.waiting': 'order.open' },
      actors: { job: 'task' },
      delays: { '1000': 'reminder' },
    };
    const newest = order('open', 'task', 'reminder');
    const earlierMachines = { '': order('waiting', 'job', 1000) };
    const options = { machineVersion: '2', earlierMachines, renamed };
    for (const snapshotStore of [undefined, new TestSnapshotStore()]) {
      const deps = snapshotStore && { snapshotStore: async () => snapshotStore };
      let world = new World();
      const start = (machine: AnyStateMachine, more: object) =>
        world.start(machine, undefined, { snapshotWhen: () => true, ...more }, deps);
      await start(order('waiting', 'job', 1000, 'did'), {}).tell('did');
      await settle();
      for (const value of ['waiting', 'over', 'over']) {
        world = world.crash();
        const started = start(newest, options);
        await started.tell('made');
        expect(shown(started).value).to.equal(value);
        await world.pass(1000);
        expect(shown(started).value).to.equal('over');
      }
    }
  });

  it('need a version of the newest one that none of them has', () => {
    const start = (options: object) => () => new World().start(second, undefined, options);
    const text = 'needs a "machineVersion" that none of them has';
    expect(start({ earlierMachines: { '1': first } })).to.throw(text);
    expect(start({ machineVersion: '1', earlierMachines: { '1': first } })).to.throw(text);
    expect(start({ machineVersion: '2', earlierMachines: { '1': {} } })).to.throw('state machines');
  });
});
