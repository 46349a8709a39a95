import { expect } from 'chai';
import {
  decodeActionHeader,
  encodeActionHeader,
} from '../../src/codec/record/action-header-codec.ts';
import { decodeEvents, encodeEvents } from '../../src/codec/record/events-codec.ts';
import type { ActionHeader } from '../../src/model/action.ts';
import { CodecError } from '../../src/model/errors.ts';
import type { Events } from '../../src/model/event.ts';
import { SeqNr } from '../../src/model/seq-nr.ts';
import { SerializedPayload } from '../../src/model/serialized-payload.ts';
import {
  decodePersistentBinary,
  encodePersistentBinary,
} from '../../src/plugin/persistent-binary.ts';
import { decodePersistentRepr, encodePersistentRepr } from '../../src/plugin/persistent-repr.ts';
import { asRead } from '../support/codec/as-read.ts';

// Dumps made with the JVM system; every byte counts.
const bytes = (hex: string): Buffer => Buffer.from(hex.replace(/\s/g, ''), 'hex');

describe('golden: worked headers (docs/format.md#header)', () => {
  const cases: Record<string, readonly [ActionHeader, string]> = {
    'append of 1..2': [
      {
        type: 'append',
        range: { from: SeqNr.of(1), to: SeqNr.of(2) },
        origin: 'node-1',
        version: '11.0.0',
        payloadType: 'json',
        metadata: {},
      },
      `7b22617070656e64223a7b2272616e67 65223a7b2266726f6d223a312c22746f
       223a327d2c226f726967696e223a226e 6f64652d31222c2276657273696f6e22
       3a2231312e302e30222c227061796c6f 616454797065223a226a736f6e222c22
       6d65746164617461223a7b7d7d7d`,
    ],
    mark: [
      {
        type: 'mark',
        id: '5a1f2f0e-3c1b-4c52-9d1c-6a3f2a7d9b10',
        origin: undefined,
        version: '11.0.0',
      },
      Buffer.from(
        '{"mark":{"id":"5a1f2f0e-3c1b-4c52-9d1c-6a3f2a7d9b10","version":"11.0.0"}}',
      ).toString('hex'),
    ],
    purge: [{ type: 'purge', origin: undefined, version: undefined }, '7b227075726765223a7b7d7d'],
  };
  for (const [name, [header, hex]] of Object.entries(cases)) {
    it(`${name} is read, and written byte for byte`, () => {
      const text = bytes(hex).toString();
      // Twice, because the second reading may take a shorter way.
      expect(decodeActionHeader(text)).to.deep.equal(header);
      expect(decodeActionHeader(text)).to.deep.equal(header);
      expect(encodeActionHeader(header)).to.equal(text);
    });
  }

  it('a delete up to 2^53+1 is refused by name, not rounded to 2^53', () => {
    const text = '{"delete":{"to":9007199254740993,"origin":"node-1","version":"11.0.0"}}';
    expect(Buffer.byteLength(text)).to.equal(71);
    expect(() => decodeActionHeader(text)).to.throw(CodecError, /delete\.to.*9007199254740993/);
  });
});

describe('golden: worked JSON values (docs/format.md#json-value)', () => {
  it('two events with tag, text and expiry are read, and written byte for byte', () => {
    const value = bytes(
      `7b226576656e7473223a5b7b22736571 4e72223a312c2274616773223a5b2274
       31225d2c227061796c6f616454797065 223a226a736f6e222c227061796c6f61
       64223a7b226e223a317d7d2c7b227365 714e72223a322c2274616773223a5b5d
       2c227061796c6f616454797065223a22 74657874222c227061796c6f6164223a
       22c3a9227d5d2c226d65746164617461 223a7b22657870697265416674657222
       3a223120646179227d7d`,
    );
    const events: Events = [
      { seqNr: SeqNr.of(1), tags: ['t1'], payload: { type: 'json', value: { n: 1 } } },
      { seqNr: SeqNr.of(2), tags: [], payload: { type: 'text', value: 'é' } },
    ];
    const metadata = { expireAfter: { length: 1n, unit: 'day' } } as const;
    expect(decodeEvents('json', value)).to.deep.equal({ events, metadata });
    expect(encodeEvents(events, metadata)).to.deep.equal({ payloadType: 'json', value });
  });

  it('a string event of a plugin is read, and written byte for byte', () => {
    const text =
      '{"events":[{"seqNr":1,"tags":[],"payloadType":"json","payload":{"manifest":"m1",' +
      '"writerUuid":"w-1","payloadType":"text","payload":"hi"}}],"metadata":{}}';
    expect(text).to.have.length(152);
    const envelope = { manifest: 'm1', writerUuid: 'w-1', payload: 'hi' };
    const payload = encodePersistentRepr(envelope);
    const { value } = encodeEvents([{ seqNr: SeqNr.of(1), tags: [], payload }], {});
    expect(value.toString()).to.equal(text);
    const { events } = decodeEvents('json', value);
    expect(decodePersistentRepr(events[0].payload ?? asRead(payload))).to.deep.equal(envelope);
  });
});

