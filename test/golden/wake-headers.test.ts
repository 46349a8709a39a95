import { expect } from 'chai';
import {
  decodeActionHeader,
  encodeActionHeader,
} from '../../src/codec/record/action-header-codec.ts';
import type { AppendHeader } from '../../src/model/action.ts';
import { CodecError, InvalidInputError } from '../../src/model/errors.ts';
import { Offset } from '../../src/model/position.ts';
import { SeqNr } from '../../src/model/seq-nr.ts';
import type { Wake } from '../../src/model/wake-up.ts';

const writer = { origin: 'node-1', version: '12.0.0' } as const;
const range = { from: SeqNr.of(1), to: SeqNr.of(2) };
const body = { type: 'append', range, payloadType: 'json', metadata: {} } as const;
const tenure = { scope: '', of: Offset.of(7) };

/** Header and text (docs/format.md#header); written by hand from the format, 30 November 2026. */
const golden: readonly (readonly [AppendHeader, string])[] = [
  [
    { ...body, ...writer, tenure, wake: 1_796_083_200_000 },
    '{"append":{"range":{"from":1,"to":2},"wake":1796083200000,"origin":"node-1","version":"12.0.0","tenure":{"scope":"","of":7},"payloadType":"json","metadata":{}}}',
  ],
  [
    { ...body, ...writer, wake: 'now' },
    '{"append":{"range":{"from":1,"to":2},"wake":"now","origin":"node-1","version":"12.0.0","payloadType":"json","metadata":{}}}',
  ],
  [
    { ...body, origin: undefined, version: undefined, wake: 'none' },
    '{"append":{"range":{"from":1,"to":2},"wake":"none","payloadType":"json","metadata":{}}}',
  ],
  [
    { ...body, ...writer, wake: 0 },
    '{"append":{"range":{"from":1,"to":2},"wake":0,"origin":"node-1","version":"12.0.0","payloadType":"json","metadata":{}}}',
  ],
  [
    { ...body, ...writer, metadata: { data: { a: 1 } }, wake: 8.64e15 },
    '{"append":{"range":{"from":1,"to":2},"wake":8640000000000000,"origin":"node-1","version":"12.0.0","payloadType":"json","metadata":{"data":{"a":1}}}}',
  ],
  [
    { ...body, ...writer },
    '{"append":{"range":{"from":1,"to":2},"origin":"node-1","version":"12.0.0","payloadType":"json","metadata":{}}}',
  ],
];

describe('golden: headers with wake-ups (docs/format.md#wake-ups)', () => {
  it('writes these bytes, and reads them back, whatever was read before', () => {
    for (const [header, text] of [...golden, ...golden.toReversed(), ...golden]) {
      expect(encodeActionHeader(header)).to.equal(text);
      expect(decodeActionHeader(text)).to.deep.equal(header);
    }
  });

  it('gives each append of one writer its own wake-up', () => {
    for (const wake of [5, 0, 'none', 1_796_083_200_001, 'now', undefined, 8.64e15] as const) {
      const header = { ...body, ...writer, ...(wake === undefined ? {} : { wake }) };
      expect(decodeActionHeader(encodeActionHeader(header))).to.deep.equal(header);
    }
  });

  it('takes null for absent, and any place among the members', () => {
    const plain = { range, payloadType: 'json', metadata: {} };
    const read = (append: object) => decodeActionHeader(JSON.stringify({ append }));
    expect(read({ ...plain, wake: null })).to.deep.equal(read(plain));
    expect(read({ ...plain, wake: 'now' })).to.deep.include({ wake: 'now' });
  });

  const wrong: readonly unknown[] = ['', 'Now', '5', -1, 1.5, 8.64e15 + 1, 2 ** 53, {}, [], true];

  it('refuses anything else by name, on read and on write, however often its writer was read', () => {
    for (const wake of wrong) {
      decodeActionHeader(encodeActionHeader({ ...body, ...writer, wake: 5 }));
      const shown = JSON.stringify(wake);
      const text = `{"append":{"range":{"from":1,"to":2},"wake":${shown},"origin":"node-1","version":"12.0.0","payloadType":"json","metadata":{}}}`;
      expect(() => decodeActionHeader(text), shown).to.throw(CodecError, 'append.wake must be');
      const header = { ...body, ...writer, wake: wake as Wake };
      expect(() => encodeActionHeader(header), shown)
        .to.throw(InvalidInputError, 'append.wake must be')
        .with.property('path', 'append.wake');
    }
  });

  it('refuses what is no JSON after it', () => {
    decodeActionHeader(encodeActionHeader({ ...body, ...writer, wake: 5 }));
    const start = '{"append":{"range":{"from":1,"to":2},"wake":';
    for (const rest of ['', '5', '"now"', '05,"payloadType":"json","metadata":{}}}', ',}}']) {
      expect(() => decodeActionHeader(start + rest), rest).to.throw(CodecError);
    }
  });
});
