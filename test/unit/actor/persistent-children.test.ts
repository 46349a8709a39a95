import { expect } from 'chai';
import type { ActorRefFrom, AnyActorRef } from 'xstate';
import { assign, createActor, sendTo, setup, spawnChild } from 'xstate';
import { isReady } from '../../../src/actor/entity/persistence-info.ts';
import { counterMachine, eventTypes } from './counter.ts';
import { eventually, testHost } from './support.ts';

describe('a persistent actor as a child', () => {
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

  it('keeps its own journal under a plain parent', async () => {
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

  it('recovers itself under a persistent parent, whose journal does not grow', async () => {
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
