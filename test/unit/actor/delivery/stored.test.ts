import { expect } from 'chai';
import { createActor, type EventObject } from 'xstate';
import type { EntityKeys } from '../../../../src/actor/evolution/entity-cipher.ts';
import { failureOf, settle } from '../support.ts';
import { factsIn, openOutbox, type Post } from './support.ts';

const post = (more: Partial<Post>): Post => ({ type: 'post', ...more });

describe('what is stored of deliveries', () => {
  it('has an id of its own for each, that no later life of the journal has', async () => {
    const world = openOutbox();
    await world.ask(post({ messages: ['a', 'b'], times: 2 }));
    await settle();
    expect(world.attempts.map(({ id }) => id)).to.deep.equal(['e#2.0@writer-1', 'e#2.1@writer-1']);
    await world.host.purge(world.actor);
    const randomUuid = () => 'another-uuid';
    const anew = openOutbox({ journal: world.journal, time: world.time, randomUuid });
    await anew.ask(post({ messages: ['a'], times: 2 }));
    await settle();
    expect(anew.attempts.map(({ id }) => id)).to.deep.equal(['e#2.0@another-']);
  });

  it('has one that is short enough where the name of the journal is long', async () => {
    const world = openOutbox({ entity: { persistenceId: 'e'.repeat(300) } });
    await world.post('a', 'b');
    await settle();
    const ids = world.attempts.map(({ id }) => id);
    expect(new Set(ids).size).to.equal(2);
    for (const id of ids) expect(id.length).to.be.at.most(255);
  });

  it('is nothing for an id that is unconfirmed, or was confirmed, also after a recovery', async () => {
    const world = openOutbox();
    await world.ask(post({ messages: ['a', 'b'], ids: ['1', '1'] }));
    await world.ask(post({ messages: ['c'], ids: ['1'] }));
    await settle();
    await world.attempts[0]?.succeed();
    await world.ask(post({ messages: ['d', 'e'], ids: ['1', '2'] }));
    const after = openOutbox({ journal: world.journal, time: world.time });
    await after.ask(post({ messages: ['f', 'g'], ids: ['1', '2'] }));
    await settle();
    const begun = factsIn(world.journal).flatMap(({ deliveries = [] }) => deliveries);
    expect(begun.map(({ id, message }) => [id, message])).to.deep.equal([
      ['1', 'a'],
      ['2', 'e'],
    ]);
    expect(after.shown()).to.deep.equal(['mail#1 e']);
  });

  it('is nothing for an id of a command that is written together with it', async () => {
    const world = openOutbox();
    await world.recovered();
    const gate = world.journal.blockNextWrite();
    const first = world.post();
    await gate.reached;
    const others = [
      world.ask(post({ messages: ['a'], ids: ['1'] })),
      world.ask(post({ messages: ['b'], ids: ['1'], confirm: ['1', '1'] })),
      world.ask(post({ messages: ['c'], ids: ['1'] })),
    ];
    gate.open();
    await Promise.all([first, ...others]);
    await settle();
    expect(world.journal.writes).to.have.length(2);
    expect(factsIn(world.journal)).to.deep.equal([
      {},
      { deliveries: [{ id: '1', to: 'mail', message: 'a' }] },
      { confirmed: ['1'] },
      {},
    ]);
    expect(world.shown()).to.deep.equal(['mail#1 a']);
  });

  it('is taken again after a command of the same write was rejected', async () => {
    const world = openOutbox({ settings: { onRejected: 'continue' } });
    await world.recovered();
    const gate = world.journal.blockNextWrite();
    const first = world.post();
    await gate.reached;
    world.journal.rejectNextWrite(new Error('not now'), [0, 1]);
    const others = ['a', 'b'].map((message) =>
      world.ask(post({ messages: [message], ids: ['1'] })).catch((error: Error) => error.message),
    );
    world.journal.rejectNextWrite(new Error('nor now'));
    gate.open();
    await first;
    await Promise.all(others);
    await settle();
    expect(world.shown()).to.deep.equal(['mail#1 b']);
  });

  it('is nothing of a command that was refused before the same write', async () => {
    const world = openOutbox();
    await world.recovered();
    const gate = world.journal.blockNextWrite();
    const asked = [world.post()];
    await gate.reached;
    asked.push(world.post());
    const refused = failureOf(world.ask(post({ messages: ['a', new Date()], ids: ['1', '2'] })));
    asked.push(world.ask(post({ messages: ['b'], ids: ['1'] })));
    gate.open();
    await Promise.all(asked);
    expect(await refused).to.include({ code: 'WRITE_REJECTED' });
    expect(factsIn(world.journal).at(-1)?.deliveries?.[0]?.message).to.equal('b');
  });

  it('is refused with more unconfirmed ones than allowed, certainly not stored', async () => {
    const world = openOutbox({ deliveries: { maxUnconfirmed: 2 } });
    const error = await failureOf(world.post('a', 'b', 'c'));
    expect(error).to.include({ code: 'TOO_MANY_DELIVERIES', stored: 'no', retryable: true });
    await world.post('a', 'b');
    expect(await failureOf(world.post('c'))).to.include({ code: 'TOO_MANY_DELIVERIES' });
    await world.post();
    await settle();
    await world.attempts[0]?.succeed();
    await world.post('c');
    expect(factsIn(world.journal)).to.have.length(4);
  });

  it('counts those of one write together against the maximum', async () => {
    const world = openOutbox({ deliveries: { maxUnconfirmed: 2 } });
    await world.recovered();
    const gate = world.journal.blockNextWrite();
    const asked = [world.post()];
    await gate.reached;
    asked.push(world.post('a', 'b'));
    const refused = failureOf(world.post('c'));
    gate.open();
    await Promise.all(asked);
    expect(await refused).to.include({ code: 'TOO_MANY_DELIVERIES' });
  });

  for (const [what, command, code] of [
    ['a destination that is not named', post({ to: 'fax', messages: ['a'] }), 'INVALID_INPUT'],
    ['an id that is blank', post({ messages: ['a'], ids: [' '] }), 'INVALID_INPUT'],
    ['no event to store it with', post({ messages: ['a'], times: 0 }), 'INVALID_INPUT'],
    ['a message that JSON cannot hold', post({ messages: [new Date()] }), 'WRITE_REJECTED'],
  ] as const) {
    it(`refuses ${what}, certainly not stored, and the entity lives`, async () => {
      const world = openOutbox();
      expect(await failureOf(world.ask(command))).to.include({ code, stored: 'no' });
      await world.post('b');
      expect(factsIn(world.journal)).to.have.length(1);
    });
  }

  it('refuses a decision whose "deliver" or "confirm" is no list', async () => {
    const world = openOutbox();
    const error = await failureOf(world.ask(post({ confirm: 'x' as never })));
    expect(error.message).to.include('must give "confirm" as an array of ids');
    expect(error).to.include({ code: 'INVALID_INPUT' });
  });

  it('is not forged by a caller', async () => {
    const world = openOutbox();
    await world.post('a');
    const type = 'persistence.delivered.mail';
    const error = await failureOf(world.ask({ type, id: 'e#1.0@writer-1' }));
    expect(error).to.include({ code: 'INVALID_INPUT' });
    world.actor.send({ type, id: 'e#1.0@writer-1' } as never);
    await settle();
    expect(factsIn(world.journal)).to.have.length(1);
  });

  it('is encrypted with the key of its entity', async () => {
    const key = new Uint8Array(32).fill(7);
    const encryption: EntityKeys = { keyOf: async () => key, forget: async () => {} };
    const world = openOutbox({ entity: { encryption } });
    await world.post('secret');
    await settle();
    expect(world.shown()).to.deep.equal(['mail#1 secret']);
    const [facts] = factsIn(world.journal);
    expect(JSON.stringify(facts)).to.not.include('secret');
    expect(facts?.deliveries?.[0]).to.have.keys('id', 'to', 'sealed');
    const after = openOutbox({ journal: world.journal, time: world.time, entity: { encryption } });
    await after.recovered();
    expect(after.shown()).to.deep.equal(['mail#1 secret']);
    const without = openOutbox({ journal: world.journal, time: world.time });
    const error = await failureOf(without.host.whenRecovered(without.actor));
    expect(error.message).to.include('encrypted');
    expect(without.shown()).to.deep.equal([]);
  });

  it('is there once when an adapter makes several events of the stored one, or none', async () => {
    const options = { eventAdapter: { toJournal: same, fromJournal: (e: object) => [e, e] } };
    const world = openOutbox({ entity: options });
    await world.ask(post({ messages: ['a'] }));
    await settle();
    expect(world.shown()).to.deep.equal(['mail#1 a']);
    const none = { eventAdapter: { toJournal: same, fromJournal: () => [] } };
    const after = openOutbox({ journal: world.journal, time: world.time, entity: none });
    await after.recovered();
    expect(after.shown()).to.deep.equal(['mail#1 a']);
  });

  it('is refused in options that make no sense, which are named', () => {
    const { host } = openOutbox();
    const make = (deliveries: object) => () =>
      host.behavior({
        types: { commands: {} as EventObject, events: {} as EventObject },
        persistenceId: 'x',
        initialState: 0,
        decide: () => ({ type: 'none' }),
        evolve: (state) => state,
        deliveries,
      });
    expect(make({ to: { mail: 5 } })).to.throw('deliveries.to has a destination "mail"');
    expect(make({ to: { mail: { send: () => {}, confirmed: 'soon' } } })).to.throw('"mail"');
    expect(make({ to: { ' ': () => {} } })).to.throw('the name of a destination');
    expect(make({ redeliverInterval: 0 })).to.throw('deliveries.redeliverInterval');
    expect(make({ timeout: '99d' })).to.throw('deliveries.timeout');
    expect(make({ redeliveryBurst: 0 })).to.throw('deliveries.redeliveryBurst');
    expect(make({ maxUnconfirmed: 1.5 })).to.throw('deliveries.maxUnconfirmed');
    expect(make({ warnAfterAttempts: -1 })).to.throw('deliveries.warnAfterAttempts');
  });
});

