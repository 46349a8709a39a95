import { expect } from 'chai';
import { assign, createActor, enqueueActions, setup } from 'xstate';
import { confirm, deliver } from '../../../../src/actor/delivery/deliver.ts';
import type { Delivered } from '../../../../src/actor/entity/delivery-options.ts';
import { failureOf, settle } from '../support.ts';
import { factsIn, openOutbox } from './support.ts';

type Command =
  | { readonly type: 'order'; readonly item: string }
  | { readonly type: 'remind'; readonly id: string }
  | { readonly type: 'paid'; readonly id: string }
  | { readonly type: 'look' }
  | { readonly type: 'close' };

/** A shop that writes mails; `note` is told how often it looked at its order. */
const shop = setup({
  types: {
    context: {} as { items: string[]; receipts: unknown[] },
    events: {} as Command | Delivered<'mail', string>,
  },
  actions: {
    tell: deliver({ to: 'mail', message: (_, params: { text: string }) => params.text }),
    keep: assign({
      items: ({ context, event }) =>
        event.type === 'order' ? [...context.items, event.item] : context.items,
    }),
  },
}).createMachine({
  id: 'shop',
  context: { items: [], receipts: [] },
  initial: 'open',
  states: {
    open: {
      on: {
        order: {
          actions: [
            'keep',
            deliver({
              to: 'mail',
              message: ({ context, event }) => `${event.item} of ${context.items.join()}`,
            }),
            { type: 'tell', params: { text: 'bye' } },
          ],
        },
        remind: {
          actions: enqueueActions(({ enqueue, event }) => {
            enqueue(deliver({ to: 'queue', message: 'pay', id: event.id }));
          }),
        },
        paid: { actions: confirm(({ event }) => event.id) },
        look: { actions: deliver({ to: 'mail', message: 'looked' }) },
        close: 'closed',
        'persistence.delivered.mail': {
          actions: assign({
            receipts: ({ context, event }) => [...context.receipts, event.output],
          }),
        },
      },
    },
    closed: {
      type: 'final',
      entry: deliver({ to: 'mail', message: 'closed' }),
    },
  },
});

