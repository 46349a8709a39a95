import { expect } from 'chai';
import { assign, fromPromise, raise, setup } from 'xstate';
import { upcasters } from '../../../../src/actor/evolution/upcasters.ts';
import type { PersistentOptions } from '../../../../src/actor/persistent.ts';
import { failureOf, settle } from '../support.ts';
import { World } from '../world.ts';

const setUp = setup({
  types: { context: {} as { seen: string[] } },
  actors: { pay: fromPromise(async () => 'ok') },
  delays: { patience: 100 },
});
const note = (what: string) => setUp.assign({ seen: ({ context }) => [...context.seen, what] });

/** An order that pays by invoked actors, reminds after a while, and rings. */
const before = setUp.createMachine({
  id: 'order',
  context: { seen: [] },
  initial: 'idle',
  on: { rang: { actions: note('rang') } },
  states: {
    idle: {
      on: {
        pay: 'paying',
        wait: 'waiting',
        ring: { actions: raise({ type: 'rang' }, { id: 'bell', delay: 50 }) },
      },
    },
    paying: {
      invoke: { id: 'charge', src: 'pay', onDone: 'also' },
    },
    also: { invoke: { src: 'pay', onDone: { target: 'idle', actions: note('paid') } } },
    waiting: { after: { 100: { target: 'idle', actions: note('reminded') } } },
  },
});

/** The same, with other names for everything that a journal holds the name of. */
const after = setUp.createMachine({
  id: 'purchase',
  context: { seen: [] },
  initial: 'ready',
  on: { rang: { actions: note('rang') } },
  states: {
    ready: {
      on: {
        buy: 'open.paying',
        hold: 'open.held',
        ring: { actions: raise({ type: 'rang' }, { id: 'gong', delay: 50 }) },
      },
    },
    open: {
      initial: 'paying',
      states: {
        paying: { invoke: { id: 'collect', src: 'pay', onDone: 'also' } },
        also: {
          invoke: { src: 'pay', onDone: { target: '#purchase.ready', actions: note('paid') } },
        },
        held: { after: { patience: { target: '#purchase.ready', actions: note('reminded') } } },
      },
    },
  },
});

const renamed = {
  events: { pay: 'buy', wait: 'hold' },
  actors: { charge: 'collect' },
  states: {
    order: 'purchase',
    'order.idle': 'purchase.ready',
    'order.paying': 'purchase.open.paying',
    'order.also': 'purchase.open.also',
    'order.waiting': 'purchase.open.held',
  },
  delays: { '100': 'patience' },
  timers: { bell: 'gong' },
};

type Options = Partial<PersistentOptions<typeof before, { type: string }>>;

describe('a machine that was refactored', () => {
  /** Pays, is reminded, rings twice, and waits while a bell is to ring. */
  async function lived(): Promise<World> {
    const world = new World();
    const { tell } = world.start(before);
    await tell('pay');
    await settle();
    await tell('wait');
    await world.pass(100);
    await tell('ring');
    await world.pass(50);
    await tell('ring');
    await tell('wait');
    return world;
  }
  const seen = ['paid', 'reminded', 'rang'];

  it('goes on where it was: new names for events, actors, states, delays and timers', async () => {
    const world = (await lived()).crash();
    const { host, actor } = world.start(after, undefined, { renamed } satisfies Options);
    await host.whenRecovered(actor);
    const shown = () => actor.getSnapshot() as never as { value: unknown; context: object };
    expect(shown().value).to.deep.equal({ open: 'held' });
    expect(shown().context).to.deep.equal({ seen });
    await world.pass(50);
    expect(shown().context).to.deep.equal({ seen: [...seen, 'rang'] });
    await world.pass(50);
    expect(shown().context).to.deep.equal({ seen: [...seen, 'rang', 'reminded'] });
    const stored = world.journal.stored('e').slice(-2);
    expect(
      stored.map(({ payload, facts }) => [(payload as { type: string }).type, facts.timer]),
    ).to.deep.equal([
      ['rang', 'gong'],
      ['xstate.after.patience.purchase.open.held', 'xstate.after.patience.purchase.open.held'],
    ]);
    // Old names and new ones side by side.
    const again = world.crash().start(after, undefined, { renamed } satisfies Options);
    await again.host.whenRecovered(again.actor);
    expect((again.actor.getSnapshot() as never as { context: object }).context).to.deep.equal(
      shown().context,
    );
  });

  it('cannot be recovered when a name is missing', async () => {
    const world = (await lived()).crash();
    const { actors: _, ...some } = renamed;
    const { host, actor } = world.start(after, undefined, { renamed: some } satisfies Options);
    const error = await failureOf(host.whenRecovered(actor));
    expect(error.code).to.equal('RECOVERY_FAILED');
    expect(error.message).to.contain('"xstate.done.actor.charge"');
  });

  it('may not store an event under a name that is an old one', async () => {
    const events = { note: 'noted' };
    const { tell } = new World().start(before, undefined, { renamed: { events: { pay: 'buy' } } });
    const error = await failureOf(tell('pay'));
    expect(error.code).to.equal('INVALID_INPUT');
    expect(error.message).to.contain('"pay" is an old name of "buy"');
    expect(events).to.deep.equal({ note: 'noted' });
  });
});

