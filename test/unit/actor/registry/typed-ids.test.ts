import { expect } from 'chai';
import type { AnyActorLogic } from 'xstate';
import { createActor } from 'xstate';
import type { LocalEntities } from '../../../../src/actor/registry/entities.ts';
import { counterMachine } from '../counter.ts';
import { failureOf, testHost } from '../support.ts';

const add = { type: 'added', n: 1 } as const;

describe('entities whose options name no persistenceId', () => {
  it('have journals that are named by type and id', async () => {
    const { host, journal } = testHost();
    const logic = host.persistent(counterMachine(), {});
    const counters = host.entities('counter', logic);
    const others = host.entities('other', logic);
    await Promise.all([counters.ask('a', add), others.ask('a', add), others.ask('b', add)]);
    expect(counters.ref('a').getSnapshot().persistence.persistenceId).to.equal('counter|a');
    for (const id of ['counter|a', 'other|a', 'other|b']) {
      expect(journal.payloads(id).at(-1)).to.deep.equal(add);
    }
  });

  it('go on in the journals that an option gave the same names', async () => {
    const { host, journal } = testHost();
    const persistenceId = ({ input }: { input: { id: string } }): string => `counter|${input.id}`;
    const before = host.entities('counter', host.persistent(counterMachine(), { persistenceId }));
    await before.ask('a', add);
    await host.shutdown();
    const { host: next } = testHost({ journal });
    const after = next.entities('counter', next.persistent(counterMachine(), {}));
    expect((await after.ask('a', add)).snapshot.context.count).to.equal(2);
    expect((await after.stateAt('a', { sequenceNr: 2 })).context.count).to.equal(1);
    await after.purge('a');
    expect(journal.stored('counter|a')).to.deep.equal([]);
  });

  it('wake by the names of their journals', async () => {
    let local: LocalEntities<AnyActorLogic> | undefined;
    const { host } = testHost({
      place: (entities) => {
        local = entities as unknown as LocalEntities<AnyActorLogic>;
        return entities;
      },
    });
    const counters = host.entities('counter', host.persistent(counterMachine(), {}));
    for (const id of ['other|a', 'counter', 'counter|a|b']) {
      expect(local?.wake(id)).to.equal(undefined);
    }
    await local?.wake('counter|a');
    expect(counters.ids()).to.deep.equal(['a']);
  });

  it('may be behaviours', async () => {
    const { host, journal } = testHost();
    const logic = host.behavior({
      types: { commands: add, events: add },
      initialState: 0,
      decide: ({ command }) => ({ type: 'persist', events: [command] }),
      evolve: (sum, { n }) => sum + n,
    });
    await host.entities('sum', logic).ask('a', add);
    expect(journal.payloads('sum|a').at(-1)).to.deep.equal(add);
  });

  it('have neither types nor ids with the separator: two of them could have one journal', async () => {
    const { host, journal } = testHost();
    const logic = host.persistent(counterMachine(), {});
    expect(() => host.entities('a|b', logic))
      .to.throw('a type of entities must not contain "|"')
      .with.property('code', 'INVALID_INPUT');
    const counters = host.entities('a', logic);
    for (const asked of [counters.ask('b|c', add), counters.peek('b|c'), counters.purge('b|c')]) {
      const error = await failureOf(asked);
      expect(error).to.include({ code: 'INVALID_INPUT' });
      expect(error.message).to.include('"b|c"').and.to.include('"persistenceId"');
    }
    expect(journal.writes).to.deep.equal([]);
  });

  it('may have them where an option names the journals', async () => {
    const { host, journal } = testHost();
    const logic = host.persistent(counterMachine(), { persistenceId: ({ input }) => input.id });
    await host.entities('a|b', logic).ask('c|d', add);
    expect(journal.payloads('c|d').at(-1)).to.deep.equal(add);
  });

  it('are the only actors that can do without: others are refused, with what to do', async () => {
    const { host, journal } = testHost();
    const actor = createActor(host.persistent(counterMachine(), {}), { input: { id: 'a' } });
    actor.subscribe({ error: () => {} });
    const error = await failureOf(host.ask(actor.start(), add));
    expect(error).to.include({ code: 'INVALID_INPUT', stored: 'no' });
    expect(error.message).to.include('"persistenceId"').and.to.include('entities(');
    expect(journal.writes).to.deep.equal([]);
  });
});
