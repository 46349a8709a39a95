import { expect } from 'chai';
import { UnexpectedSequenceNrError, WriteRejectedError } from '../../../src/model/errors.ts';
import { openCounter, openDecidingCounter } from './open-counter.ts';
import { failureOf } from './support.ts';

const added = { type: 'added', n: 1 } as const;

/** What an asker gets that expected another number. */
async function mismatchOf(asked: Promise<unknown>) {
  const error = await failureOf(asked);
  expect(error).to.be.instanceOf(UnexpectedSequenceNrError);
  const { expected, actual, stored } = error as UnexpectedSequenceNrError;
  expect(stored).to.equal('no');
  expect(error.message).to.contain(`event ${actual}`).and.to.contain(`not at ${expected}`);
  return { expected, actual };
}

describe('ask with expectedSequenceNr', () => {
  it('evaluates the command when the entity is at that number, which answers and snapshots give', async () => {
    const { host, start } = openCounter();
    const actor = start();
    await host.whenRecovered(actor);
    // The init record waits for the first event: nobody has seen its number.
    let expectedSequenceNr = actor.getSnapshot().persistence.sequenceNr;
    expect(expectedSequenceNr).to.equal(0);
    for (const sequenceNr of [2, 3, 4]) {
      const answer = await host.ask(actor, added, { expectedSequenceNr });
      expect(answer.sequenceNr).to.equal(sequenceNr);
      expectedSequenceNr = answer.sequenceNr;
    }
  });

  it('refuses it without evaluation otherwise, and names both numbers', async () => {
    const { host, journal, start } = openCounter();
    const actor = start();
    expect(await mismatchOf(host.ask(actor, added, { expectedSequenceNr: 1 }))).to.deep.equal({
      expected: 1,
      actual: 0,
    });
    await host.ask(actor, added);
    for (const expectedSequenceNr of [0, 1, 3]) {
      const asked = host.ask(actor, added, { expectedSequenceNr });
      expect(await mismatchOf(asked)).to.deep.equal({ expected: expectedSequenceNr, actual: 2 });
    }
    expect(journal.writes).to.have.length(1);
  });

  it('refuses a command without calling decide, and reads are refused as well', async () => {
    const { host, actor } = openDecidingCounter();
    // `fail` would throw in decide.
    await mismatchOf(host.ask(actor, { type: 'fail' }, { expectedSequenceNr: 7 }));
    await mismatchOf(host.ask(actor, { type: 'look' }, { expectedSequenceNr: 7 }));
    const { reply } = await host.ask(actor, { type: 'look' }, { expectedSequenceNr: 0 });
    expect(reply).to.equal(0);
  });

  it('compares with the number that the command would see among those written together', async () => {
    const { host, journal, start } = openCounter();
    const actor = start();
    await host.ask(actor, added);
    const gate = journal.blockNextWrite();
    const first = host.ask(actor, added); // 3
    const asked = [
      host.ask(actor, added, { expectedSequenceNr: 3 }), // 4
      host.ask(actor, added, { expectedSequenceNr: 3 }),
      host.ask(actor, added, { expectedSequenceNr: 4 }), // 5
    ] as const;
    const refused = mismatchOf(asked[1]);
    gate.open();
    expect((await first).sequenceNr).to.equal(3);
    expect((await asked[0]).sequenceNr).to.equal(4);
    expect(await refused).to.deep.equal({ expected: 3, actual: 4 });
    expect((await asked[2]).sequenceNr).to.equal(5);
    expect(journal.writes.map((writes) => writes.length)).to.deep.equal([1, 1, 2]);
  });

  it('compares anew when a command before it turns out not to be stored', async () => {
    const settings = { onRejected: 'continue' } as const;
    const { host, journal, start } = openCounter({ settings });
    const actor = start();
    await host.ask(actor, added);
    const gate = journal.blockNextWrite();
    const first = host.ask(actor, added); // 3
    journal.rejectNextWrite(new WriteRejectedError('too large'));
    const culprit = failureOf(host.ask(actor, added));
    // After the culprit it would be at 4, without it at 3.
    const asked = host.ask(actor, added, { expectedSequenceNr: 3 });
    gate.open();
    await first;
    expect((await culprit).message).to.contain('too large');
    expect((await asked).sequenceNr).to.equal(4);
  });

  it('must be an integer of at least 0, or nothing is asked', async () => {
    const { host, start, journal } = openCounter();
    const actor = start();
    for (const expectedSequenceNr of [-1, 0.5, Number.NaN, '1' as never]) {
      const error = await failureOf(host.ask(actor, added, { expectedSequenceNr }));
      expect(error.message).to.contain('expectedSequenceNr must be an integer of at least 0');
      expect(error.code).to.equal('INVALID_INPUT');
    }
    expect(journal.writes).to.deep.equal([]);
  });
});