describe('a stored event that the machine does not know', () => {
  const machine = setUp.createMachine({
    id: 'm',
    context: { seen: [] },
    initial: 'a',
    on: { 'note.*': { actions: note('note') } },
    states: { a: { on: { go: 'b' } }, b: { on: { back: 'a', ignored: {} } } },
  });

  async function recovery(payloads: readonly object[], options: Options & object, settings = {}) {
    const world = new World();
    world.journal.seed('e', payloads);
    const { host, actor } = world.start(machine, undefined, options);
    await host.whenRecovered(actor);
    return { ...(actor.getSnapshot() as never as { value: unknown; context: unknown }), settings };
  }

  it('fails the recovery with "fail", whatever becomes of events that are not handled', async () => {
    const options = { unknownStoredEvent: 'fail', unhandledReplayedEvent: 'ignore' } as const;
    const error = await failureOf(recovery([{ type: 'go' }, { type: 'gone' }], options));
    expect(error.code).to.equal('RECOVERY_FAILED');
    expect(error.message).to.equal('event 2 ("gone") of e is unknown to the machine');
    // Known, and not handled in the state "a".
    expect((await recovery([{ type: 'back' }, { type: 'ignored' }], options)).value).to.equal('a');
  });

  it('is left out with "skip"; one that the machine knows is still to be handled', async () => {
    const skip = { unknownStoredEvent: 'skip' } as const;
    const events = [{ type: 'gone' }, { type: 'go' }, { type: 'note.x' }, { type: 'note' }];
    const { value, context } = await recovery(events, skip);
    expect(value).to.equal('b');
    expect(context).to.deep.equal({ seen: ['note', 'note'] });
    const error = await failureOf(recovery([{ type: 'back' }], skip));
    expect(error.message).to.equal('event 1 ("back") of e is no longer handled in state "a"');
  });

  it('becomes what a function gives in its place', async () => {
    const asked: unknown[] = [];
    const { context } = await recovery([{ type: 'go' }, { type: 'gone', n: 1 }], {
      unknownStoredEvent: (unknown) => {
        asked.push(unknown);
        return [{ type: 'note.a' }, { type: 'note.b' }];
      },
    });
    expect(context).to.deep.equal({ seen: ['note', 'note'] });
    const event = { type: 'gone', n: 1 };
    expect(asked).to.deep.equal([{ event, persistenceId: 'e', seqNr: 2, manifest: '' }]);
  });

  it('ends the child all the same whose end it is: its work is not done again', async () => {
    let runs = 0;
    const paying = (onDone: object) =>
      setup({ actors: { pay: fromPromise(async () => ++runs) } }).createMachine({
        id: 'm',
        context: { seen: [] as string[] },
        invoke: { id: 'pay', src: 'pay', ...onDone },
        on: { note: { actions: assign({ seen: ['note'] }) } },
      });
    const world = new World();
    world.start(paying({ onDone: { actions: () => {} } }));
    await settle();
    const stored = world.journal.payloads('e');
    for (const unknownStoredEvent of ['skip', () => ({ type: 'note' })] as const) {
      const { host, actor } = world.crash().start(paying({}), undefined, { unknownStoredEvent });
      await host.whenRecovered(actor);
      await settle();
      const { context, children } = actor.getSnapshot();
      expect(children.pay?.getSnapshot()).to.include({ status: 'done', output: 1 });
      expect(context.seen).to.deep.equal(unknownStoredEvent === 'skip' ? [] : ['note']);
      await host.shutdown();
    }
    expect(runs).to.equal(1);
    expect(world.journal.payloads('e')).to.deep.equal(stored);
  });

  it('is no longer waited for when it is that of a timer', async () => {
    const bell = (on: object) =>
      setup({}).createMachine({
        id: 'm',
        on: { arm: { actions: raise({ type: 'rang' }, { id: 'bell', delay: 50 }) }, ...on },
      });
    const world = new World();
    await world.start(bell({ rang: {} })).tell('arm');
    await world.pass(50);
    const stored = world.journal.payloads('e');
    const noMore = upcasters([{ type: 'rang', from: 1, to: 2, up: () => [] }]);
    for (const options of [{ unknownStoredEvent: 'skip' }, { eventAdapter: noMore }]) {
      const after = world.crash();
      const { host, actor } = after.start(bell({}), undefined, options);
      await host.whenRecovered(actor);
      await after.pass(50);
      await host.shutdown();
    }
    expect(world.journal.payloads('e')).to.deep.equal(stored);
  });

  it('is one that is not handled unless the option says more', async () => {
    const fails = await failureOf(recovery([{ type: 'gone' }], {}));
    expect(fails.message).to.equal('event 1 ("gone") of e is no longer handled in state "a"');
    const ignored = await recovery([{ type: 'gone' }], { unhandledReplayedEvent: 'ignore' });
    expect(ignored.value).to.equal('a');
  });

  it('is none of the ends of children and timers that nothing handled when they were stored', async () => {
    const world = new World();
    const child = setUp.createMachine({
      id: 'm',
      context: { seen: [] },
      invoke: { id: 'quiet', src: 'pay' },
      on: { 'note.*': { actions: note('note') } },
    });
    const { tell } = world.start(child);
    await settle();
    await tell('note.a');
    expect(world.journal.stored('e').some(({ facts }) => facts.unhandled === true)).to.equal(true);
    const options = { unknownStoredEvent: 'fail' } satisfies Options;
    const { host, actor } = world.crash().start(child, undefined, options);
    await host.whenRecovered(actor);
  });

  it('needs one of three answers', () => {
    const start = () => new World().start(machine, undefined, { unknownStoredEvent: 'warn' });
    expect(start).to.throw('"unknownStoredEvent" must be "fail", "skip" or a function');
  });
});

