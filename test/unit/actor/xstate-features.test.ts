import { expect } from 'chai';
import type { AnyActorRef } from 'xstate';
import {
  assign,
  createActor,
  fromCallback,
  fromPromise,
  raise,
  sendTo,
  setup,
  toPromise,
} from 'xstate';
import { counterMachine, eventTypes } from './counter.ts';
import { eventually, failureOf, settle, testHost } from './support.ts';
import { World } from './world.ts';

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

  it('hears in onSnapshot what the snapshot of a machine answers, live and in a replay', async () => {
    const lamp = setup({}).createMachine({
      id: 'lamp',
      initial: 'off',
      states: { off: { on: { press: 'on' } }, on: { tags: 'bright' } },
    });
    const machine = setup({
      types: { context: {} as { seen: readonly unknown[] }, events: {} as { type: 'press' } },
      actors: { lamp },
    }).createMachine({
      id: 'room',
      context: { seen: [] },
      invoke: {
        id: 'lamp',
        src: 'lamp',
        onSnapshot: {
          guard: ({ event: { snapshot } }) => snapshot.matches('on') && snapshot.hasTag('bright'),
          actions: assign({
            seen: ({ event: { snapshot } }) => [snapshot, [...snapshot.tags]],
          }),
        },
      },
      on: { press: { actions: sendTo('lamp', { type: 'press' }) } },
    });
    const world = new World();
    const first = world.start(machine);
    await first.tell('press');
    await settle();
    const { seen } = first.actor.getSnapshot().context;
    expect(seen).to.deep.equal([{ status: 'active', value: 'on', context: {} }, ['bright']]);
    const second = world.crash().start(machine);
    await second.host.whenRecovered(second.actor);
    expect(second.actor.getSnapshot().context).to.deep.equal({ seen });
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
    // The refusal was looked at again after the first write: what went before could have changed
    // it.
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
});