describe('a machine that delivers', () => {
  it('says it with actions, whose members see the context at their place', async () => {
    const world = openOutbox({ machine: shop });
    await world.ask({ type: 'order', item: 'tea' });
    await settle();
    expect(world.shown()).to.deep.equal(['mail#1 tea of tea', 'mail#1 bye']);
    expect(world.errors).to.deep.equal([]);
  });

  it('may take the confirmation, with the value of the promise; else that is stored only', async () => {
    const world = openOutbox({ machine: shop });
    await world.ask({ type: 'order', item: 'tea' });
    await settle();
    await world.attempts[0]?.succeed('r1');
    await world.attempts[1]?.succeed('r2');
    expect(world.context()).to.deep.equal({ items: ['tea'], receipts: ['r1', 'r2'] });
    const after = openOutbox({ machine: shop, journal: world.journal, time: world.time });
    await after.recovered();
    expect(after.context()).to.deep.equal({ items: ['tea'], receipts: ['r1', 'r2'] });
    expect(after.shown()).to.deep.equal([]);
  });

  it('is confirmed by its own events, by the id that it gave', async () => {
    const world = openOutbox({ machine: shop });
    await world.ask({ type: 'remind', id: 'r-1' });
    await world.ask({ type: 'paid', id: 'r-1' });
    await world.ask({ type: 'paid', id: 'r-1' });
    expect(factsIn(world.journal)).to.deep.equal([
      { deliveries: [{ id: 'r-1', to: 'queue', message: 'pay' }] },
      { confirmed: ['r-1'] },
      {},
    ]);
  });

  it('delivers what the journal says, and not what the machine of today would say', async () => {
    const world = openOutbox({ machine: shop });
    await world.ask({ type: 'order', item: 'tea' });
    await settle();
    const quiet = setup({ types: { context: {} as { items: string[] } } }).createMachine({
      id: 'shop',
      context: { items: [] },
      on: { order: {}, '*': {} },
    });
    const after = openOutbox({ machine: quiet, journal: world.journal, time: world.time });
    await after.recovered();
    expect(after.shown()).to.deep.equal(['mail#1 tea of tea', 'mail#1 bye']);
  });

  it('says nothing in a recovery, where its words of today may not fit the events', async () => {
    const world = openOutbox({ machine: shop });
    await world.ask({ type: 'order', item: 'tea' });
    await settle();
    const message = ({ event }: { event: { item: { name: string } } }) => event.item.name.length;
    const later = setup({ types: { events: {} as { type: 'order'; item: { name: string } } } });
    const machine = later.createMachine({
      id: 'shop',
      on: { order: { actions: deliver({ to: 'mail', message }) } },
    });
    const after = openOutbox({ machine, journal: world.journal, time: world.time });
    await after.recovered();
    expect(after.shown()).to.deep.equal(['mail#1 tea of tea', 'mail#1 bye']);
  });

  it('stores with its init record what its first state delivers', async () => {
    const machine = setup({}).createMachine({
      id: 'greeter',
      entry: deliver({ to: 'mail', message: 'hello' }),
    });
    const world = openOutbox({ machine });
    await world.recovered();
    expect(world.shown()).to.deep.equal(['mail#1 hello']);
    expect(world.journal.payloads('e')).to.deep.equal([{ type: 'xstate.init' }]);
    expect(world.journal.writes.flat().map(({ wake }) => wake)).to.deep.equal(['now']);
    const after = openOutbox({ machine, journal: world.journal, time: world.time });
    await after.recovered();
    expect(after.shown()).to.deep.equal(['mail#1 hello']);
    const never = openOutbox({ machine, entity: { initEvent: 'never' } });
    expect(await failureOf(never.host.whenRecovered(never.actor))).to.include({
      code: 'INVALID_INPUT',
    });
  });

  it('must not deliver with an event that is not stored', async () => {
    const world = openOutbox({
      machine: shop,
      entity: { transient: ({ event }: { event: Command }) => event.type === 'look' },
    });
    const error = await failureOf(world.ask({ type: 'look' }));
    expect(error).to.include({ code: 'INVALID_INPUT', stored: 'no' });
    expect(error.message).to.include('must not deliver or confirm');
    await world.ask({ type: 'order', item: 'tea' });
  });

  it('must be the one that is given to persistent', async () => {
    const alone = createActor(shop);
    const failed = new Promise<unknown>((resolve) => alone.subscribe({ error: resolve }));
    alone.start();
    alone.send({ type: 'look' });
    expect(await failed).to.include({ code: 'INVALID_INPUT' });
  });
});

describe('a machine that ends with messages to deliver', () => {
  it('takes no more commands, and ends when they are confirmed', async () => {
    const world = openOutbox({ machine: shop });
    await world.ask({ type: 'close' });
    await settle();
    expect(world.shown()).to.deep.equal(['mail#1 closed']);
    expect(world.actor.getSnapshot()).to.include({ status: 'active', value: 'closed' });
    expect(await failureOf(world.ask({ type: 'look' }))).to.include({ code: 'ENTITY_DONE' });
    await world.attempts[0]?.succeed();
    expect(world.actor.getSnapshot()).to.include({ status: 'done' });
    expect(factsIn(world.journal).at(-1)).to.include({ unhandled: true });
    expect(world.journal.writes.flat().map(({ wake }) => wake)).to.deep.equal(['now', 'none']);
  });

  it('goes on with that after a crash, and has ended for good after it', async () => {
    const world = openOutbox({ machine: shop });
    await world.ask({ type: 'close' });
    const after = openOutbox({ machine: shop, journal: world.journal, time: world.time });
    await after.recovered();
    expect(after.shown()).to.deep.equal(['mail#1 closed']);
    await after.attempts[0]?.succeed('seen by nobody');
    expect(after.actor.getSnapshot()).to.include({ status: 'done' });
    const ended = openOutbox({ machine: shop, journal: world.journal, time: world.time });
    await ended.host.whenRecovered(ended.actor);
    await settle();
    expect(ended.actor.getSnapshot()).to.include({ status: 'done' });
    expect(ended.shown()).to.deep.equal([]);
    expect(ended.log.of('warn')).to.deep.equal([]);
  });

  it('has not ended when it is stopped before', async () => {
    const world = openOutbox({ machine: shop });
    await world.ask({ type: 'close' });
    await world.host.stop(world.actor);
    expect(world.actor.getSnapshot()).to.include({ status: 'stopped' });
  });
});