describe('an event that an adapter makes several of', () => {
  const bells = setup({}).createMachine({
    id: 'bells',
    context: { rang: [] as string[] },
    on: {
      first: { actions: raise({ type: 'rang', by: 'first' } as never, { delay: 30 }) },
      second: { actions: raise({ type: 'rang', by: 'second' } as never, { delay: 10 }) },
      rang: {
        actions: assign({
          rang: ({ context, event }) => [...context.rang, (event as unknown as { by: string }).by],
        }),
      },
    },
  });
  const eventAdapter = {
    toJournal: (event: { type: string }) => event,
    fromJournal: (stored: { type: string }) =>
      stored.type === 'both' ? [{ type: 'first' }, { type: 'second' }] : [stored],
  };

  it('arms the timers of each part, live as after a recovery, with the delays stored', async () => {
    const world = new World();
    const live = world.start(bells, undefined, { eventAdapter });
    await live.tell('both');
    expect(world.journal.stored('e')[0]?.facts.delaysMs).to.deep.equal([30, 10]);
    const after = world.crash();
    const { host, actor } = after.start(bells, undefined, { eventAdapter });
    await host.whenRecovered(actor);
    const rang = () =>
      (actor.getSnapshot() as never as { context: { rang: string[] } }).context.rang;
    await after.pass(10);
    expect(rang()).to.deep.equal(['second']);
    await after.pass(20);
    expect(rang()).to.deep.equal(['second', 'first']);
    expect(after.journal.stored('e').map(({ facts }) => facts.timer)).to.deep.equal([
      undefined,
      '#1+1.0',
      '#1.0',
    ]);
    const last = after.crash().start(bells, undefined, { eventAdapter });
    await last.host.whenRecovered(last.actor);
    expect((last.actor.getSnapshot() as never as { context: object }).context).to.deep.equal({
      rang: ['second', 'first'],
    });
  });

  it('takes one timer away when it fires, however many events it is', async () => {
    const id = 'bell';
    const machine = setup({}).createMachine({
      id: 'bells',
      context: { count: 0 },
      on: {
        arm: {
          actions: [10, 30].map((delay) => raise({ type: 'rang' }, { id, delay })),
        },
        rang: { actions: assign({ count: ({ context }) => context.count + 1 }) },
      },
    });
    const options = {
      eventAdapter: {
        toJournal: (event: { type: string }) => event,
        fromJournal: (stored: { type: string }) =>
          stored.type === 'rang' ? [stored, stored] : [stored],
      },
    };
    const world = new World();
    await world.start(machine, undefined, options).tell('arm');
    await world.pass(10);
    const after = world.crash();
    const { host, actor } = after.start(machine, undefined, options);
    await host.whenRecovered(actor);
    const count = () =>
      (actor.getSnapshot() as never as { context: { count: number } }).context.count;
    expect(count()).to.equal(2);
    await after.pass(20);
    expect(count()).to.equal(4);
  });
});