describe('golden: worked binary values (docs/format.md#binary-value)', () => {
  it('two events of version 1 are read, and written byte for byte', () => {
    const value = bytes(
      `01000000020000002000000000000000 070000000b000000016100000002c3a4
       0100000004deadbeef00000011000000 0000000008000000000000000000 7b22
       657870697265416674657222 3a223930 206d696e75746573227d`,
    );
    expect(value).to.have.length(90);
    const events: Events = [
      {
        seqNr: SeqNr.of(7),
        tags: ['a', 'ä'],
        payload: { type: 'binary', value: bytes('deadbeef') },
      },
      { seqNr: SeqNr.of(8), tags: [], payload: undefined },
    ];
    const metadata = { expireAfter: { length: 90n, unit: 'minute' } } as const;
    expect(decodeEvents('binary', value)).to.deep.equal({ events, metadata });
    expect(encodeEvents(events, metadata)).to.deep.equal({ payloadType: 'binary', value });
  });

  it('a version that is not known yet is read without its metadata', () => {
    const value = bytes('6400000001000000167fffffffffffffff00000005000000017803 00000000');
    const payload = { type: 'text', value: '' } as const;
    const events = [{ seqNr: SeqNr.max, tags: ['x'], payload }];
    expect(decodeEvents('binary', value)).to.deep.equal({ events, metadata: {} });
  });

  it('version 1 whose metadata is cut off is read with empty metadata', () => {
    const value = bytes(
      `01000000010000001f00000000000000 0100000000020000000e7b2261223a5b
       312c6e756c6c5d7d`,
    );
    const payload = { type: 'json', value: { a: [1, null] } } as const;
    const events = [{ seqNr: SeqNr.of(1), tags: [], payload }];
    expect(decodeEvents('binary', value)).to.deep.equal({ events, metadata: {} });
  });
});

describe('golden: worked persistent binaries (docs/format.md#persistent-binary)', () => {
  it('a string written by the JVM with a manifest is read', () => {
    const value = bytes('80000001369880000001bb96988000000a0000000000000001343480');
    const envelope = { manifest: 'm1', writerUuid: 'w-1', payload: 'hi' };
    expect(decodePersistentRepr({ type: 'binary', value })).to.deep.equal(envelope);
  });

  const worked = {
    '80000001369880000001bb96988000000a0000000000000001343480': {
      manifest: 'm1',
      writerUuid: 'w-1',
      serializer: 20,
      serializerManifest: '',
      object: bytes('6869'),
    },
    '00000001bb9698ffffffff80000000a08000000000': {
      manifest: '',
      writerUuid: 'w-1',
      serializer: -1,
      serializerManifest: 'A',
      object: bytes(''),
    },
  };
  for (const [hex, envelope] of Object.entries(worked)) {
    it(`the envelope of serializer ${envelope.serializer} is read, and written byte for byte`, () => {
      expect(decodePersistentBinary(bytes(hex))).to.deep.equal(envelope);
      expect(encodePersistentBinary(envelope).toString('hex')).to.equal(hex);
    });
  }

  it('an object of serializer -1 comes with id and manifest, for whoever has that serializer', () => {
    const value = bytes('00000001bb9698ffffffff80000000a08000000000');
    const payload = new SerializedPayload(-1, 'A', bytes(''));
    const read = decodePersistentRepr({ type: 'binary', value });
    expect(read).to.deep.equal({ manifest: '', writerUuid: 'w-1', payload });
  });
});
