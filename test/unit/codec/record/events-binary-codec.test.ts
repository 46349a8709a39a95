import { expect } from 'chai';
import {
  decodeBinaryEvents,
  encodeBinaryEvents,
} from '../../../../src/codec/record/events-binary-codec.ts';
import { CodecError, InvalidInputError } from '../../../../src/model/errors.ts';
import type { Event } from '../../../../src/model/event.ts';
import type { Payload } from '../../../../src/model/payload.ts';
import { JsonNumber } from '../../../../src/model/payload.ts';
import { SeqNr } from '../../../../src/model/seq-nr.ts';

const one = (payload: Payload | undefined, tags: readonly string[] = []): readonly [Event] => [
  { seqNr: SeqNr.of(1), tags, payload },
];
const bytes = (hex: string): Buffer => Buffer.from(hex.replace(/\s/g, ''), 'hex');
const seqNr1 = '0000000000000001';
/** A value of one event, whose size is counted here. */
function valueWith(event: string, rest = '', version = '01'): Buffer {
  const size = Buffer.alloc(4);
  size.writeInt32BE(bytes(event).length);
  return Buffer.concat([bytes(`${version}00000001`), size, bytes(event), Buffer.from(rest)]);
}

describe('encodeBinaryEvents (docs/format.md#binary-value)', () => {
  it('writes and reads every kind of payload', () => {
    const payloads: readonly (Payload | undefined)[] = [
      undefined,
      { type: 'binary', value: Buffer.from([0, 255]) },
      { type: 'binary', value: Buffer.alloc(0) },
      { type: 'json', value: null },
      { type: 'json', value: { big: new JsonNumber('9007199254740993') } },
      { type: 'text', value: '\ufeffé😀' },
    ];
    for (const payload of payloads) {
      const value = encodeBinaryEvents(one(payload, ['a', 'ä']), { data: 1 });
      const decoded = decodeBinaryEvents(value);
      expect(decoded).to.deep.equal({ events: one(payload, ['a', 'ä']), metadata: { data: 1 } });
    }
  });

  it('writes numbers beyond 32 bits, and "no upper bound" as 2^63-1', () => {
    const numbers = [2 ** 32 - 1, 2 ** 32, 2 ** 53 - 2, SeqNr.max].map((one) => SeqNr.of(one));
    for (const seqNr of numbers) {
      const value = encodeBinaryEvents([{ seqNr, tags: [], payload: undefined }], {});
      const wire = seqNr === SeqNr.max ? 2n ** 63n - 1n : BigInt(seqNr);
      expect(value.readBigInt64BE(9)).to.equal(wire);
      expect(decodeBinaryEvents(value).events[0].seqNr).to.equal(seqNr);
    }
  });

  it('refuses text and tags with an unpaired surrogate', () => {
    const text = one({ type: 'text', value: '\ud800' });
    expect(() => encodeBinaryEvents(text, {})).to.throw(InvalidInputError, /text payload/);
    expect(() => encodeBinaryEvents(one(undefined, ['\ud800']), {})).to.throw(
      InvalidInputError,
      /tag/,
    );
  });
});

