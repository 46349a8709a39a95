import { expect } from 'chai';
import { ByteBudget } from '../../../../src/journal/head-cache/held-records.ts';
import { PartitionCache } from '../../../../src/journal/head-cache/partition-cache.ts';
import type { ActionRecord } from '../../../../src/model/action.ts';
import { Offset, Partition } from '../../../../src/model/position.ts';
import { append, opening, recordKey } from '../../../support/journal/action-records.ts';

const { id } = recordKey;

function cacheOf(maxBytes = 1_000_000, replicated?: number): PartitionCache {
  const cache = new PartitionCache(Partition.of(0), {
    maxIds: 10,
    budget: new ByteBudget(maxBytes),
  });
  cache.start(replicated === undefined ? undefined : Offset.of(replicated));
  return cache;
}

function add(cache: PartitionCache, ...records: ActionRecord[]): number {
  const next = (records.at(-1)?.at.offset ?? -1) + 1;
  cache.add({ records, undecodable: [], next: Offset.of(next) });
  return next;
}

/** Offsets of the appends of the key, or where they are and which of them are void; or the miss. */
function ask(cache: PartitionCache, end: number, of = id): unknown {
  const answer = cache.ask(of, Offset.of(end));
  if (answer === undefined) return 'waits';
  if (answer.type === 'unknown') return answer.miss;
  if (answer.type === 'held') return answer.head.fold(undefined).appends.map(({ at }) => at.offset);
  const ranges = answer.ranges.map(({ from, to }) => `${from}-${to - 1}`).join(' ');
  return `${ranges} without ${[...answer.voids].join(' ')}`;
}

const of = (offset: number) => ({ under: ['a', offset] }) as const;

describe('PartitionCache of a partition with tenures', () => {
  it('takes in what counts, and moves on over what is void or opens a tenure', () => {
    const cache = cacheOf();
    const end = add(
      cache,
      opening(0, 'a'),
      append(1, 1, of(0)),
      opening(2, 'a'),
      append(3, 2, of(0)),
      append(4, 2, of(2)),
      append(5, 7, of(0)),
      opening(6, 'a'),
    );
    expect([end, ask(cache, end)]).to.deep.equal([7, [1, 4]]);
    expect(cache.peek(id)?.highestClaim?.at.offset).to.equal(4);
    expect(cache.peek(id)?.conflict).to.equal(undefined);
  });

  it('names the void records where those that count have to be read again', () => {
    const cache = cacheOf(0);
    const first = add(cache, opening(0, 'a'), append(1, 5, of(0)), opening(2, 'a'));
    const end = add(cache, append(first, 6, of(0)), append(first + 1, 6, of(2)));
    expect(ask(cache, end)).to.equal('1-4 without 3');
    cache.remove(Offset.of(1));
    expect(ask(cache, end)).to.equal('2-4 without 3');
  });

  it('does not know a journal with too many void records, until these are replicated', () => {
    const [held, released] = [cacheOf(), cacheOf(0)];
    const voids = Array.from({ length: 65 }, (_, n) => append(3 + n, 2, of(0)));
    for (const cache of [held, released]) {
      add(cache, opening(0, 'a'), append(1, 1, of(0)), opening(2, 'a'), ...voids);
      add(cache, append(68, 2, of(2)));
    }
    expect([ask(held, 69), ask(released, 69)]).to.deep.equal([[1, 68], 'limited']);
    released.remove(Offset.of(2));
    expect(ask(released, 69)).to.equal('limited');
    released.remove(Offset.of(3));
    expect(ask(released, 69)).to.match(/^4-68 without 4 5 .* 67$/);
  });

  it('knows nothing of a journal whose action names a mark that is not there, until that is replicated', () => {
    const cache = cacheOf();
    add(cache, append(0, 1, of(7)), append(1, 2), append(2, 1, { id: 'b' }));
    expect([ask(cache, 3), ask(cache, 3, 'b')]).to.deep.equal(['undecodable', [2]]);
    cache.remove(Offset.of(0));
    expect(ask(cache, 3)).to.deep.equal([1]);
  });

  it('judges anew when it begins anew, or has left out what is replicated', () => {
    const cache = cacheOf(undefined, 4);
    const { tenures, replicated } = cache.tenures;
    expect(replicated).to.equal(4);
    tenures.learn('a', Offset.of(2));
    add(cache, append(5, 1, of(2)));
    cache.remove(Offset.of(5));
    expect(cache.tenures.tenures).to.equal(tenures);
    cache.remove(Offset.of(9));
    expect(cache.tenures.replicated).to.equal(9);
    expect(cache.tenures.tenures.unknownScopes([append(10, 2, of(2))])).to.deep.equal(['a']);
    cache.tenures.tenures.learn('a', Offset.of(8));
    add(cache, append(10, 2, of(2)), append(11, 2, of(8)));
    expect(ask(cache, 12)).to.deep.equal([11]);
    cache.reset();
    cache.start(undefined);
    expect(cache.tenures.replicated).to.equal(undefined);
    expect(cache.tenures.tenures.unknownScopes([append(10, 2, of(2))])).to.deep.equal(['a']);
  });
});
