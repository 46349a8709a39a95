import { expect } from 'chai';
import { SegmentNr } from '../../../../src/stores/cassandra/segment.ts';

describe('SegmentNr', () => {
  // docs/format.md#tables
  const ofSeqNr = [
    [1, 10_000, 0],
    [10_000, 10_000, 0],
    [10_001, 10_000, 1],
    [45_629, 10_000, 4],
    [1, 2, 0],
    [2, 2, 0],
    [3, 2, 1],
    [574, 100, 5],
    [2 ** 53 - 1, 2, 2 ** 52 - 1],
  ] as const;
  for (const [seqNr, size, segment] of ofSeqNr) {
    it(`puts event ${seqNr} in segment ${segment} of segments of ${size}`, () => {
      expect(SegmentNr.of(seqNr, size)).to.equal(segment);
    });
  }

  // docs/format.md#tables; the second only where it differs
  const ofId = {
    '': [0],
    a: [97],
    id: [3355, 55],
    ID: [3355, 55],
    Id: [3355, 55],
    'journal ID': [5668, 68],
    p1: [3521, 21],
    'topic-id': [39],
    persistenceId: [3094, 94],
    polygenelubricants: [3648, 48],
    '00000000-0000-0000-0000-000000000000': [7488, 88],
    '3F2504E0-4F89-11D3-9A0C-0305E82C3301': [1469, 69],
    Straße: [90],
    ΑΣ: [257, 57],
    '\u0130': [4030, 30],
    'user-😀': [1419, 19],
  };
  for (const [id, segments] of Object.entries(ofId)) {
    it(`looks for the row of "${id}" in ${segments.join(', then ')}`, () => {
      expect(SegmentNr.ofId(id)).to.deep.equal(segments);
    });
  }

  it('lists the 10000 segments that ids lie in', () => {
    const all = [...SegmentNr.all()];
    expect([all.length, all[0], all.at(-1)]).to.deep.equal([10_000, 0, 9_999]);
  });

  it('puts every segment into exactly one share, and none into those beyond', () => {
    for (const count of [1, 4, 7, 10_000, 10_002]) {
      const shares = Array.from({ length: count }, (_, index) => [
        ...SegmentNr.ofShare({ index, of: count }),
      ]);
      expect(shares.flat().toSorted((a, b) => a - b)).to.deep.equal([...SegmentNr.all()]);
    }
    expect([...SegmentNr.ofShare({ index: 3, of: 4 })].slice(0, 3)).to.deep.equal([3, 7, 11]);
    expect([...SegmentNr.ofShare({ index: 10_001, of: 10_002 })]).to.deep.equal([]);
  });
});
