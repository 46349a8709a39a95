import { expect } from 'chai';
import fc from 'fast-check';
import { type KeyWrite, planWrites } from '../../../replicator/apply/replicate-records.ts';
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
  purgeOnlyAt,
  type Step,
} from '../../support/replicator/records.ts';

type Choice =
  | {
      readonly kind: 'append';
      readonly count: number;
      readonly expireAfterHours: number | undefined;
    }
  | { readonly kind: 'delete'; readonly to: number }
  /** An append of another writer, which has not seen the last `below` numbers. */
  | { readonly kind: 'rival'; readonly below: number; readonly count: number }
  | { readonly kind: 'expire'; readonly isStale: boolean }
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
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('rival' as const),
      below: fc.integer({ min: 1, max: 6 }),
      count: fc.integer({ min: 1, max: 6 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'purge' as const }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('expire' as const), isStale: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'mark' as const }) },
);

/**
 * A journal's life as its writer writes it, without gaps; as rivals do, whose records mostly lose;
 * and as somebody deletes from it who looked some time ago, perhaps before a purge. It expires when
 * the last action lies where the purge says; a stale purge says something else.
 */
function stepsOf(choices: readonly Choice[]): readonly Step[] {
  const life: Life = { steps: [], last: 0, lastAt: -1 };
  for (const next of choices) {
    const at = life.steps.length;
    life.steps.push(stepOf(next, life));
    const step = life.steps[at];
    if (step === undefined || step.type === 'mark') continue;
    if (step.type === 'purge' && next.kind === 'expire' && next.isStale) continue;
    if (step.type === 'delete' && life.last === 0) continue;
    life.lastAt = at;
    if (step.type === 'append' && step.from > life.last) life.last = step.to;
    if (step.type === 'purge') life.last = 0;
  }
  return life.steps;
}

interface Life {
  readonly steps: Step[];
  /** Last number of the generation. */
  last: number;
  /** Offset of the last action that counts; -1 = there was none. */
  lastAt: number;
}

function stepOf(next: Choice, { last, lastAt }: Life): Step {
  if (next.kind === 'append') {
    const expireAfter = hours(next.expireAfterHours);
    const step = { type: 'append' as const, from: last + 1, to: last + next.count };
    return expireAfter === undefined ? step : { ...step, expireAfter };
  }
  if (next.kind === 'rival') {
    const from = Math.max(1, last + 1 - next.below);
    return { type: 'append', from, to: from + next.count - 1 };
  }
  if (next.kind === 'delete') return deleteTo(next.to);
  if (next.kind === 'purge') return purge;
  if (next.kind !== 'expire' || lastAt < 0) return mark;
  return purgeOnlyAt(next.isStale ? lastAt + 1 : lastAt);
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

/** What readers and later writes depend on, the row's offset too: conditional purges ask for it. */
function visible({ pointer, events }: StoredJournal) {
  const { seqNr, deleteTo: to, expiry, recordId } = pointer ?? {};
  const after = expiry === undefined ? undefined : ExpireAfter.toNanos(expiry.after);
  const live = [...events.values()].toSorted((a, b) => a.seqNr - b.seqNr || a.offset - b.offset);
  return { at: pointer?.at.offset, seqNr, deleteTo: to, after, recordId, live };
}

const empty = (): StoredJournal => ({ pointer: undefined, events: new Map() });

const recordsOf = (choices: readonly Choice[]): readonly ActionRecord[] =>
  stepsOf(choices).map((step, offset) => actionRecord('a', offset, step));

function oneByOne(records: readonly ActionRecord[]): StoredJournal {
  const stored = empty();
  for (const record of records) applyPoll(stored, [record]);
  return stored;
}

/** Applies the first writes of a poll; answers the first offset that they do not stand for. */
function applyInPart(stored: StoredJournal, poll: readonly ActionRecord[], count: number): number {
  const writes = planWrites(poll).writes.slice(0, count);
  for (const write of writes) applyTo(stored, write);
  return (writes.at(-1)?.at.offset ?? -1) + 1;
}

/** As these records leave it, but that deletes of the poll that was cut short may count already. */
function expectAhead(
  stored: StoredJournal,
  records: readonly ActionRecord[],
  poll: readonly ActionRecord[],
): void {
  const truth = visible(oneByOne(records));
  const seen = visible(stored);
  const { deleteTo: to = 0 } = seen;
  // A losing record after the delete may have left rows at or below `deleteTo`. No read shows them.
  const above = ({ live, ...row }: typeof seen) => {
    return { ...row, deleteTo: to, live: live.filter(({ seqNr }) => seqNr > to) };
  };
  expect(above(seen)).to.deep.equal(above(truth));
  const deletes = poll.map(({ action: { header } }) => (header.type === 'delete' ? header.to : 0));
  const furthest = Math.min(Math.max(0, ...deletes), truth.seqNr ?? 0);
  expect(to).to.be.within(truth.deleteTo ?? 0, Math.max(furthest, truth.deleteTo ?? 0));
}

describe('collapsed writes (I11)', () => {
  it('leave a journal as its records one by one leave it, wherever the polls are cut', () => {
    fc.assert(
      fc.property(
        fc.array(choice, { minLength: 1, maxLength: 12 }),
        fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 12, maxLength: 12 }),
        (choices, cuts) => {
          const records = recordsOf(choices);
          const inPolls = empty();
          for (let from = 0, poll = 0; from < records.length; poll++) {
            const to = from + (cuts[poll] ?? 1);
            applyPoll(inPolls, records.slice(from, to));
            from = to;
          }
          expect(visible(inPolls)).to.deep.equal(visible(oneByOne(records)));
        },
      ),
      { numRuns: 2_000, verbose: 1 },
    );
  });

  it('leave it so when every poll is applied again, cut differently', () => {
    fc.assert(
      fc.property(
        fc.array(
          choice.filter(({ kind }) => kind !== 'purge' && kind !== 'expire'),
          { minLength: 1, maxLength: 10 },
        ),
        fc.integer({ min: 0, max: 10 }),
        fc.integer({ min: 1, max: 10 }),
        (choices, again, cut) => {
          const records = recordsOf(choices);
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

  it('leave nothing half done when a poll is cut short between two writes and the next one ends elsewhere', () => {
    const place = fc.nat({ max: 12 });
    fc.assert(
      fc.property(
        fc.array(choice, { minLength: 2, maxLength: 12 }),
        fc.record({ from: place, to: place, writes: fc.nat({ max: 4 }), more: place }),
        (choices, { from, to, writes, more }) => {
          const records = recordsOf(choices);
          const poll = records.slice(from, to + 1);
          const stored = oneByOne(records.slice(0, from));
          const reached = Math.max(from, applyInPart(stored, poll, writes));
          expectAhead(stored, records.slice(0, reached), poll);
          applyPoll(stored, records.slice(from, reached + more));
          expectAhead(stored, records.slice(0, reached + more), poll);
          applyPoll(stored, records.slice(reached + more));
          expect(visible(stored)).to.deep.equal(visible(oneByOne(records)));
        },
      ),
      { numRuns: 4_000, verbose: 1 },
    );
  });
});
