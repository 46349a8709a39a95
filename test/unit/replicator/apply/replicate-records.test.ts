import { expect } from 'chai';
import { planWrites } from '../../../../replicator/apply/replicate-records.ts';
import type { ActionRecord } from '../../../../src/model/action.ts';
import { ExpireAfter } from '../../../../src/model/expire-after.ts';
import { actionRecord, append, deleteTo, mark } from '../../../support/replicator/records.ts';

function broken(id: string, offset: number, from: number): ActionRecord {
  const { action, at } = actionRecord(id, offset, append(from));
  if (!('value' in action)) throw new Error('an append');
  return { action: { ...action, value: Buffer.from('{') }, at };
}

describe('planWrites', () => {
  it('merges adjacent appends into one, with the youngest offset and each event its own', () => {
    const { writes } = planWrites([
      actionRecord('a', 3, append(1, 2)),
      actionRecord('a', 4, mark),
      actionRecord('a', 5, append(3)),
    ]);
    expect(writes).to.have.length(1);
    const [write] = writes;
    if (write?.type !== 'append') throw new Error('an append');
    expect(write.at.offset).to.equal(5);
    const events = write.events.map(({ event, record }) => `${event.seqNr}@${record.at.offset}`);
    expect(events).to.deep.equal(['1@3', '2@3', '3@5']);
  });

  it('takes the expiry of the last event, also when it has none', () => {
    const day: ExpireAfter = { length: 1n, unit: 'day' };
    const expiring = actionRecord('a', 0, { type: 'append', from: 1, to: 1, expireAfter: day });
    const [kept] = planWrites([expiring]).writes;
    expect(kept?.type === 'append' && ExpireAfter.equals(kept.expireAfter, day)).to.equal(true);
    const [removed] = planWrites([expiring, actionRecord('a', 1, append(2))]).writes;
    expect(removed?.type === 'append' && removed.expireAfter).to.equal(undefined);
  });

  it('plans what lies before a record that cannot be decoded, as if nothing followed', () => {
    const plan = planWrites([
      actionRecord('a', 0, append(1)),
      actionRecord('a', 1, append(2)),
      broken('a', 2, 3),
      actionRecord('a', 3, deleteTo(2)),
    ]);
    expect(plan.writes.map(({ type, at }) => `${type} ${at.offset}`)).to.deep.equal(['append 1']);
    expect(plan.unreadable).to.deep.include({ index: 2, offset: 2 });
  });

  it('holds an unreadable record that only a record after another unreadable one made needless', () => {
    const plan = planWrites([
      broken('a', 0, 1),
      actionRecord('a', 1, append(2)),
      broken('a', 2, 3),
      actionRecord('a', 3, deleteTo(2)),
    ]);
    expect(plan.unreadable?.offset).to.equal(0);
    expect(plan.writes).to.deep.equal([]);
  });
});
