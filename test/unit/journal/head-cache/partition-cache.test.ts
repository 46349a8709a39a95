import { expect } from 'chai';
import { ByteBudget } from '../../../../src/journal/head-cache/held-records.ts';
import {
  type CacheAnswer,
  PartitionCache,
} from '../../../../src/journal/head-cache/partition-cache.ts';
import type { ActionRecord } from '../../../../src/model/action.ts';
import { CodecError } from '../../../../src/model/errors.ts';
import { Offset, Partition } from '../../../../src/model/position.ts';
import type { FollowedBatch } from '../../../../src/ports/action-consumer.ts';
import {
  append,
  deletion,
  mark,
  purge,
  recordKey,
} from '../../../support/journal/action-records.ts';

const { id } = recordKey;
const overheadBytes = 400;

interface Limits {
  readonly maxIds?: number;
  readonly maxBytes?: number;
}

function cacheOf({ maxIds = 10, maxBytes = 1_000_000 }: Limits = {}, replicated?: number) {
  const budget = new ByteBudget(maxBytes);
  const cache = new PartitionCache(Partition.of(0), { maxIds, budget });
  cache.start(replicated === undefined ? undefined : Offset.of(replicated));
  return { cache, budget };
}

/** The records, and that everything up to the last of them has been seen. */
function batch(...records: ActionRecord[]): FollowedBatch {
  const last = records.at(-1);
  return { records, undecodable: [], next: Offset.of((last?.at.offset ?? -1) + 1) };
}

/** An answer in short: which appends it holds, or why it holds none. */
function short(answer: CacheAnswer | undefined): unknown {
  if (answer === undefined) return 'waits';
  if (answer.type === 'unknown') return answer.miss;
  const { cut, head } = answer;
  const span = `${cut.replicated ?? '-'}..${cut.end.offset}`;
  const purged = head.purged ? 'purged ' : '';
  if (answer.type === 'ranges') {
    return `${purged}ranges ${answer.ranges.map(({ from, to }) => `${from}-${to - 1}`).join(' ')}`;
  }
  const { appends, deleteTo, conflicts } = head.fold(undefined);
  const deleted = deleteTo === undefined ? '' : ` delete ${deleteTo}`;
  const lost = conflicts.length === 0 ? '' : ` ${conflicts.length} lost`;
  return `${purged}[${appends.map(({ at }) => at.offset).join(' ')}]${deleted}${lost} of ${span}`;
}

const ask = (cache: PartitionCache, end: number, of = id): unknown =>
  short(cache.ask(of, Offset.of(end)));

/** A question that waits; what it was answered is in the list. */
function waitFor(cache: PartitionCache, end: number, of = id): unknown[] {
  const answers: unknown[] = [];
  cache.wait(of, Offset.of(end), (answer) => answers.push(short(answer)));
  return answers;
}

