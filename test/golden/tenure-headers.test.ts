import { expect } from 'chai';
import {
  decodeActionHeader,
  encodeActionHeader,
} from '../../src/codec/record/action-header-codec.ts';
import type { ActionHeader } from '../../src/model/action.ts';
import { Offset } from '../../src/model/position.ts';
import { SeqNr } from '../../src/model/seq-nr.ts';

const writer = { origin: 'node-1', version: '11.0.0' };
const nobody = { origin: undefined, version: undefined };
const tenure = { scope: 'päy', of: Offset.of(9_007_199_254_740_991) };
const holder = '5a1f2f0e-3c1b-4c52-9d1c-6a3f2a7d9b10';
const range = { from: SeqNr.of(1), to: SeqNr.of(2) };
const body = { type: 'append', range, payloadType: 'json', metadata: {} } as const;

/** Every byte counts: what was written once is read for ever. */
const cases: Readonly<Record<string, readonly [ActionHeader, string]>> = {
  append: [
    { ...body, ...writer, tenure },
    '{"append":{"range":{"from":1,"to":2},"origin":"node-1","version":"11.0.0","tenure":{"scope":"päy","of":9007199254740991},"payloadType":"json","metadata":{}}}',
  ],
  'append without origin and version': [
    { ...body, ...nobody, tenure: { scope: '', of: Offset.of(0) } },
    '{"append":{"range":{"from":1,"to":2},"tenure":{"scope":"","of":0},"payloadType":"json","metadata":{}}}',
  ],
  delete: [
    { type: 'delete', to: SeqNr.of(3), ...writer, tenure },
    '{"delete":{"to":3,"origin":"node-1","version":"11.0.0","tenure":{"scope":"päy","of":9007199254740991}}}',
  ],
  purge: [
    { type: 'purge', ...writer, tenure },
    '{"purge":{"origin":"node-1","version":"11.0.0","tenure":{"scope":"päy","of":9007199254740991}}}',
  ],
  'purge without origin and version': [
    { type: 'purge', ...nobody, tenure: { scope: '', of: Offset.of(12) } },
    '{"purge":{"tenure":{"scope":"","of":12}}}',
  ],
  'opening mark': [
    { type: 'mark', id: 'm', ...writer, opens: { scope: '', holder, address: '10.0.0.7:8558' } },
    `{"mark":{"id":"m","origin":"node-1","version":"11.0.0","tenure":{"scope":"","holder":"${holder}","address":"10.0.0.7:8558"}}}`,
  ],
  'opening mark without address': [
    { type: 'mark', id: 'm', ...nobody, opens: { scope: 'päy', holder, address: undefined } },
    `{"mark":{"id":"m","tenure":{"scope":"päy","holder":"${holder}"}}}`,
  ],
};

describe('golden: headers with tenures (docs/format.md#tenures)', () => {
  for (const [name, [header, text]] of Object.entries(cases)) {
    it(`${name} is read, and written byte for byte`, () => {
      expect(encodeActionHeader(header)).to.equal(text);
      // Twice, because the second reading may take a shorter way.
      expect(decodeActionHeader(text)).to.deep.equal(header);
      expect(decodeActionHeader(text)).to.deep.equal(header);
    });
  }
});
