import { expect } from 'chai';
import fc from 'fast-check';
import { Head, type HeadFold } from '../../../src/history/head.ts';
import { ByteBudget } from '../../../src/journal/head-cache/held-records.ts';
import {
  type CacheAnswer,
  PartitionCache,
} from '../../../src/journal/head-cache/partition-cache.ts';
import type { ActionRecord } from '../../../src/model/action.ts';
import { Offset, Partition } from '../../../src/model/position.ts';
import { SeqNr } from '../../../src/model/seq-nr.ts';
import { append, deletion, mark, purge } from '../../support/journal/action-records.ts';
import { seed } from '../codec/seed.ts';

const ids = ['a', 'b', 'c', 'd', 'e'] as const;
type Id = (typeof ids)[number];

/** What happens to a partition and its cache, one after another. */
type Happening =
  | { readonly type: 'write'; readonly id: Id; readonly action: number; readonly n: number }
  /** So many of the records written are seen now. */
  | { readonly type: 'see'; readonly n: number }
  /** So many of the records written are replicated now. */
  | { readonly type: 'replicate'; readonly n: number }
  | { readonly type: 'ask'; readonly id: Id; readonly wait: boolean };

const id = fc.constantFrom(...ids);
const happening: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant('write' as const),
      id,
      action: fc.nat(9),
      n: fc.integer({ min: 1, max: 6 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ type: fc.constant('see' as const), n: fc.integer({ min: 1, max: 6 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('replicate' as const),
      n: fc.integer({ min: 1, max: 4 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ type: fc.constant('ask' as const), id, wait: fc.boolean() }),
  },
);

/** The cache under test, and the log as it truly is. */
class World {
  readonly log: ActionRecord[] = [];
  readonly budget: ByteBudget;
  readonly cache: PartitionCache;
  readonly maxIds: number;
  readonly unanswered = new Map<number, { readonly id: Id; readonly end: number }>();
  answers = 0;
  #seen = 0;
  #replicated = -1;
  #asked = 0;

  constructor(maxIds: number, maxBytes: number) {
    this.maxIds = maxIds;
    this.budget = new ByteBudget(maxBytes);
    this.cache = new PartitionCache(Partition.of(0), { maxIds, budget: this.budget });
    this.cache.start(undefined);
  }

  take(happening: Happening): void {
    if (happening.type === 'write') this.#write(happening);
    else if (happening.type === 'see') this.#see(happening.n);
    else if (happening.type === 'replicate') this.#replicate(happening.n);
    else this.#ask(happening);
    expect(this.cache.ids).to.be.at.most(this.maxIds);
    expect(this.budget.used).to.be.at.most(this.budget.max);
    expect(this.cache.waiting).to.equal(this.unanswered.size);
    // A wait ends with the record, or the replicated offset, that reaches its end.
    const covered = Math.max(this.#seen, this.#replicated + 1);
    for (const { end } of this.unanswered.values()) expect(end).to.be.above(covered);
  }

  #write({ id: of, action, n }: Extract<Happening, { type: 'write' }>): void {
    const offset = this.log.length;
    this.log.push(this.#recordOf(offset, { of, action, n }));
  }

  #recordOf(offset: number, { of, action, n }: { of: Id; action: number; n: number }) {
    if (action < 5) return append(offset, [n, n + (action % 3)], { id: of, bytes: n * 100 });
    if (action < 7) return deletion(offset, n, of);
    if (action === 7) return purge(offset, undefined, of);
    if (action === 8) return mark(offset, of);
    return purge(offset, this.#lastOf(of) ?? n, of);
  }

  /** Mostly the last action of the key, sometimes one that something came after. */
  #lastOf(of: Id): number | undefined {
    return this.log.findLast(({ action }) => action.key.id === of)?.at.offset;
  }

  #see(n: number): void {
    const from = this.#seen;
    this.#seen = Math.min(this.log.length, from + n);
    const records = this.log.slice(from, this.#seen);
    if (records.length > 0)
      this.cache.add({ records, undecodable: [], next: Offset.of(this.#seen) });
  }

  #replicate(n: number): void {
    this.#replicated = Math.min(this.log.length - 1, this.#replicated + n);
    if (this.#replicated >= 0) this.cache.remove(Offset.of(this.#replicated));
  }

  #ask({ id: of, wait }: Extract<Happening, { type: 'ask' }>): void {
    const end = this.log.length;
    const answer = this.cache.ask(of, Offset.of(end));
    if (answer !== undefined) this.#check(of, end, answer);
    if (answer !== undefined || !wait) return;
    const number = this.#asked++;
    this.unanswered.set(number, { id: of, end });
    this.cache.wait(of, Offset.of(end), (late) => {
      this.unanswered.delete(number);
      this.#check(of, end, late);
    });
  }

  #check(of: Id, end: number, answer: CacheAnswer): void {
    if (answer.type === 'unknown') return;
    this.answers += 1;
    const { cut, head } = answer;
    expect(cut.end.offset).to.be.at.least(end);
    const replicated = cut.replicated ?? -1;
    const own = this.log.filter(
      ({ action, at }) =>
        action.key.id === of && at.offset > replicated && at.offset < cut.end.offset,
    );
    const row = rowOf(
      this.log.filter(({ action, at }) => action.key.id === of && at.offset <= replicated),
    );
    const truth = stateOf(foldOf(new Head(), own), row);
    if (answer.type === 'held') expect(stateOf(head, row)).to.deep.equal(truth);
    else {
      const inRanges = own.filter(({ at }) =>
        answer.ranges.some(({ from, to }) => from <= at.offset && at.offset < to),
      );
      expect(stateOf(foldOf(head, inRanges), row)).to.deep.equal(truth);
    }
  }
}

/** The journal's row in the store. */
interface Row {
  readonly at: Offset;
  /** Highest delete of the generation. */
  readonly deleted: number;
}

/** What the row is once these records are replicated. */
function rowOf(records: readonly ActionRecord[]): Row | undefined {
  let row: Row | undefined;
  for (const { action, at } of records) {
    const { header } = action;
    const deleted = row?.deleted ?? 0;
    if (header.type === 'append') row = { at: at.offset, deleted };
    else if (header.type === 'delete')
      row = { at: at.offset, deleted: Math.max(deleted, header.to) };
    else if (header.type === 'purge' && (header.onlyAt === undefined || header.onlyAt === row?.at))
      row = undefined;
  }
  return row;
}

function foldOf(head: Head, records: readonly ActionRecord[]): Head {
  for (const record of records) head.add(record);
  return head;
}

/** How far head and row delete. */
function deletedOf(
  head: Head,
  fold: HeadFold,
  row: (Row & { readonly last: number | undefined }) | undefined,
): number {
  const { appends } = fold;
  const deleteTo = Number(fold.deleteTo ?? 0);
  if (row !== undefined) {
    return Math.max(deleteTo, head.purged ? 0 : Math.min(row.deleted, row.last ?? 0));
  }
  // Nothing is there before the first append: a delete below it deletes nothing.
  const first = appends[0]?.action.header.range.from;
  return first === undefined || deleteTo < first ? 0 : deleteTo;
}

/** Everything that a reader takes from head and row, whatever the last number in the store is. */
function stateOf(head: Head, row: Row | undefined): unknown {
  // Without a row the store has no numbers either.
  const lasts = row === undefined ? [undefined] : [1, 3, 8];
  return lasts.map((last) => {
    const one = head.copy();
    if (one.conditions.length > 0)
      one.settlePurge(row !== undefined && one.conditions.includes(row.at));
    const fold = one.fold(last === undefined ? undefined : SeqNr.of(last));
    return {
      // A purge of nothing leaves nothing to tell apart.
      purged: row !== undefined && one.purged,
      appends: fold.appends.map(({ at }) => at.offset),
      conflicts: fold.conflicts.map(({ loser }) => loser.at.offset),
      deleteTo: deletedOf(one, fold, row === undefined ? undefined : { ...row, last }),
      last: fold.last,
    };
  });
}

describe('PartitionCache and any history (I16, I17)', function () {
  this.timeout(60_000);

  it(`answers with the fold of the log or does not know, ends every wait, keeps its bounds (seed ${seed})`, () => {
    let answers = 0;
    fc.assert(
      fc.property(
        fc.array(happening, { minLength: 10, maxLength: 60 }),
        fc.integer({ min: 1, max: 5 }),
        fc.constantFrom(0, 1_500, 4_000, 1_000_000),
        (happenings, maxIds, maxBytes) => {
          const world = new World(maxIds, maxBytes);
          for (const one of happenings) world.take(one);
          world.cache.close();
          expect(world.unanswered.size).to.equal(0);
          expect(world.budget.used).to.equal(0);
          answers += world.answers;
        },
      ),
      { numRuns: 1_000, seed },
    );
    expect(answers).to.be.above(1_000);
  });
});