describe('decodeBinaryEvents (docs/format.md#binary-value)', () => {
  const plain = `${seqNr1} 00000000 00 00000000`;

  it('drops metadata that is malformed, and keeps the events', () => {
    for (const rest of [
      '',
      '{',
      '{}x',
      'null',
      '[]',
      '1',
      '{"expireAfter":"soon"}',
      '{"a":1e9999}',
    ]) {
      expect(decodeBinaryEvents(valueWith(plain, rest)), rest).to.deep.equal({
        events: one(undefined),
        metadata: {},
      });
    }
  });

  it('drops metadata that is malformed UTF-8', () => {
    const value = Buffer.concat([valueWith(plain), Buffer.from([0x7b, 0xff, 0x7d])]);
    expect(decodeBinaryEvents(value).metadata).to.deep.equal({});
  });

  it('reads metadata of version 1 only', () => {
    const metadataOf = (version: string): unknown =>
      decodeBinaryEvents(valueWith(plain, '{"data":1}', version)).metadata;
    expect(metadataOf('01')).to.deep.equal({ data: 1 });
    expect(metadataOf('00')).to.deep.equal({});
    expect(metadataOf('02')).to.deep.equal({});
  });

  it('ignores bytes of an event after its payload, and the content of kind 0', () => {
    expect(decodeBinaryEvents(valueWith(`${plain} ffff`)).events).to.deep.equal(one(undefined));
    const filled = valueWith(`${seqNr1} 00000000 00 00000002 ffff`);
    expect(decodeBinaryEvents(filled).events).to.deep.equal(one(undefined));
  });

  for (const size of ['ffffffff', 'fffffffe', '80000000']) {
    it(`reads a payload size, tags size or tag length of ${size} as 0`, () => {
      const eventsOf = (hex: string) => decodeBinaryEvents(valueWith(seqNr1 + hex)).events;
      const text = { type: 'text', value: '' } as const;
      expect(eventsOf(`00000000 03 ${size} 6162`)).to.deep.equal(one(text));
      expect(eventsOf(`${size} 00 00000000`)).to.deep.equal(one(undefined));
      expect(eventsOf(`00000004 ${size} 00 00000000`)).to.deep.equal(one(undefined, ['']));
      expect(eventsOf(`00000009 ${size} 00000001 61 00 00000000`)).to.deep.equal(
        one(undefined, ['', 'a']),
      );
    });
  }

  it('refuses an empty JSON payload of negative size as one of size 0', () => {
    const value = valueWith(`${seqNr1} 00000000 02 ffffffff 7b7d`);
    expect(() => decodeBinaryEvents(value)).to.throw(CodecError);
  });

  const metadataTexts: Record<string, object> = {
    ' { } ': {},
    '{"data":1,"more":2}': { data: 1 },
    '{"expireAfter":null,"data":null}': {},
    '\ufeff{"data":1}': { data: 1 },
    '{"data":1}{}': { data: 1 },
    '{"data":1}x': {},
    '[]': {},
    null: {},
    '{"data":1,"expireAfter":"soon"}': {},
    '{"data":1,"expireAfter":1.5}': {},
    '{"expireAfter":2.0e0}': { expireAfter: { length: 2n, unit: 'millisecond' } },
    '{"data":': {},
  };
  for (const [text, metadata] of Object.entries(metadataTexts)) {
    it(`reads the metadata ${JSON.stringify(text)} as the JVM does`, () => {
      const value = Buffer.concat([bytes(`01 00000001 00000011 ${plain}`), Buffer.from(text)]);
      expect(decodeBinaryEvents(value)).to.deep.equal({ events: one(undefined), metadata });
    });
  }

  it('drops metadata of malformed UTF-8, and keeps the events', () => {
    const value = bytes(`01 00000001 00000011 ${plain} 7b2264617461223a22ff227d`);
    expect(decodeBinaryEvents(value)).to.deep.equal({ events: one(undefined), metadata: {} });
  });

  it('reads equal tags as one', () => {
    const tag = '00000001 61';
    const value = valueWith(`${seqNr1} 0000000a ${tag} ${tag} 00 00000000`);
    expect(decodeBinaryEvents(value).events).to.deep.equal(one(undefined, ['a']));
  });

  const broken: Record<string, Buffer> = {
    'no byte': Buffer.alloc(0),
    'a version alone': bytes('01'),
    'a count of 0': bytes(`01 00000000 00000011 ${plain}`),
    'a count of -1': bytes(`01 ffffffff 00000011 ${plain}`),
    'a count beyond the value': bytes(`01 7fffffff 00000011 ${plain}`),
    'an event size of -1': bytes(`01 00000001 ffffffff ${plain}`),
    'an event size beyond the value': bytes(`01 00000001 00000012 ${plain}`),
    'an event size too small': bytes(`01 00000001 00000010 ${plain}`),
    'number 0': valueWith(`0000000000000000 00000000 00 00000000`),
    'number -1': valueWith(`ffffffffffffffff 00000000 00 00000000`),
    'number 2^53-1': valueWith(`001fffffffffffff 00000000 00 00000000`),
    'number 2^63-2': valueWith(`7ffffffffffffffe 00000000 00 00000000`),
    'an event size of -2^31': bytes(`01 00000001 80000000 ${plain}`),
    'a tags size beyond the event': valueWith(`${seqNr1} 00000009 00 00000000`),
    'a tag beyond the tags': valueWith(`${seqNr1} 00000005 00000002 61 00 00000000`),
    'a tag length cut short': valueWith(`${seqNr1} 00000007 00000001 61 0000 00 00000000`),
    'a tag of 2^31-1 bytes': valueWith(`${seqNr1} 00000004 7fffffff 00 00000000`),
    'a tags size of 2^31-1': valueWith(`${seqNr1} 7fffffff 00 00000000`),
    'a tag with a surrogate in UTF-8': valueWith(`${seqNr1} 00000007 00000003 eda080 00 00000000`),
    'a tag of malformed UTF-8': valueWith(`${seqNr1} 00000005 00000001 ff 00 00000000`),
    'an unknown kind': valueWith(`${seqNr1} 00000000 04 00000000`),
    'a payload size of 2^31-1': valueWith(`${seqNr1} 00000000 01 7fffffff`),
    'a payload of kind 0 beyond the event': valueWith(`${seqNr1} 00000000 00 00000001`),
    'kind 255': valueWith(`${seqNr1} 00000000 ff 00000000`),
    'a payload beyond the event': valueWith(`${seqNr1} 00000000 01 00000001`),
    'a text of malformed UTF-8': valueWith(`${seqNr1} 00000000 03 00000001 ff`),
    'a JSON payload that is none': valueWith(`${seqNr1} 00000000 02 00000001 7b`),
    'an empty JSON payload': valueWith(`${seqNr1} 00000000 02 00000000`),
  };
  for (const [name, value] of Object.entries(broken)) {
    it(`refuses ${name}`, () => {
      expect(() => decodeBinaryEvents(value)).to.throw(CodecError);
    });
  }
});