describe('PartitionCache', () => {
  describe('asked for a key', () => {
    it('waits while nothing was seen', () => {
      expect(ask(cacheOf().cache, 1)).to.equal('waits');
    });

    it('knows that all is replicated exactly up to the end', () => {
      const { cache } = cacheOf({}, 4);
      expect(ask(cache, 5)).to.equal('[] of 4..5');
    });

    it('knows that all is replicated beyond the end, and tells how far', () => {
      const { cache } = cacheOf({}, 9);
      expect(ask(cache, 5)).to.equal('[] of 9..10');
    });

    it('waits while replication lags the end', () => {
      const { cache } = cacheOf({}, 3);
      expect(ask(cache, 5)).to.equal('waits');
    });

    const seen: [string, ActionRecord[], string][] = [
      ['nothing from a mark', [mark(0)], '[] of -..1'],
      ['an append', [append(0, 1)], '[0] of -..1'],
      ['a delete', [deletion(0, 3)], '[] delete 3 of -..1'],
      ['a purge', [append(0, 1), purge(1)], 'purged [] of -..2'],
      ['the current generation only', [append(0, 1), purge(1), append(2, 1)], 'purged [2] of -..3'],
    ];
    for (const [what, records, answer] of seen) {
      it(`tells ${what}`, () => {
        const { cache } = cacheOf();
        cache.add(batch(...records));
        expect(ask(cache, records.length)).to.equal(answer);
      });
    }

    it('counts records that are no journal records as seen', () => {
      const { cache } = cacheOf();
      cache.add({ records: [], undecodable: [], next: Offset.of(1) });
      expect(ask(cache, 1)).to.equal('[] of -..1');
    });

    it('tells what it has seen beyond the end as well: a purge there would tear the read', () => {
      const { cache } = cacheOf();
      cache.add(batch(append(0, 1), mark(1), purge(2)));
      expect(ask(cache, 1)).to.equal('purged [] of -..3');
    });

    it('knows nothing of records that were replicated before it began', () => {
      const { cache } = cacheOf({}, 5);
      cache.add(batch(append(4, 1), append(5, 2), append(6, 3)));
      expect(ask(cache, 7)).to.equal('[6] of 5..7');
    });

    it('takes a batch that comes twice once', () => {
      const { cache } = cacheOf();
      cache.add(batch(append(0, 1), append(1, 2)));
      cache.add(batch(append(0, 1), append(1, 2)));
      expect(ask(cache, 2)).to.equal('[0 1] of -..2');
    });
  });

  describe('waited for', () => {
    const ends: [string, number, string, string][] = [
      ['the same offset', 5, id, '[5] of -..6'],
      ['the same offset of another key', 5, 'other', '[] of -..6'],
      ['a greater offset', 7, id, '[5] of -..8'],
      ['a greater offset of another key', 7, 'other', '[] of -..8'],
    ];
    for (const [what, last, of, answer] of ends) {
      it(`answers when the log reaches ${what}`, () => {
        const { cache } = cacheOf();
        const answers = waitFor(cache, 6, of);
        cache.add(batch(append(5, 1), ...(last === 5 ? [] : [mark(last)])));
        expect(answers).to.deep.equal([answer]);
        expect(cache.waiting).to.equal(0);
      });
    }

    it('keeps waiting while the log lags', () => {
      const { cache } = cacheOf();
      const answers = waitFor(cache, 6);
      cache.add(batch(append(4, 1)));
      expect(answers).to.deep.equal([]);
      cache.add(batch(append(5, 2)));
      expect(answers).to.deep.equal(['[4 5] of -..6']);
    });

    for (const [what, replicated, answered] of [
      ['exactly there', 5, ['[] of 5..6']],
      ['beyond', 8, ['[] of 8..9']],
      ['not there yet', 4, []],
    ] as const) {
      it(`answers by replication alone when that is ${what}`, () => {
        const { cache } = cacheOf();
        cache.add(batch(append(2, 1)));
        const answers = waitFor(cache, 6);
        cache.remove(Offset.of(replicated));
        expect(answers).to.deep.equal(answered);
      });
    }

    it('answers at once when it is opened where everything was seen already', () => {
      const budget = new ByteBudget(0);
      const cache = new PartitionCache(Partition.of(0), { maxIds: 1, budget });
      const answers = [waitFor(cache, 0), waitFor(cache, 5)];
      cache.start(undefined);
      expect(answers).to.deep.equal([['[] of -..0'], []]);
    });

    it('sends those away at once who would wait longer than a pass over the log takes', () => {
      const budget = new ByteBudget(0);
      const cache = new PartitionCache(Partition.of(0), { maxIds: 1, budget });
      const answers = [waitFor(cache, 10_001), waitFor(cache, 10_000)];
      cache.start(undefined);
      expect([...answers, ask(cache, 10_001)]).to.deep.equal([['behind'], [], 'behind']);
      cache.add(batch(mark(0)));
      expect(ask(cache, 10_001)).to.equal('waits');
    });

    it('holds nobody who has left (I17)', () => {
      const { cache } = cacheOf();
      const answers: CacheAnswer[] = [];
      const leave = cache.wait(id, Offset.of(3), (answer) => answers.push(answer));
      leave();
      expect(cache.waiting).to.equal(0);
      cache.add(batch(append(5, 1)));
      expect(answers).to.deep.equal([]);
    });

    it('tells those who wait, and all later ones, that it is closed', () => {
      const { cache } = cacheOf();
      const answers = waitFor(cache, 6);
      cache.close();
      expect([answers, ask(cache, 0), cache.waiting]).to.deep.equal([['closed'], 'closed', 0]);
    });

    it('tells those who wait that nothing comes, answers what it has seen, and recovers', () => {
      const { cache } = cacheOf();
      cache.add(batch(append(0, 1)));
      const answers = waitFor(cache, 2);
      cache.fail();
      expect([answers, ask(cache, 2), ask(cache, 1)]).to.deep.equal([
        ['failed'],
        'failed',
        '[0] of -..1',
      ]);
      cache.start(undefined);
      cache.add(batch(append(1, 2)));
      expect(ask(cache, 2)).to.equal('[0 1] of -..2');
    });
  });

  describe('forgetting what is replicated', () => {
    it('starts after it, never goes back, and goes on after what came since', () => {
      const { cache } = cacheOf();
      expect([cache.next, cache.replicated]).to.deep.equal([0, undefined]);
      cache.remove(Offset.of(4));
      cache.remove(Offset.of(2));
      expect([cache.next, cache.replicated]).to.deep.equal([5, 4]);
      cache.add(batch(append(7, 1)));
      cache.remove(Offset.of(6));
      expect([cache.next, cache.replicated, cache.ids]).to.deep.equal([8, 6, 1]);
      cache.remove(Offset.of(9));
      expect([cache.next, cache.replicated, cache.ids]).to.deep.equal([10, 9, 0]);
    });

    it('lets go of records, journals and bytes', () => {
      const { cache, budget } = cacheOf();
      const bytes = 100;
      cache.add(batch(append(0, 1, { bytes }), append(1, 1, { bytes, id: 'b' })));
      cache.add(batch(append(2, 2, { bytes })));
      expect([cache.ids, budget.used]).to.deep.equal([2, 3 * (bytes + overheadBytes)]);
      cache.remove(Offset.of(1));
      expect([cache.ids, budget.used]).to.deep.equal([1, bytes + overheadBytes]);
      expect(ask(cache, 3)).to.equal('[2] of 1..3');
      cache.remove(Offset.of(2));
      expect([cache.ids, budget.used, cache.keepsSomething]).to.deep.equal([0, 0, false]);
    });

    it('forgets a purge and a delete that the store has by now', () => {
      const { cache } = cacheOf();
      cache.add(batch(purge(0), append(1, [1, 3]), deletion(2, 2), append(3, 4)));
      cache.remove(Offset.of(0));
      expect(ask(cache, 4)).to.equal('[1 3] delete 2 of 0..4');
      cache.remove(Offset.of(2));
      expect(ask(cache, 4)).to.equal('[3] of 2..4');
    });

    it('begins anew after a reset, and holds no bytes', () => {
      const { cache, budget } = cacheOf();
      cache.add(batch(append(0, 1, { bytes: 10 })));
      cache.reset();
      expect([cache.ids, budget.used, cache.next]).to.deep.equal([0, 0, undefined]);
      cache.start(Offset.of(6));
      cache.add(batch(append(7, 5)));
      expect(ask(cache, 8)).to.equal('[7] of 6..8');
    });
  });

  describe('with more journals than it may keep', () => {
    const appendOf = (offset: number, of: string, from = 1): ActionRecord =>
      append(offset, from, { id: of });

    it('drops the one used longest ago', () => {
      const { cache } = cacheOf({ maxIds: 2 });
      const records = [appendOf(0, 'a'), appendOf(1, 'a', 2), appendOf(2, 'b'), appendOf(3, 'c')];
      for (const record of records) cache.add(batch(record));
      expect(['a', 'b', 'c'].map((of) => ask(cache, 4, of))).to.deep.equal([
        'limited',
        '[2] of -..4',
        '[3] of -..4',
      ]);
    });

    it('keeps one journal at least', () => {
      const { cache } = cacheOf({ maxIds: 1 });
      cache.add(batch(appendOf(0, 'a'), appendOf(1, 'b'), appendOf(2, 'c')));
      expect(['a', 'b', 'c'].map((of) => ask(cache, 3, of))).to.deep.equal([
        'limited',
        'limited',
        '[2] of -..3',
      ]);
    });

    it('answers those who waited before it drops', () => {
      const { cache } = cacheOf({ maxIds: 2 });
      const answers = waitFor(cache, 1, 'a');
      cache.add(batch(appendOf(0, 'a'), appendOf(1, 'b'), appendOf(2, 'c')));
      expect([answers, ask(cache, 1, 'a')]).to.deep.equal([['[0] of -..3'], 'limited']);
    });

    it('keeps a journal with all its records, however old the first', () => {
      const { cache } = cacheOf({ maxIds: 2 });
      for (const record of [
        appendOf(0, 'a'),
        appendOf(1, 'b'),
        appendOf(2, 'a', 2),
        appendOf(3, 'c'),
      ])
        cache.add(batch(record));
      expect([ask(cache, 4, 'a'), ask(cache, 4, 'b')]).to.deep.equal(['[0 2] of -..4', 'limited']);
    });

    it('does not count marks', () => {
      const { cache } = cacheOf({ maxIds: 1 });
      cache.add(batch(mark(0, 'a'), mark(1, 'b'), appendOf(2, 'c'), mark(3, 'd')));
      expect([cache.ids, ask(cache, 4, 'a'), ask(cache, 4, 'c')]).to.deep.equal([
        1,
        '[] of -..4',
        '[2] of -..4',
      ]);
    });

    it('V5: does not take a journal that it dropped for an empty one', () => {
      const { cache } = cacheOf({ maxIds: 2 });
      for (const record of [appendOf(0, 'id0'), appendOf(1, 'id1'), appendOf(2, 'id2')])
        cache.add(batch(record));
      cache.add(batch(mark(3, 'id0')));
      expect(ask(cache, 3, 'id0')).to.equal('limited');
    });

    it('V5: knows again once what it dropped is replicated', () => {
      const { cache } = cacheOf({ maxIds: 2 });
      cache.add(batch(appendOf(0, 'id0'), appendOf(1, 'id1'), appendOf(2, 'id2')));
      expect(cache.keepsSomething).to.equal(true);
      cache.remove(Offset.of(0));
      expect(ask(cache, 3, 'id0')).to.equal('[] of 0..3');
    });

    it('does not take the rest of a journal that it dropped for all of it', () => {
      const { cache } = cacheOf({ maxIds: 2 });
      cache.add(batch(appendOf(0, 'a'), appendOf(1, 'b'), appendOf(2, 'c')));
      cache.add(batch(appendOf(3, 'a', 2)));
      expect(ask(cache, 4, 'a')).to.equal('limited');
      cache.add(batch(purge(4, undefined, 'a'), appendOf(5, 'a')));
      expect(ask(cache, 6, 'a')).to.equal('purged [5] of -..6');
    });
  });

  describe('with more events than it may hold', () => {
    const bytes = 600;
    const big = (offset: number, from: number, of = id): ActionRecord =>
      append(offset, from, { bytes, id: of });

    it('keeps where the records of the oldest journal lie, within the bound', () => {
      const { cache, budget } = cacheOf({ maxBytes: 2_500 });
      cache.add(batch(big(0, 1), big(5_000, 2), big(5_001, 1, 'b'), big(5_002, 3)));
      expect(budget.used).to.equal(1_000);
      expect(ask(cache, 5_003)).to.equal('ranges 0-0 5000-5002');
      expect(ask(cache, 5_003, 'b')).to.equal('[5001] of -..5003');
      cache.remove(Offset.of(5_000));
      expect(ask(cache, 5_003)).to.equal('ranges 5001-5002');
    });

    it('holds nothing with a bound of 0, and still tells empty, deleted and purged journals', () => {
      const { cache, budget } = cacheOf({ maxBytes: 0 });
      cache.add(batch(big(0, 1), deletion(1, 3, 'deleted'), purge(2, undefined, 'purged')));
      expect(budget.used).to.equal(0);
      expect([id, 'deleted', 'purged', 'empty'].map((of) => ask(cache, 3, of))).to.deep.equal([
        'ranges 0-0',
        '[] delete 3 of -..3',
        'purged [] of -..3',
        '[] of -..3',
      ]);
    });

    it('begins to hold again after a purge', () => {
      const { cache } = cacheOf({ maxBytes: 1_500 });
      cache.add(batch(big(0, 1), big(1, 2), purge(2), big(3, 1)));
      expect(ask(cache, 4)).to.equal('purged [3] of -..4');
    });

    it('tells the ranges after a purge that is not replicated yet', () => {
      const { cache } = cacheOf({ maxBytes: 1_500 });
      cache.add(batch(big(0, 1), purge(1), big(2, 1), big(3, 2)));
      expect(ask(cache, 4)).to.equal('purged ranges 2-3');
      cache.remove(Offset.of(1));
      expect(ask(cache, 4)).to.equal('ranges 2-3');
    });
  });

  it('knows nothing of a journal with a record that cannot be decoded, until that is replicated', () => {
    const { cache } = cacheOf();
    const bad = { id, offset: Offset.of(1), error: new CodecError('bad') };
    const records = [append(0, 1), append(2, 2), append(3, 1, { id: 'b' })];
    cache.add({ records, undecodable: [bad], next: Offset.of(4) });
    expect([ask(cache, 4), ask(cache, 4, 'b')]).to.deep.equal(['undecodable', '[3] of -..4']);
    cache.remove(Offset.of(1));
    expect(ask(cache, 4)).to.equal('[2] of 1..4');
  });

  it('V2: folds record by record, so that a purge inside a batch is not lost', () => {
    const { cache } = cacheOf();
    cache.add(batch(append(0, [1, 3])));
    cache.add(batch(purge(1), append(2, [1, 3])));
    expect(ask(cache, 3)).to.equal('purged [2] of -..3');
    const answer = cache.ask(id, Offset.of(3));
    expect(answer?.type === 'held' && answer.head.fold(undefined).last).to.equal(3);
  });

  it('V2: an old journal of ten and a new one of one has the last number one', () => {
    const { cache } = cacheOf();
    cache.add(batch(append(0, [1, 10]), deletion(1, 10)));
    cache.add(batch(purge(2), append(3, 1)));
    const answer = cache.ask(id, Offset.of(4));
    const fold = answer?.type === 'held' ? answer.head.fold(undefined) : undefined;
    expect([fold?.last, fold?.deleteTo]).to.deep.equal([1, undefined]);
  });
});
