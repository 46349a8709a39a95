import { expect } from 'chai';
import { createActor, waitFor } from 'xstate';
import { isReady } from '../../../src/actor/entity/persistence-info.ts';
import { WriteFailedError } from '../../../src/model/errors.ts';
import type { MemoryJournalPlugin } from '../../support/memory-journal-plugin.ts';
import { failureOf, testHost } from './support.ts';

type Command = { type: 'put'; n: number } | { type: 'sum' } | { type: 'odd' };
type Put = { type: 'was-put'; n: number; at: number };

function open(journal?: MemoryJournalPlugin) {
  const test = testHost(journal === undefined ? {} : { journal });
  const logic = test.host.behavior({
    types: { state: {} as readonly number[], commands: {} as Command, events: {} as Put },
    persistenceId: 'jar',
    initialState: [],
    decide: ({ state, command, sequenceNr }) => {
      switch (command.type) {
        case 'put':
          if (command.n < 0) return { type: 'reject', reason: new Error('negative') };
          return {
            type: 'persist',
            events: [{ type: 'was-put', n: command.n, at: sequenceNr + 1 }],
            reply: state.length + 1,
          };
        case 'sum':
          return { type: 'none', reply: state.reduce((sum, n) => sum + n, 0) };
        case 'odd':
          return { type: 'unhandled' };
      }
    },
    evolve: (state, event) => [...state, event.n],
    tagger: (event, after) => [`n-${event.n}`, `length-${after.context.length}`],
    onPersistFailure: { minBackoff: 1, maxBackoff: 1 },
  });
  return { ...test, logic, actor: createActor(logic).start() };
}

describe('a behaviour', () => {
  it('stores what decide answers and shows the state that evolve makes of it', async () => {
    const { host, journal, actor } = open();
    const { reply, sequenceNr, events, snapshot } = await host.ask(actor, { type: 'put', n: 4 });
    expect(reply).to.equal(1);
    expect(sequenceNr).to.equal(1);
    expect(events).to.deep.equal([{ type: 'was-put', n: 4, at: 1 }]);
    expect(snapshot.context).to.deep.equal([4]);
    expect(snapshot).to.include({ status: 'active', output: undefined, error: undefined });
    expect(journal.stored('jar')[0]?.tags).to.deep.equal(['n-4', 'length-1']);
    await host.shutdown();
  });

  it('needs no init record when its first state does not depend on the input', async () => {
    const { host, journal, actor } = open();
    await host.ask(actor, { type: 'put', n: 4 });
    expect(journal.payloads('jar')).to.deep.equal([{ type: 'was-put', n: 4, at: 1 }]);
    await host.shutdown();
  });

  it('recovers, and works with waitFor and ask like any actor', async () => {
    const before = open();
    for (const n of [1, 2, 3]) await before.host.ask(before.actor, { type: 'put', n });
    await before.host.shutdown();
    const { host, actor } = open(before.journal);
    const ready = await waitFor(actor, isReady);
    expect(ready.context).to.deep.equal([1, 2, 3]);
    expect((await host.ask(actor, { type: 'sum' })).reply).to.equal(6);
    await host.shutdown();
  });

  it('refuses commands as decide says', async () => {
    const { host, actor } = open();
    const refused = await failureOf(host.ask(actor, { type: 'put', n: -1 }));
    expect(refused).to.include({ code: 'COMMAND_REJECTED', message: 'negative' });
    expect((await failureOf(host.ask(actor, { type: 'odd' }))).code).to.equal('COMMAND_UNHANDLED');
    await host.shutdown();
  });

  it('decides each command of a group against the state that those before it lead to', async () => {
    const { host, journal, actor } = open();
    const replay = journal.blockReplay();
    const asked = [1, 2, 3].map((n) => host.ask(actor, { type: 'put', n }));
    const summed = host.ask(actor, { type: 'sum' });
    replay.open();
    expect((await Promise.all(asked)).map(({ reply }) => reply)).to.deep.equal([1, 2, 3]);
    expect((await summed).reply).to.equal(6);
    expect(journal.writes).to.have.length(1);
    await host.shutdown();
  });

  it('starts over after a failed write', async () => {
    const { host, journal, actor } = open();
    await host.ask(actor, { type: 'put', n: 1 });
    journal.failNextWrite(new WriteFailedError('no answer'));
    await failureOf(host.ask(actor, { type: 'put', n: 2 }));
    expect((await host.ask(actor, { type: 'sum' })).reply).to.equal(1);
    await host.shutdown();
  });

  it('keeps its input in the journal when its first state is a function of it', async () => {
    const { host, journal } = testHost();
    const logic = host.behavior({
      types: {
        state: {} as { owner: string; n: number },
        commands: {} as Command,
        events: {} as Put,
        input: {} as { owner: string },
      },
      persistenceId: ({ input }) => `jar|${input.owner}`,
      initialState: ({ input }) => ({ owner: input.owner, n: 0 }),
      decide: () => ({ type: 'persist', events: [{ type: 'was-put', n: 1, at: 0 }] }),
      evolve: (state, event) => ({ ...state, n: state.n + event.n }),
    });
    const actor = createActor(logic, { input: { owner: 'ann' } }).start();
    const { snapshot } = await host.ask(actor, { type: 'sum' });
    expect(snapshot.context).to.deep.equal({ owner: 'ann', n: 1 });
    expect(journal.payloads('jar|ann')[0]).to.deep.equal({
      type: 'xstate.init',
      input: { owner: 'ann' },
    });
    await host.shutdown();
  });
});
