import { expect } from 'chai';
import { createActor, fromPromise, setup } from 'xstate';
import type { AskOptions } from '../../../src/actor/registry/entities.ts';
import { deliver, InvalidInputError, upcasters } from '../../../src/index.ts';
import { counterMachine } from './counter.ts';
import { failureOf, type TestHost, testHost } from './support.ts';

const add = { type: 'added', n: 1 } as const;

function openCounters({ host, journal }: TestHost = testHost()) {
  const logic = host.persistent(counterMachine(), {
    persistenceId: ({ input }) => `c|${input.id}`,
  });
  const counters = host.entities('counter', logic);
  const actor = counters.ref('1');
  return { host, journal, logic, counters, actor };
}

/** As a caller in JavaScript spells them. */
function spelt(options: unknown): AskOptions {
  return options as AskOptions;
}

describe('options of a call that do not exist', () => {
  const misspelt = spelt({ timeuot: 1_000, commandID: 'once', signal: undefined });
  const text = 'has no option "timeuot", "commandID"';

  it('are refused by ask, which does nothing', async () => {
    const { host, journal, counters, actor } = openCounters();
    await host.ask(actor, add);
    const before = journal.stored('c|1').length;
    for (const asked of [host.ask(actor, add, misspelt), counters.ask('1', add, misspelt)]) {
      const error = await failureOf(asked);
      expect(error).to.be.instanceOf(InvalidInputError);
      expect(error.message).to.equal(`ask() ${text}`);
    }
    expect(journal.stored('c|1')).to.have.length(before);
  });

  it('are not those of an attempt to deliver, which its ask may be given as they are', async () => {
    const { host, actor } = openCounters();
    const { signal } = new AbortController();
    const attempt = { id: 'd-1', attempt: 1, persistenceId: 'p', correlationId: 'c', signal };
    const answer = await host.ask(actor, add, { ...attempt, commandId: attempt.id });
    expect(answer.sequenceNr).to.equal(2);
  });

  it('are refused by each call that waits, which does nothing', async () => {
    const { host, journal, counters, actor } = openCounters();
    await host.ask(actor, add);
    const before = journal.stored('c|1').length;
    for (const work of [
      () => host.whenRecovered(actor, misspelt),
      () => host.deleteEvents(actor, 1, misspelt),
      () => host.purge(actor, misspelt),
      () => counters.peek('1', misspelt),
      () => counters.stateAt('1', { sequenceNr: 1 }, misspelt),
      () => counters.deleteEvents('1', 1, misspelt),
      () => counters.purge('1', misspelt),
    ]) {
      const error = await failureOf(work());
      expect(error, String(work)).to.be.instanceOf(InvalidInputError);
      expect(error.message, String(work)).to.equal(`the call ${text}`);
    }
    expect(journal.stored('c|1')).to.have.length(before);
    expect(counters.ids(), 'a purge that was refused stops nothing').to.deep.equal(['1']);
  });

  it('are refused where something else stands in their place', async () => {
    const { host, counters, actor } = openCounters();
    const given = new AbortController().signal;
    expect((await failureOf(counters.peek('1', given as never))).message).to.contain('"aborted"');
    const number = host.ask(actor, add, spelt(1_000));
    expect((await failureOf(number)).message).to.equal(
      'ask() needs an object of options, not 1000',
    );
  });

  it('do not matter when they are undefined', async () => {
    const { host, actor } = openCounters();
    const options = spelt({ commandID: undefined, commandId: 'once' });
    const { sequenceNr } = await host.ask(actor, add, options);
    expect((await host.ask(actor, add, options)).sequenceNr).to.equal(sequenceNr);
  });

  it('are refused by entities(), which takes no name for that', () => {
    const { host, logic } = openCounters();
    const open = (options: object) => host.entities('other', logic, options as never);
    expect(() => open({ topic: ['t'] })).to.throw(
      InvalidInputError,
      'entities() has no option "topic"',
    );
    open({ topics: ['t'] });
  });

  it('are refused by deliver() and upcasters()', () => {
    expect(() => deliver({ to: 'mail', ID: 'm-1' } as never)).to.throw(
      InvalidInputError,
      'deliver() has no option "ID"',
    );
    expect(() => upcasters([], { writeVersion: {} } as never)).to.throw(
      InvalidInputError,
      'upcasters() has no option "writeVersion"',
    );
  });

  it('are refused within a retry policy and a destination', () => {
    const { host } = testHost();
    const machine = setup({ actors: { charge: fromPromise(async () => {}) } }).createMachine({
      id: 'm',
    });
    const policy = { attempts: 2, minBackoff: 1, maxBackoff: 1, timeuot: 5 };
    const make = (options: object) => () => {
      host.persistent(machine, { persistenceId: 'm', ...options } as never);
    };
    expect(make({ retry: { charge: policy } })).to.throw(
      InvalidInputError,
      'retry.charge has no option "timeuot"',
    );
    const mail = { send: async () => {}, confirm: 'by-event' };
    expect(make({ deliveries: { to: { mail } } })).to.throw(
      InvalidInputError,
      'deliveries.to["mail"] has no option "confirm"',
    );
  });

  it('are refused within a delivery of decide, of which nothing is stored', async () => {
    const { host, journal } = testHost();
    const logic = host.behavior({
      types: { state: 0 as number, commands: {} as { type: 'go' }, events: {} as { type: 'gone' } },
      persistenceId: 'b',
      initialState: 0,
      deliveries: { to: { mail: async () => {} } },
      decide: () => {
        const mail = { to: 'mail', message: 1, ID: 'm-1' };
        return { type: 'persist', events: [{ type: 'gone' }], deliver: [mail as never] };
      },
      evolve: (state) => state + 1,
    });
    const error = await failureOf(host.ask(createActor(logic).start(), { type: 'go' }));
    expect(error).to.be.instanceOf(InvalidInputError);
    expect(error.message).to.equal('a delivery of decide ("go") has no option "ID"');
    expect(journal.stored('b')).to.deep.equal([]);
  });
});
