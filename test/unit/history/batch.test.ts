import { expect } from 'chai';
import { type Batch, collapse } from '../../../src/history/batch.ts';
import { Action, type ActionHeader, type ActionRecord } from '../../../src/model/action.ts';
import { Key } from '../../../src/model/key.ts';
import { Offset } from '../../../src/model/position.ts';
import { SeqNr } from '../../../src/model/seq-nr.ts';
import { partition0, topic } from '../../support/replicator/records.ts';

// Notation: a = append at offset [numbers], d = delete at offset→to, p = purge, m = mark; (x) = who
// wrote it; A5{2,4,5} = one append with offset 5 of the records at offsets 2, 4, 5. Three results
// differ from the JVM's: the last write stands at the last action (two cases), and a delete of
// nothing after a purge is not written.
const table: readonly (readonly [records: string, batches: string])[] = [
  ['m0', ''],
  ['m0 m1', ''],
  ['a0[1]', 'A0'],
  ['a0[1..2]', 'A0'],
  ['a0[1..2] a1[3..4]', 'A1{0,1}'],
  ['a0[1] m1', 'A0'],
  ['m0 a1[1]', 'A1'],
  ['a0[1] a1[2]', 'A1{0,1}'],
  ['m0 a1[1] m2 a3[2] m4', 'A3{1,3}'],
  ['d1→1', 'D1→1'],
  ['m1 d2→1', 'D2→1'],
  ['d1→1 m2', 'D1→1'],
  ['d1→1 a2[2]', 'D1→1 A2'],
  ['a1[2] d2→1', 'A1 D2→1'],
  ['a1[1..3] d2→1', 'A1 D2→1'],
  ['a1[1] d2→1 a3[2]', 'A1 D2→1 A3'],
  ['a1[1] d2→1(o1) a3[2] d4→2(o2)', 'A3 D4→2'],
  ['a1[1] d2→1(o1) a3[2] d4→2', 'A3 D4→2'],
  ['a1[1] a2[2] d3→1(o1) d4→2(o2)', 'A2 D4→2'],
  ['a1[1] a2[2] d3→1 d4→2(o)', 'A2 D4→2'],
  ['d2→1 d3→2', 'D3→2'],
  ['d2→2(o) d3→1', 'D3→2'],
  ['m2 d3→1 m4 d5→2 m6', 'D5→2'],
  ['a0[1] d1→1 a2[2] d3→2 a4[3]', 'A2 D3→2 A4'],
  ['a0[1] a1[2] d2→1 a3[3] d4→3 a5[4]', 'A3 D4→3 A5'],
  ['a0[1] a1[2] m2 d3→1 a4[3] a5[4] m6', 'A1 D3→1 A5{4,5}'],
  ['a0[1] a1[2] a2[3] d3→1 a4[4] a5[5] d6→2 a7[6]', 'A5{2,4,5} D6→2 A7'],
  ['a0[1..2] a1[3..4] a2[5] d3→1 a4[6] a5[7] d6→3 a7[8]', 'A5{1,2,4,5} D6→3 A7'],
  ['p0', 'P0'],
  ['m0 p1', 'P1'],
  ['p0 m1', 'P0'],
  ['p0(o) m1 p2', 'P2'],
  ['p0(o0) m1 p2(o)', 'P2'],
  ['a0[1] p1', 'P1'],
  ['p0 a1[1]', 'P0 A1'],
  ['d0→1 p1', 'P1'],
  ['p0 d1→1', 'P0'],
  ['d0→1 d1→2', 'D1→2'],
  ['a0[1..2] a1[3..4] a2[5..6] d3→3 d4→5', 'A2 D4→5'],
  ['a0[1..6] d1→3 d2→6', 'A0 D2→6'],
  ['a0[1..4] a1[5..6] d2→3 d3→6', 'A1 D3→6'],
  ['a0[1..4] a1[5..6] d2→3', 'A1{0,1} D2→3'],
  ['d1→10 d2→6', 'D2→10'],
  ['a1797039[574] a1801629[575] m1801640 d1801642→575', 'A1801629 D1801642→575'],
];

describe('collapse (docs/format.md#replication, all cases of the JVM system)', () => {
  it('knows the 44 cases', () => {
    expect(table).to.have.length(44);
  });

  for (const [records, batches] of table) {
    it(`makes "${records}" into "${batches || 'nothing'}"`, () => {
      const result = collapse(records.split(' ').map(recordOf));
      expect(result.map(textOf).join(' ')).to.equal(batches);
    });
  }

  it('lets an append carry how far the deletes after it reach, and where the oldest one lay', () => {
    const carried = (records: string): string =>
      collapse(records.split(' ').map(recordOf))
        .filter((batch) => batch.type === 'appends')
        .map(
          ({ at, ranges, deleteTo }) =>
            `A${ranges[0]?.at.offset}-${at.offset}→${deleteTo ?? 'none'}`,
        )
        .join(' ');
    expect(carried('a1[1] a2[2..3]')).to.equal('A1-2→none');
    expect(carried('a1[1..3] d2→2')).to.equal('A1-1→2');
    expect(carried('a1[1] a2[2] d3→1 d4→2')).to.equal('A1-2→2');
    expect(carried('a1[1] d2→1 a3[2] d4→2')).to.equal('A1-3→2');
    expect(carried('a0[1] a1[2] d2→1 a3[3] d4→3 a5[4]')).to.equal('A0-3→3 A5-5→none');
    expect(carried('a0[1] p1 a2[1..3] d3→1')).to.equal('A2-2→1');
  });

  it('leaves its input as it was', () => {
    const records = ['a0[1]', 'a1[2]', 'd2→1'].map(recordOf);
    const before = [...records];
    collapse(records);
    expect(records).to.deep.equal(before);
  });
});

const notation = /^([adpm])(\d+)(?:\[(\d+)(?:\.\.(\d+))?\])?(?:→(\d+))?(?:\((\w+)\))?$/;

function recordOf(text: string): ActionRecord {
  const [, kind, offset, from, to, deleteTo, origin] = notation.exec(text) ?? [];
  const at = { partition: partition0, offset: Offset.of(Number(offset)) };
  const header = headerOf({ kind, from, to: to ?? from, deleteTo, origin });
  const place = { key: Key.of(topic, 'a'), timestampMs: 0 };
  if (header.type !== 'append') return { at, action: { ...place, header } };
  return { at, action: { ...place, header, value: new Uint8Array(), headers: {} } };
}

interface Parts {
  readonly kind: string | undefined;
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly deleteTo: string | undefined;
  readonly origin: string | undefined;
}

function headerOf({ kind, from, to, deleteTo, origin }: Parts): ActionHeader {
  const writer = { origin, version: undefined };
  if (kind === 'm') return { type: 'mark', id: 'm', ...writer };
  if (kind === 'p') return { type: 'purge', ...writer };
  if (kind === 'd') return { type: 'delete', to: SeqNr.of(Number(deleteTo)), ...writer };
  const range = { from: SeqNr.of(Number(from)), to: SeqNr.of(Number(to)) };
  return { type: 'append', range, payloadType: 'json', metadata: {}, ...writer };
}

function textOf(batch: Batch): string {
  const { offset } = batch.at;
  if (batch.type === 'appends') {
    const offsets = batch.records.map((record) => record.at.offset);
    expect(batch.records.every(({ action }) => Action.isAppend(action))).to.equal(true);
    return offsets.length === 1 && offsets[0] === offset
      ? `A${offset}`
      : `A${offset}{${offsets.join(',')}}`;
  }
  return batch.type === 'purge' ? `P${offset}` : `D${offset}→${batch.to}`;
}