describe('a delivery to another persistent entity', () => {
  it('is done there once, since its id is the id of the command', async () => {
    const { host, journal, time } = openOutbox();
    const account = host.behavior({
      types: {
        commands: {} as { type: 'add'; n: number },
        events: {} as { type: 'added'; n: number },
      },
      persistenceId: 'account',
      initialState: 0,
      decide: ({ state, command: { n } }) => ({
        type: 'persist',
        events: [{ type: 'added', n }],
        reply: state + n,
      }),
      evolve: (state, { n }) => state + n,
    });
    const to = createActor(account).start();
    let answers = 0;
    const mail = async (n: number, { id: commandId }: { readonly id: string }) => {
      const answer = await host.ask(to, { type: 'add', n }, { commandId });
      // The first answer is lost on its way.
      if (++answers === 1) throw new Error('no answer');
      return answer;
    };
    const world = openOutbox({ journal, time, deliveries: { to: { mail } } });
    await world.post(5);
    await time.pass(5_000);
    expect(answers).to.equal(2);
    expect(to.getSnapshot().context).to.equal(5);
    expect(factsIn(journal).at(-1)).to.deep.equal({ confirmed: ['e#1.0@writer-1'] });
    expect(world.context(), 'the reply, without the state of the account').to.deep.equal([
      'posted',
      'e#1.0@writer-1: 5',
    ]);
  });
});

function same<T>(event: T): T {
  return event;
}
