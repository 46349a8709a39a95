import { expect } from 'chai';
import type { EventFromLogic } from 'xstate';
import { createActor, fromPromise, setup } from 'xstate';
import { counterMachine } from '../unit/actor/counter.ts';
import { testHost } from '../unit/actor/support.ts';

type Same<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Compiles only when the two types are the same. */
function sameType<A, B>(_proof: Same<A, B>): void {}

describe('the types of persistent actors', () => {
  it('keep what the machine knows: input, context, matches, events', async () => {
    const { host } = testHost();
    const logic = host.persistent(counterMachine(), {
      persistenceId: ({ input }) => {
        sameType<typeof input, { id: string }>(true);
        return input.id;
      },
      tagger: (event, after) => [event.type, String(after.context.count)],
    });
    // @ts-expect-error the machine needs its input
    createActor(logic);
    const actor = createActor(logic, { input: { id: '1' } }).start();
    sameType<ReturnType<typeof actor.getSnapshot>['context']['count'], number>(true);
    expect(actor.getSnapshot().matches('open')).to.equal(true);
    // @ts-expect-error no such state
    actor.getSnapshot().matches('ajar');
    const { snapshot, events } = await host.ask(actor, { type: 'added', n: 1 });
    sameType<typeof snapshot.context.count, number>(true);
    const first = events[0];
    if (first?.type === 'added') sameType<typeof first.n, number>(true);
    // @ts-expect-error no such command
    host.ask(actor, { type: 'subtracted' }).catch(() => {});
    const { signal } = new AbortController();
    await host.ask(actor, { type: 'added', n: 1 }, { timeout: 1000, signal });
    // @ts-expect-error its controller is no signal
    host.ask(actor, { type: 'poked' }, { signal: new AbortController() }).catch(() => {});
    await host.shutdown();
  });

  it('know for which actors there may be a retry policy', () => {
    const { host } = testHost();
    const machine = setup({ actors: { bank: fromPromise(async () => {}) } }).createMachine({});
    const policy = { attempts: 2, minBackoff: 1, maxBackoff: 1 };
    host.persistent(machine, { persistenceId: 'c', retry: { bank: policy } });
    expect(() => {
      // @ts-expect-error no such actor
      host.persistent(machine, { persistenceId: 'c', retry: { shop: policy } });
    }).to.throw('retry.shop');
  });

  it('accept a command type of their own, and infer the reply', async () => {
    const { host } = testHost();
    type Command = { type: 'increase'; by: number } | { type: 'look' };
    const logic = host.persistent(counterMachine(), {
      types: { commands: {} as Command },
      persistenceId: 'c',
      decide: ({ command, snapshot }) =>
        command.type === 'look'
          ? { type: 'none', reply: snapshot.context.count }
          : { type: 'persist', events: [{ type: 'added', n: command.by }] },
    });
    sameType<EventFromLogic<typeof logic>, Command>(true);
    const actor = createActor(logic, { input: { id: '1' } }).start();
    const stored = await host.ask(actor, { type: 'increase', by: 2 });
    sameType<typeof stored.reply, number | undefined>(true);
    expect(stored.reply).to.equal(undefined);
    expect((await host.ask(actor, { type: 'look' })).reply).to.equal(2);
    await host.shutdown();
  });

  it('fit into a parent machine, whose output they type', () => {
    const { host } = testHost();
    const child = host.persistent(
      setup({ types: { output: {} as number } }).createMachine({
        id: 'child',
        initial: 'end',
        states: { end: { type: 'final' } },
        output: 1,
      }),
      { persistenceId: 'child' },
    );
    setup({ actors: { child } }).createMachine({
      id: 'parent',
      invoke: {
        id: 'child',
        src: 'child',
        onDone: { actions: ({ event }) => sameType<typeof event.output, number>(true) },
      },
    });
  });

  it('know the state and the events of a behaviour', async () => {
    const { host } = testHost();
    const logic = host.behavior({
      types: {
        state: {} as { n: number },
        commands: {} as { type: 'go' },
        events: {} as { type: 'gone'; n: number },
      },
      persistenceId: 'b',
      initialState: { n: 0 },
      decide: ({ state }) => ({ type: 'persist', events: [{ type: 'gone', n: state.n + 1 }] }),
      evolve: (_state, { n }) => ({ n }),
    });
    const actor = createActor(logic).start();
    const { snapshot, events } = await host.ask(actor, { type: 'go' });
    sameType<typeof snapshot.context, { n: number }>(true);
    sameType<typeof events, readonly { type: 'gone'; n: number }[]>(true);
    await host.shutdown();
  });
});
