import { expect } from 'chai';
import { SeqNr } from '../../../src/model/seq-nr.ts';
import { batchesOf } from '../../../src/plugin/batching.ts';
import type {
  AtomicWrite,
  PersistenceId,
  PersistentRepr,
} from '../../../src/ports/journal-plugin.ts';

const persistenceId = 'p' as PersistenceId;

function repr(seqNr: number): PersistentRepr {
  const common = { persistenceId, payload: {}, manifest: '', writerUuid: 'w', tags: [] };
  return { ...common, seqNr: SeqNr.of(seqNr), timestampMs: undefined, facts: {} };
}

function writeOf(events: number): AtomicWrite {
  const rest = Array.from({ length: events - 1 }, (_, index) => repr(index + 2));
  return { persistenceId, events: [repr(1), ...rest] };
}

describe('batchesOf', () => {
  const cases: [limit: number, sizes: number[], batches: number[][]][] = [
    [-1, [1], [[1]]],
    [1, [1, 2, 3], [[1], [2], [3]]],
    [3, [1, 2, 3, 4], [[1, 2], [3], [4]]],
    [7, [1, 2, 3, 4], [[1, 2, 3], [4]]],
    [
      4,
      [1, 3, 1, 2],
      [
        [1, 3],
        [1, 2],
      ],
    ],
    [0, [5, 5], [[5, 5]]],
    [10, [5, 5], [[5, 5]]],
  ];
  for (const [limit, sizes, expected] of cases) {
    it(`cuts writes of ${sizes.join(', ')} events at ${limit} into ${JSON.stringify(expected)}`, () => {
      const batches = batchesOf(sizes.map(writeOf), limit);
      expect(batches.map((batch) => batch.map(({ events }) => events.length))).to.deep.equal(
        expected,
      );
    });
  }

  it('puts writes into one append only if they say the same beside their events', () => {
    const day = { expireAfter: { length: 1n, unit: 'day' } } as const;
    const besides = [day, { ...day }, undefined, { metadata: 1 }, { metadata: 2 }, day];
    const writes = besides.map((beside) => ({ ...writeOf(1), ...(beside && { beside }) }));
    const sizes = batchesOf(writes, 100).map((batch) => batch.length);
    expect(sizes).to.deep.equal([2, 1, 1, 1, 1]);
  });
});
