import { expect } from 'chai';
import { decodeActionHeader, encodeActionHeader } from '../../../src/codec/action-header-codec.ts';
import { decodeAction } from '../../../src/codec/action-record-codec.ts';
import { readDuration } from '../../../src/codec/duration-codec.ts';
import { decodeEvents, encodeEvents } from '../../../src/codec/events-codec.ts';
import { parseJson } from '../../../src/codec/json.ts';
import { parseRecordMetadata } from '../../../src/codec/record-metadata-codec.ts';
import { ofStoredPayload } from '../../../src/codec/stored-payload-codec.ts';
import { decodeUtf8Lenient } from '../../../src/codec/utf8.ts';
import type { AppendHeader } from '../../../src/model/action.ts';
import { CodecError } from '../../../src/model/errors.ts';
import type { Events } from '../../../src/model/event.ts';
import { JsonNumber } from '../../../src/model/payload.ts';
import { Offset, Partition, Topic } from '../../../src/model/position.ts';
import { SeqNr } from '../../../src/model/seq-nr.ts';
import { decodePersistentRepr, encodePersistentRepr } from '../../../src/plugin/persistent-repr.ts';
import { numbersOf, seed } from './seed.ts';

/** Mutations per decoder; together some 20,000 a run. */
const rounds = 2200;
/** No mutation may take longer: a decoder's work is bounded by its input. */
const maxMillis = 2000;

const numbers = numbersOf(seed);
/** Bytes that mean something to a decoder. */
const telling = [0x00, 0x01, 0x7f, 0x80, 0xff, 0xed, 0xa0, ...Buffer.from('{}[]":,\\0159eE+-.ux')];

/** One to four small changes. */
function mutate(bytes: Buffer): Buffer {
  let mutated: Buffer = Buffer.from(bytes);
  for (let changes = 1 + numbers(4); changes > 0; changes--) mutated = change(mutated);
  return mutated;
}

function change(bytes: Buffer): Buffer {
  const at = numbers(bytes.length + 1);
  const head = bytes.subarray(0, at);
  const length = numbers(9);
  switch (numbers(5)) {
    case 0:
      return Buffer.concat([head, Buffer.from([oneOf(telling)]), bytes.subarray(at + 1)]);
    case 1:
      return Buffer.concat([head, Buffer.from([oneOf(telling)]), bytes.subarray(at)]);
    case 2:
      return Buffer.concat([head, bytes.subarray(at + length)]);
    case 3:
      return Buffer.concat([head, bytes.subarray(at, at + length), bytes.subarray(at)]);
    default:
      return numbers(4) === 0 ? Buffer.from(head) : flip(bytes, at);
  }
}

function flip(bytes: Buffer, at: number): Buffer {
  const flipped = Buffer.from(bytes);
  const byte = flipped[at];
  if (byte !== undefined) flipped[at] = byte ^ (1 << numbers(8));
  return flipped;
}

function oneOf<T>(choices: readonly T[]): T {
  return choices[numbers(choices.length)] as T;
}

const data = { big: new JsonNumber('9007199254740993'), lone: '\ud83d', list: [1.5, -1e-9, null] };
const metadata = { expireAfter: { length: 90n, unit: 'minute' }, data } as const;
const header: AppendHeader = {
  type: 'append',
  range: { from: SeqNr.of(1), to: SeqNr.max },
  origin: 'node-😀',
  version: '1.0.0',
  payloadType: 'json',
  metadata: { data },
};
const events: Events = [
  { seqNr: SeqNr.of(7), tags: ['a', 'ä'], payload: { type: 'json', value: data } },
  { seqNr: SeqNr.of(8), tags: [], payload: { type: 'text', value: 'é\x7f"\\' } },
  { seqNr: SeqNr.max, tags: [], payload: undefined },
];
const bytes = { type: 'binary', value: Buffer.from([1, 2, 3]) } as const;
const withBinary: Events = [...events, { seqNr: SeqNr.of(9), tags: ['b'], payload: bytes }];
const headerText = encodeActionHeader(header);
const plainHeaderText = encodeActionHeader({
  ...header,
  range: { from: SeqNr.of(1), to: SeqNr.of(2) },
  metadata: {},
});
const payload = Uint8Array.from([1, 2, 3]);
const envelope = encodePersistentRepr({ manifest: 'm', writerUuid: 'w', payload });
const topic = Topic.of('journal');

const decoders: Record<string, readonly [Buffer, (input: Buffer) => unknown]> = {
  'a JSON value': [encodeEvents(events, metadata).value, (input) => decodeEvents('json', input)],
  'a binary value': [
    encodeEvents(withBinary, metadata).value,
    (input) => decodeEvents('binary', input),
  ],
  'a header': [Buffer.from(headerText), (input) => decodeActionHeader(decodeUtf8Lenient(input))],
  'a plain header': [
    Buffer.from(plainHeaderText),
    (input) => decodeActionHeader(decodeUtf8Lenient(input)),
  ],
  'a record': [
    Buffer.from(headerText),
    (input) => decodeAction(topic, Partition.of(0), recordOf(input)),
  ],
  'a JSON text': [
    Buffer.from(JSON.stringify([data, 1e300])),
    (input) => parseJson(decodeUtf8Lenient(input)),
  ],
  'record metadata': [
    Buffer.from('{"header":{"data":1e30},"payload":{"expireAfter":"1 day"}}'),
    (input) => parseRecordMetadata(decodeUtf8Lenient(input)),
  ],
  'a duration': [Buffer.from('1.5 minutes'), (input) => readDuration(decodeUtf8Lenient(input))],
  'a stored payload': [
    Buffer.from('json{"a":[1.5e3]}'),
    (input) => ofStoredPayload(input.subarray(0, 4).toString(), input.subarray(4).toString(), null),
  ],
  'a persistent event': [
    envelope.type === 'binary' ? Buffer.from(envelope.value) : Buffer.alloc(0),
    (value) => decodePersistentRepr({ type: 'binary', value }),
  ],
};

function recordOf(input: Buffer) {
  const headers = [
    ['journal.action', input],
    ['trace', input.subarray(0, 3)],
  ] as const;
  return { offset: Offset.of(0), key: input, value: input, timestampMs: 0, headers };
}

describe(`property: mutated input gives a value or a CodecError, soon (seed ${seed})`, () => {
  for (const [name, [valid, decode]] of Object.entries(decoders)) {
    it(`for ${name}`, () => {
      expect(() => decode(valid)).not.to.throw();
      const outcomes = { value: 0, error: 0 };
      for (let round = 0; round < rounds; round++) outcomes[outcomeOf(decode, mutate(valid))]++;
      // Both must happen, or the mutations prove nothing.
      expect(outcomes.value).to.be.greaterThan(0);
      expect(outcomes.error).to.be.greaterThan(0);
    }).timeout(30_000);
  }
});

function outcomeOf(decode: (input: Buffer) => unknown, input: Buffer): 'value' | 'error' {
  const start = performance.now();
  const outcome = runOf(decode, input);
  if (performance.now() - start < maxMillis) return outcome;
  throw new Error(`input ${input.toString('hex')} takes more than ${maxMillis} ms`);
}

function runOf(decode: (input: Buffer) => unknown, input: Buffer): 'value' | 'error' {
  try {
    decode(input);
    return 'value';
  } catch (error) {
    if (error instanceof CodecError) return 'error';
    throw new Error(`input ${input.toString('hex')} must give a CodecError`, { cause: error });
  }
}
