import { expect } from 'chai';
import fc from 'fast-check';
import { type KeyWrite, planWrites } from '../../../replicator/replicate-records.ts';
import type { ActionRecord } from '../../../src/model/action.ts';
import { ExpireAfter } from '../../../src/model/expire-after.ts';
import {
  applyAppend,
  applyDelete,
  applyPurge,
  type StoredJournal,
} from '../../support/replicator/memory-replicated-journal.ts';
import {
  actionRecord,
  deleteTo,
  mark,
  purge,
  type Step,
} from '../../support/replicator/records.ts';

type Choice =
  | {
      readonly kind: 'append';
      readonly count: number;
      readonly expireAfterHours: number | undefined;
    }
  | { readonly kind: 'delete'; readonly to: number }
  | { readonly kind: 'purge' | 'mark' };

const choice: fc.Arbitrary<Choice> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      count: fc.integer({ min: 1, max: 4 }),
      expireAfterHours: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('delete' as const),
      to: fc.integer({ min: 1, max: 24 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'purge' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'mark' as const }) },
);

/** A journal's life as one writer would write it: numbers without gaps, a delete only of what is. */
function stepsOf(choices: readonly Choice[]): readonly Step[] {
  const steps: Step[] = [];
  let last = 0;
  for (const next of choices) {
    if (next.kind === 'append') {
      const expireAfter = hours(next.expireAfterHours);
      const step = { type: 'append' as const, from: last + 1, to: last + next.count };
      steps.push(expireAfter === undefined ? step : { ...step, expireAfter });
      last += next.count;
    } else if (next.kind === 'delete' && last > 0) {
      steps.push(deleteTo(next.to));
    } else if (next.kind === 'purge') {
      steps.push(purge);
      last = 0;
    } else {
      steps.push(mark);
    }
  }
  return steps;
}

function hours(count: number | undefined): ExpireAfter | undefined {
  return count === undefined ? undefined : { length: BigInt(count), unit: 'hour' };
}

function applyPoll(stored: StoredJournal, records: readonly ActionRecord[]): void {
  for (const write of planWrites(records).writes) applyTo(stored, write);
}

function applyTo(stored: StoredJournal, write: KeyWrite): void {
  if (write.type === 'append') applyAppend(stored, write);
  else if (write.type === 'delete') applyDelete(stored, write);
  else applyPurge(stored, write);
}

/** What readers and later writes depend on; offsets of the row may differ, they only guard repeats. */
function visible({ pointer, events }: StoredJournal) {
  const { seqNr, deleteTo: to, expiry } = pointer ?? {};
  const after = expiry === undefined ? undefined : ExpireAfter.toNanos(expiry.after);
  const live = [...events].toSorted(([a], [b]) => a - b);
  return { exists: pointer !== undefined, seqNr, deleteTo: to, after, live };
}

const empty = (): StoredJournal => ({ pointer: undefined, events: new Map() });

describe('collapsed writes (I11)', () => {
  it('leave a journal as its records one by one leave it, wherever the polls are cut', () => {
    fc.assert(
      fc.property(
        fc.array(choice, { minLength: 1, maxLength: 12 }),
        fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 12, maxLength: 12 }),
        (choices, cuts) => {
          const records = stepsOf(choices).map((step, offset) => actionRecord('a', offset, step));
          const oneByOne = empty();
          for (const record of records) applyPoll(oneByOne, [record]);
          const inPolls = empty();
          for (let from = 0, poll = 0; from < records.length; poll++) {
            const to = from + (cuts[poll] ?? 1);
            applyPoll(inPolls, records.slice(from, to));
            from = to;
          }
          expect(visible(inPolls)).to.deep.equal(visible(oneByOne));
        },
      ),
      { numRuns: 2_000, verbose: 1 },
    );
  });

  it('leave it so when every poll is applied again, cut differently', () => {
    fc.assert(
      fc.property(
        fc.array(
          choice.filter(({ kind }) => kind !== 'purge'),
          { minLength: 1, maxLength: 10 },
        ),
        fc.integer({ min: 0, max: 10 }),
        fc.integer({ min: 1, max: 10 }),
        (choices, again, cut) => {
          const records = stepsOf(choices).map((step, offset) => actionRecord('a', offset, step));
          const once = empty();
          applyPoll(once, records);
          const repeated = empty();
          applyPoll(repeated, records.slice(0, cut));
          applyPoll(repeated, records.slice(Math.min(again, cut)));
          expect(visible(repeated)).to.deep.equal(visible(once));
        },
      ),
      { numRuns: 2_000, verbose: 1 },
    );
  });
});
