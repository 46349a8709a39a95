import { expect } from 'chai';
import {
  decodeJsonEvents,
  encodeJsonEvents,
} from '../../../../src/codec/record/events-json-codec.ts';
import { CodecError } from '../../../../src/model/errors.ts';
import type { Event, Events } from '../../../../src/model/event.ts';
import type { JsonValue, Payload } from '../../../../src/model/payload.ts';
import { JsonNumber } from '../../../../src/model/payload.ts';
import { SeqNr } from '../../../../src/model/seq-nr.ts';

const one = (payload: Payload | undefined, tags: readonly string[] = []): readonly [Event] => [
  { seqNr: SeqNr.of(1), tags, payload },
];
const print = (events: Events): string => encodeJsonEvents(events, {}).toString();
const read = (text: string) => decodeJsonEvents(Buffer.from(text));
const readEvent = (text: string): Event => read(`{"events":[${text}]}`).events[0];

describe('encodeJsonEvents (docs/format.md#json-value)', () => {
  it('omits payload and its type when there is none', () => {
    expect(print(one(undefined))).to.equal('{"events":[{"seqNr":1,"tags":[]}],"metadata":{}}');
  });

  it('writes the json payload null as null, which reads back as none', () => {
    const text = print(one({ type: 'json', value: null }));
    expect(text).to.include('"payloadType":"json","payload":null');
    expect(read(text).events).to.deep.equal(one(undefined));
  });

  it('writes the members of its metadata in order, the absent ones not at all', () => {
    const expireAfter = { length: 24n, unit: 'hour' } as const;
    const written = (metadata: object): string =>
      encodeJsonEvents(one(undefined), metadata).toString().split('"metadata":')[1] ?? '';
    expect(written({ data: [1], expireAfter })).to.equal('{"expireAfter":"24 hours","data":[1]}}');
    expect(written({ data: [1] })).to.equal('{"data":[1]}}');
  });

  it('writes equal tags once', () => {
    expect(print(one(undefined, ['a', 'b', 'a']))).to.include('"tags":["a","b"]');
  });

  it('escapes all surrogates of the value when one payload holds a lone one', () => {
    const events: Events = [
      ...one({ type: 'text', value: '😀' }),
      { seqNr: SeqNr.of(2), tags: ['😀'], payload: { type: 'json', value: '\ud83d' } },
    ];
    const text = print(events);
    expect(text).to.match(/^\p{ASCII}*$/u);
    expect(read(text).events).to.deep.equal(events);
  });

  it('keeps the digits of a payload through read and write', () => {
    const value: JsonValue = { amount: new JsonNumber('0.12345678901234567890123') };
    const text = print(one({ type: 'json', value }));
    expect(text).to.include('{"amount":0.12345678901234567890123}');
    expect(print(read(text).events)).to.equal(text);
  });
});

describe('decodeJsonEvents (docs/format.md#json-value)', () => {
  it('reads the explicit nulls of the circe writer', () => {
    const text =
      '{"events":[{"seqNr":1,"tags":[],"payloadType":null,"payload":null}],' +
      '"metadata":{"expireAfter":null,"data":null}}';
    expect(read(text)).to.deep.equal({ events: one(undefined), metadata: {} });
  });

  it('takes a payload without type for json', () => {
    expect(readEvent('{"seqNr":1,"tags":[],"payload":{"a":1}}').payload).to.deep.equal({
      type: 'json',
      value: { a: 1 },
    });
  });

  it('takes metadata that is absent or null for empty', () => {
    for (const rest of ['', ',"metadata":null', ',"metadata":{}']) {
      expect(read(`{"events":[{"seqNr":1,"tags":[]}]${rest}}`).metadata).to.deep.equal({});
    }
  });

  it('reads equal tags as one', () => {
    expect(readEvent('{"seqNr":1,"tags":["a","b","a"]}').tags).to.deep.equal(['a', 'b']);
  });

  it('reads 2^63-1 as "no upper bound"', () => {
    expect(readEvent('{"seqNr":9223372036854775807,"tags":[]}').seqNr).to.equal(SeqNr.max);
  });

  it('reads a byte-order mark, and surrogates coded one by one', () => {
    const event = '{"seqNr":1,"tags":[],"payload":"?"}';
    const bytes = Buffer.from(`\ufeff{"events":[${event}]}{}`, 'utf8');
    const at = bytes.indexOf('?');
    const coded = Buffer.from([0xed, 0xa0, 0x80]);
    const value = Buffer.concat([bytes.subarray(0, at), coded, bytes.subarray(at + 1)]);
    const payload = { type: 'json', value: '\ud800' } as const;
    expect(decodeJsonEvents(value).events).to.deep.equal(one(payload));
  });

  const broken: Record<string, RegExp> = {
    '': /malformed JSON/,
    '[]': /must be an object/,
    '{}': /events must be an array/,
    '{"events":{}}': /events must be an array/,
    '{"events":[]}': /must not be empty/,
    '{"events":[1]}': /an event must be an object/,
    '{"events":[{"tags":[]}]}': /seqNr/,
    '{"events":[{"seqNr":0,"tags":[]}]}': /seqNr/,
    '{"events":[{"seqNr":"1","tags":[]}]}': /seqNr/,
    '{"events":[{"seqNr":9007199254740993,"tags":[]}]}': /seqNr.*9007199254740993/,
    '{"events":[{"seqNr":1}]}': /tags must/,
    '{"events":[{"seqNr":1,"tags":null}]}': /tags must/,
    '{"events":[{"seqNr":1,"tags":[1]}]}': /tag must/,
    '{"events":[{"seqNr":1,"tags":[],"payloadType":"binary","payload":"x"}]}': /payloadType/,
    '{"events":[{"seqNr":1,"tags":[],"payloadType":"binary"}]}': /payloadType/,
    '{"events":[{"seqNr":1,"tags":[],"payloadType":"text","payload":1}]}': /text event/,
    '{"events":[{"seqNr":1,"tags":[]}],"metadata":1}': /metadata/,
    '{"events":[{"seqNr":1,"tags":[]}],"metadata":{"expireAfter":"soon"}}': /soon/,
    '{"events":[{"seqNr":1,"tags":[]}]}x': /malformed JSON/,
  };
  for (const [text, message] of Object.entries(broken)) {
    it(`refuses ${text || 'an empty value'}`, () => {
      expect(() => read(text)).to.throw(CodecError, message);
    });
  }

  it('refuses malformed UTF-8', () => {
    expect(() => decodeJsonEvents(Uint8Array.from([0x22, 0xff, 0x22]))).to.throw(
      CodecError,
      /UTF-8/,
    );
  });
});
