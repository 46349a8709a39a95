import { expect } from 'chai';
import { type EventObject, fromCallback, setup } from 'xstate';
import { DuplicateEntityError, StoreUnavailableError } from '../../../src/model/errors.ts';
import { counterMachine } from './counter.ts';
import { HoldableJournal } from './holdable-journal.ts';
import { failureOf, ManualClock, settle, testHost } from './support.ts';

function openCounters(options: object = {}) {
  const journal = new HoldableJournal();
  const clock = new ManualClock();
  const { host } = testHost({ journal, clock });
  const logic = host.persistent(counterMachine(), {
    persistenceId: ({ input }) => `c|${input.id}`,
  });
  return { journal, clock, host, counters: host.entities('counter', logic, options) };
}

describe('a peek at an entity', () => {
  it('gives it as its journal has it, and leaves no trace', async () => {
    const { journal, counters } = openCounters();
    journal.seed('c|1', [
      { type: 'xstate.init', input: { id: 'one' } },
      { type: 'added', n: 5 },
    ]);
    const snapshot = await counters.peek('1');
    expect(snapshot.context).to.deep.equal({ id: 'one', count: 5 });
    expect(snapshot.matches('open')).to.equal(true);
    expect(snapshot.persistence).to.deep.equal({
      phase: 'unowned',
      persistenceId: 'c|1',
      sequenceNr: 2,
      stashed: 0,
      input: { id: 'one' },
    });
    expect(counters.ids()).to.deep.equal([]);
    expect(journal.holds).to.deep.equal([]);
    expect(journal.writes).to.deep.equal([]);
  });

  it('gives the first state of an entity that was never written, and stores no init record', async () => {
    const { journal, counters } = openCounters();
    const { context, persistence } = await counters.peek('new');
    expect(context).to.deep.equal({ id: 'new', count: 0 });
    expect(persistence.sequenceNr).to.equal(0);
    expect(journal.writes).to.deep.equal([]);
  });

  it('leaves an entity alone that is live here, and sees what it has stored', async () => {
    const { journal, counters } = openCounters();
    await counters.ask('1', { type: 'added', n: 1 });
    const [hold] = journal.holds;
    expect((await counters.peek('1')).context.count).to.equal(1);
    expect(hold?.released).to.equal(false);
    expect((await counters.ask('1', { type: 'added', n: 1 })).snapshot.context.count).to.equal(2);
    expect(journal.holds).to.have.length(1);
  });

  it('starts no child and no timer, and runs no action', async () => {
    const did: string[] = [];
    const radio = fromCallback(() => {
      did.push('radio');
    });
    const machine = setup({
      actors: { radio },
      actions: { shout: () => void did.push('shout') },
    }).createMachine({
      initial: 'off',
      states: {
        off: { on: { press: 'on' } },
        on: { entry: 'shout', invoke: { src: 'radio', id: 'radio' }, after: { 10: 'off' } },
      },
    });
    const journal = new HoldableJournal();
    const { host } = testHost({ journal });
    const logic = host.persistent(machine, { persistenceId: 'radio' });
    journal.seed('radio', [{ type: 'press' }], 1);
    const snapshot = await host.entities('radio', logic).peek('radio');
    expect(snapshot.value).to.equal('on');
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(did).to.deep.equal([]);
    expect(journal.writes).to.deep.equal([]);
  });

  it('shows a final state with its output', async () => {
    const machine = setup({}).createMachine({
      initial: 'open',
      states: { open: { on: { close: 'closed' } }, closed: { type: 'final' } },
      output: 'over',
    });
    const journal = new HoldableJournal();
    const { host } = testHost({ journal });
    journal.seed('m', [{ type: 'close' }]);
    const logic = host.persistent(machine, { persistenceId: 'm' });
    const { status, output } = await host.entities('m', logic).peek('m');
    expect({ status, output }).to.deep.equal({ status: 'done', output: 'over' });
  });

  it('says why the journal cannot be read', async () => {
    const { journal, counters } = openCounters();
    journal.failNextRecovery(new StoreUnavailableError('no answer'));
    expect(await failureOf(counters.peek('1'))).to.include({
      code: 'RECOVERY_FAILED',
      retryable: true,
    });
  });

  it('ends with its signal, with its time, and with the persistence', async () => {
    const { journal, counters, clock, host } = openCounters();
    journal.blockReplay();
    const signal = AbortSignal.abort(new DuplicateEntityError('mine'));
    expect(await failureOf(counters.peek('1', { signal }))).to.equal(signal.reason);
    const late = failureOf(counters.peek('1', { timeout: 50 }));
    await clock.pass(60);
    expect((await late).code).to.equal('DEADLINE_EXCEEDED');
    const open = failureOf(counters.peek('1'));
    await settle();
    await host.shutdown();
    expect((await open).code).to.equal('CLOSED');
    expect((await failureOf(counters.peek('1'))).code).to.equal('CLOSED');
  });

  it('takes its turn among the entities that recover', async () => {
    const journal = new HoldableJournal();
    const { host } = testHost({ journal, settings: { maxConcurrentRecoveries: 1 } });
    const logic = host.persistent(counterMachine(), { persistenceId: ({ input }) => input.id });
    const counters = host.entities('counter', logic);
    const replay = journal.blockReplay();
    const peeks = ['1', '2'].map((id) => counters.peek(id));
    await replay.reached;
    await settle();
    expect(journal.calls.recover).to.equal(1);
    replay.open();
    await Promise.all(peeks);
  });

  it('does not take the time of a slow program for a silence of the journal', async () => {
    const settings = { recoveryEventTimeoutMs: 20, replayYieldEvery: 2 };
    const { host, journal } = testHost({ settings });
    journal.seed('b', Array(3).fill({ type: 'counted' }));
    const logic = host.behavior({
      types: { commands: {} as EventObject, events: {} as EventObject },
      persistenceId: 'b',
      initialState: 0,
      decide: () => ({ type: 'none' }),
      evolve: (count) => {
        for (const endMs = performance.now() + 15; performance.now() < endMs; );
        return count + 1;
      },
    });
    expect((await host.entities('b', logic).peek('b')).context).to.equal(3);
  });
});
