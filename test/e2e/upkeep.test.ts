import { expect } from 'chai';
import { SeqNr } from '../../src/model/seq-nr.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { embeddedProcesses } from './embedded-processes.ts';

interface Note {
  readonly type: 'note';
  readonly of: string;
}

describe('deletes, purges and earlier moments of entities on one file', function () {
  this.timeout(60_000);
  const processes = embeddedProcesses();

  /** A process of the service. */
  async function open(more = '') {
    const persistence = await processes.open(more);
    const logic = persistence.behavior({
      types: { state: {} as readonly string[], commands: {} as Note, events: {} as Note },
      persistenceId: ({ input }) => input.id,
      initialState: [],
      decide: ({ command }) => ({ type: 'persist', events: [command] }),
      evolve: (state, { of }) => [...state, of],
    });
    const notes = persistence.entities('notes', logic);
    return { notes, note: (of: string) => notes.ask('n', { type: 'note', of }) };
  }

  it('a purge in one process lets no other one go on with the old numbers', async () => {
    const [one, other] = [await open(), await open()];
    for (const name of ['a', 'b', 'c']) await one.note(name);
    // The actor of the other process stays live, and has lost the partition.
    expect((await other.note('d')).sequenceNr).to.equal(4);
    await one.notes.purge('n');
    expect((await one.notes.peek('n')).context).to.deep.equal([]);
    const { sequenceNr, snapshot } = await other.note('x');
    expect([sequenceNr, snapshot.context]).to.deep.equal([1, ['x']]);
    expect((await one.note('y')).snapshot.context).to.deep.equal(['x', 'y']);
    await other.notes.purge('n');
    expect((await one.note('z')).sequenceNr).to.equal(1);
  });

  it('deleted events are gone for the next process, and numbering goes on', async () => {
    const one = await open();
    for (const name of ['a', 'b', 'c']) await one.note(name);
    await one.notes.deleteEvents('n', 2);
    expect((await one.note('d')).snapshot.context).to.deep.equal(['a', 'b', 'c', 'd']);
    await processes.shutdownFirst();
    const next = await open();
    expect((await next.notes.peek('n')).context).to.deep.equal(['c', 'd']);
    await next.notes.deleteEvents('n', SeqNr.max);
    await next.notes.stop('n');
    expect((await next.note('e')).sequenceNr).to.equal(5);
    const gone = await next.notes.stateAt('n', { sequenceNr: 4 }).catch((error: unknown) => error);
    expect(gone).to.include({ code: 'RECOVERY_FAILED' });
  });

  it('an earlier moment is seen while the entity is live', async () => {
    const { notes, note } = await open();
    await note('a');
    await systemClock.sleep(20);
    const time = new Date();
    await systemClock.sleep(20);
    await note('b');
    expect((await notes.stateAt('n', { time })).context).to.deep.equal(['a']);
    expect((await notes.stateAt('n', { sequenceNr: 2 })).context).to.deep.equal(['a', 'b']);
    expect((await notes.stateAt('n', { time: 0 })).context).to.deep.equal([]);
  });

  it('in a fleet the owner of the entity does so, whichever instance is asked', async () => {
    const fleet = `, partitions = 4, fleet {
      enabled = on, heartbeat-interval = 50ms, balance-delay = 300ms, session-timeout = 2s }`;
    const [one, other] = [await open(fleet), await open(fleet)];
    await one.note('a');
    await other.note('b');
    const [owner, guest] = one.notes.ids().includes('n') ? [one, other] : [other, one];
    expect((await guest.notes.stateAt('n', { sequenceNr: 1 })).context).to.deep.equal(['a']);
    await guest.notes.deleteEvents('n', 1);
    const gone = await guest.notes.stateAt('n', { sequenceNr: 1 }).catch((error: unknown) => error);
    expect(gone).to.include({ code: 'RECOVERY_FAILED' });
    const missing = await guest.notes.deleteEvents('n', 9).catch((error: unknown) => error);
    expect(missing).to.include({ code: 'INVALID_INPUT', stored: 'no' });
    await guest.notes.purge('n');
    expect(owner.notes.ids()).to.deep.equal([]);
    const { sequenceNr, snapshot } = await guest.note('x');
    expect([sequenceNr, snapshot.context]).to.deep.equal([1, ['x']]);
  });
});
