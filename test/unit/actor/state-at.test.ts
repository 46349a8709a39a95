import { expect } from 'chai';
import type { Moment } from '../../../src/actor/entity/moment.ts';
import { MemoryJournalPlugin } from '../../support/memory-journal-plugin.ts';
import { counterMachine } from './counter.ts';
import { failureOf, testHost } from './support.ts';

const added = (n: number) => ({ type: 'added', n }) as const;

/** Event 1 at 100 ms, 2 and 3 at 200 ms, 4 at 300 ms. */
function openCounters(onePass = true) {
  const journal = new MemoryJournalPlugin({ onePass, batchSize: 2 });
  journal.seed('c', [{ type: 'xstate.init', input: { id: 'one' } }], 100);
  journal.seed('c', [added(1), added(10)], 200);
  journal.seed('c', [{ type: 'closed' }], 300);
  const { host } = testHost({ journal });
  const logic = host.persistent(counterMachine(), { persistenceId: 'c' });
  const counters = host.entities('counter', logic);
  const at = async (moment: Moment) => {
    const { context, value, persistence } = await counters.stateAt('1', moment);
    const { phase, sequenceNr } = persistence;
    expect(phase).to.equal('unowned');
    return [sequenceNr, context.count, value, context.id];
  };
  return { host, journal, counters, at };
}

describe('stateAt', () => {
  for (const onePass of [true, false]) {
    it(`shows the state after an event, inclusive${onePass ? '' : ', without recover()'}`, async () => {
      const { at } = openCounters(onePass);
      expect(await at({ sequenceNr: 0 })).to.deep.equal([0, 0, 'open', '1']);
      expect(await at({ sequenceNr: 1 })).to.deep.equal([1, 0, 'open', 'one']);
      expect(await at({ sequenceNr: 2 })).to.deep.equal([2, 1, 'open', 'one']);
      expect(await at({ sequenceNr: 4 })).to.deep.equal([4, 11, 'shut', 'one']);
    });

    it(`shows the state at a time, inclusive${onePass ? '' : ', without recover()'}`, async () => {
      const { at } = openCounters(onePass);
      expect(await at({ time: 99 })).to.deep.equal([0, 0, 'open', '1']);
      expect(await at({ time: 100 })).to.deep.equal([1, 0, 'open', 'one']);
      expect(await at({ time: 199 })).to.deep.equal([1, 0, 'open', 'one']);
      expect(await at({ time: new Date(200) })).to.deep.equal([3, 11, 'open', 'one']);
      expect(await at({ time: Number.POSITIVE_INFINITY })).to.deep.equal([4, 11, 'shut', 'one']);
    });
  }

  it('starts, stores and takes over nothing', async () => {
    const { at, counters, journal } = openCounters();
    await at({ sequenceNr: 3 });
    expect(counters.ids()).to.deep.equal([]);
    expect(journal.writes).to.deep.equal([]);
  });

  it('ends before events that the machine of today no longer handles', async () => {
    const { at, journal } = openCounters();
    journal.seed('c', [{ type: 'gone' }], 400);
    expect(await at({ time: 300 })).to.deep.equal([4, 11, 'shut', 'one']);
    expect(await at({ sequenceNr: 4 })).to.deep.equal([4, 11, 'shut', 'one']);
    expect((await failureOf(at({ sequenceNr: 5 }))).code).to.equal('RECOVERY_FAILED');
  });

  it('says that the journal has not come so far, and that events are deleted', async () => {
    const { at, host, counters, journal } = openCounters();
    const late = await failureOf(at({ sequenceNr: 5 }));
    expect(late.message).to.contain('c has 4 events, so none with number 5');
    expect(late.code).to.equal('INVALID_INPUT');
    await journal.deleteTo('c' as never, 2);
    for (const moment of [{ sequenceNr: 1 }, { sequenceNr: 2 }, { time: 150 }]) {
      const gone = await failureOf(at(moment));
      expect(gone.message, JSON.stringify(moment)).to.contain('are deleted');
      expect(gone.code).to.equal('RECOVERY_FAILED');
    }
    // Times that no Date can be. Later than all of them is the present.
    const long = await failureOf(at({ time: Number.NEGATIVE_INFINITY }));
    expect(long.message).to.contain('c until -Infinity ms are deleted');
    expect((await at({ time: Number.POSITIVE_INFINITY }))[1]).to.equal(10);
    // As a recovery of today: what is deleted is forgotten.
    expect((await at({ sequenceNr: 3 }))[1]).to.equal(10);
    expect((await at({ time: 200 }))[1]).to.equal(10);
    await host.shutdown();
    expect((await failureOf(counters.stateAt('1', { sequenceNr: 3 }))).code).to.equal('CLOSED');
  });

  it('refuses what is no moment', async () => {
    const { at } = openCounters();
    const wrong = [undefined, {}, { sequenceNr: -1 }, { sequenceNr: 1.5 }, { time: 'now' }];
    for (const moment of [...wrong, { time: new Date('x') }, { sequenceNr: 1, time: 1 }]) {
      const error = await failureOf(at(moment as never));
      expect(error.message).to.contain('a moment must be');
      expect(error.code).to.equal('INVALID_INPUT');
    }
  });
});
