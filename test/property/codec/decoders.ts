import { readdirSync, readFileSync } from 'node:fs';
import { readDuration } from '../../../src/codec/duration-codec.ts';
import { parseJson, printJson } from '../../../src/codec/json/json.ts';
import {
  decodeActionHeader,
  encodeActionHeader,
} from '../../../src/codec/record/action-header-codec.ts';
import { decodeAction } from '../../../src/codec/record/action-record-codec.ts';
import {
  decodeEvents,
  encodeEvents,
  eventRecordsOf,
  replicatedEventsOf,
} from '../../../src/codec/record/events-codec.ts';
import { parseRecordMetadata } from '../../../src/codec/record/record-metadata-codec.ts';
import { ofStoredPayload } from '../../../src/codec/stored-payload-codec.ts';
import { decodeUtf8Lenient, decodeUtf8WithSurrogates } from '../../../src/codec/utf8.ts';
import type {
  ActionHeader,
  ActionRecord,
  AppendHeader,
  PayloadType,
} from '../../../src/model/action.ts';
import type { Event, Events } from '../../../src/model/event.ts';
import { Key } from '../../../src/model/key.ts';
import type { LogRecord } from '../../../src/model/log-record.ts';
import { JsonNumber } from '../../../src/model/payload.ts';
import { Offset, Partition, Topic } from '../../../src/model/position.ts';
import { SeqNr, type SeqRange } from '../../../src/model/seq-nr.ts';
import {
  decodePersistentBinary,
  encodePersistentBinary,
} from '../../../src/plugin/persistent-binary.ts';
import { decodePersistentRepr } from '../../../src/plugin/persistent-repr.ts';
import {
  decodeBatch,
  encodeBatch,
  recordBytes,
} from '../../../src/stores/sqlite/log/batch-codec.ts';

/** A decoder and whole inputs that it reads. */
export interface Decoder {
  readonly valid: readonly Buffer[];
  readonly decode: (input: Buffer) => unknown;
  /** True where an error must carry topic, partition and offset: where records are known. */
  readonly knowsPlace?: boolean;
}

const vectors = new URL('../../golden/vectors/', import.meta.url);
const files = (pattern: RegExp): Buffer[] =>
  readdirSync(vectors)
    .filter((file) => pattern.test(file))
    .map((file) => readFileSync(new URL(file, vectors)));

const data = { big: new JsonNumber('9007199254740993'), lone: '\ud83d', list: [1.5, -1e-9, null] };
const metadata = { expireAfter: { length: 90n, unit: 'minute' }, data } as const;
const header: AppendHeader = {
  type: 'append',
  range: { from: SeqNr.of(1), to: SeqNr.of(2 ** 53 - 2) },
  origin: 'node-😀',
  version: '1.0.0',
  payloadType: 'json',
  metadata: { data },
};
const plainHeader = { ...header, range: { from: SeqNr.of(1), to: SeqNr.of(2) }, metadata: {} };
const events: Events = [
  { seqNr: SeqNr.of(7), tags: ['a', 'ä'], payload: { type: 'json', value: data } },
  { seqNr: SeqNr.of(8), tags: [], payload: { type: 'text', value: 'é\x7f"\\' } },
  { seqNr: SeqNr.of(2 ** 53 - 3), tags: [], payload: undefined },
];
const bytes = { type: 'binary', value: Buffer.from([1, 2, 3]) } as const;
const last: Event = { seqNr: SeqNr.of(2 ** 53 - 2), tags: ['b'], payload: bytes };
const withBinary: Events = [...events, last];
const jsonValues = [encodeEvents(events, metadata).value, ...files(/^Payload-.*json$/)];
const binaryValues = [encodeEvents(withBinary, metadata).value, ...files(/^v\d-.*bin$/)];
const held = { ...plainHeader, tenure: { scope: 'é', of: Offset.of(41) } };
const waiting = { ...held, wake: 1_796_083_200_000 };
const opening: ActionHeader = {
  type: 'mark',
  id: 'm',
  origin: undefined,
  version: '1.0.0',
  opens: { scope: '', holder: 'h', address: '127.0.0.1:1' },
};
const headers = [
  ...[header, plainHeader, held, waiting, opening].map((one) =>
    Buffer.from(encodeActionHeader(one)),
  ),
  ...files(/^(Append|Delete|Mark|Purge)-.*json$/),
];
const place = { topic: Topic.of('journal'), partition: Partition.of(3), offset: Offset.of(41) };
const key = Key.of('journal', 'id');
const record: Omit<LogRecord, 'headers'> = {
  offset: place.offset,
  key: Buffer.from('id'),
  value: Buffer.from('x'),
  timestampMs: 0,
};
const records = [
  { ...record, headers: [['journal.action', Buffer.from('{"purge":{}}')] as const] },
  { ...record, key: undefined, value: undefined, timestampMs: undefined, headers: [] },
];
const writer = { manifest: 'm', writerUuid: 'w-1' };
const serialized = { serializerManifest: 'A', object: Buffer.from('hi') };
const envelopes = [4, 20, -1].map((serializer) =>
  encodePersistentBinary({ ...writer, serializer, ...serialized }),
);
const metadataTexts = ['{"header":{"data":1e30},"payload":{"expireAfter":"1 day"}}', '{"data":{}}'];
const durations = ['1.5 minutes', '30 days', '9223372036854775807 ns', '1 \u00b5s', '٣ h'];
const buffers = (texts: readonly string[]): Buffer[] => texts.map((text) => Buffer.from(text));

function eventsOf(
  payloadType: PayloadType,
  value: Buffer,
  decode: (record: ActionRecord) => unknown = eventRecordsOf,
): unknown {
  const range = rangeOf(payloadType, value);
  const named = { ...header, range, payloadType };
  return decode({ action: { key, timestampMs: 0, header: named, value, headers: {} }, at: place });
}

/** What the header of a value would say, as far as it can be told. */
function rangeOf(payloadType: PayloadType, value: Buffer): SeqRange {
  try {
    const { events: found } = decodeEvents(payloadType, value);
    return { from: found[0].seqNr, to: (found.at(-1) ?? found[0]).seqNr };
  } catch {
    return header.range;
  }
}

const actionOf = (parts: Partial<LogRecord>): unknown =>
  decodeAction(place.topic, place.partition, { ...record, headers: [], ...parts });

/** Every decoder that meets bytes of others. */
export const decoders: Readonly<Record<string, Decoder>> = {
  'the header of a record': {
    valid: headers,
    decode: (input) => decodeActionHeader(decodeUtf8Lenient(input)),
  },
  'a record by its header': {
    valid: headers,
    decode: (input) => actionOf({ headers: [['journal.action', input]] }),
    knowsPlace: true,
  },
  'a record by its user header and key': {
    valid: buffers(['trace-é', 'id']),
    decode: (input) =>
      actionOf({
        key: input,
        headers: [
          ['journal.action', headers[1] ?? input],
          ['t', input],
        ],
      }),
    knowsPlace: true,
  },
  'a conditional purge': {
    valid: buffers(['0', '41', '9007199254740991']),
    decode: (input) => {
      const purge = ['journal.action', Buffer.from('{"purge":{}}')] as const;
      return actionOf({ headers: [purge, ['journal.purge-only-at', input]] });
    },
    knowsPlace: true,
  },
  'events in JSON, v0 and v1': {
    valid: jsonValues,
    decode: (input) => decodeEvents('json', input),
  },
  'events in binary, v0 and v1': {
    valid: binaryValues,
    decode: (input) => decodeEvents('binary', input),
  },
  'the events of a record in JSON': {
    valid: jsonValues,
    decode: (input) => eventsOf('json', input),
    knowsPlace: true,
  },
  'the events of a record in JSON that are stored': {
    valid: jsonValues,
    decode: (input) => eventsOf('json', input, replicatedEventsOf),
    knowsPlace: true,
  },
  'the events of a record in binary': {
    valid: binaryValues,
    decode: (input) => eventsOf('binary', input),
    knowsPlace: true,
  },
  'a JSON text': {
    valid: buffers(['[{"a":9007199254740993,"b":[1.5e300,"\\ud83d"]},1e-7]', '{"x":{}}{"y":1}']),
    decode: (input) => printJson(parseJson(decodeUtf8WithSurrogates(input))),
  },
  'record metadata of the store': {
    valid: buffers(metadataTexts),
    decode: (input) => parseRecordMetadata(decodeUtf8Lenient(input)),
  },
  'a duration': {
    valid: buffers(durations),
    decode: (input) => readDuration(decodeUtf8Lenient(input)),
  },
  'a payload of the store': {
    valid: buffers(['json{"a":[1.5e3]}', 'text{"a"', 'jsonnull']),
    decode: (input) =>
      ofStoredPayload(input.toString('utf8', 0, 4), input.toString('utf8', 4), null),
  },
  'a persistent event in JSON': {
    valid: files(/^PersistentRepr.*json$/),
    decode: (input) =>
      decodePersistentRepr({ type: 'json', value: parseJson(decodeUtf8WithSurrogates(input)) }),
  },
  'a persistent event in binary': {
    valid: envelopes,
    decode: (value) => decodePersistentRepr({ type: 'binary', value }),
  },
  'the envelope of a persistent event': { valid: envelopes, decode: decodePersistentBinary },
  'a batch of the embedded log': { valid: [batchBody()], decode: batchOf },
};

function batchBody(): Buffer {
  const size = records.reduce((sum, one) => sum + recordBytes(one), 0);
  return Buffer.from(encodeBatch(records, size).body);
}

function batchOf(body: Buffer): unknown {
  const row = { first_offset: 0, last_offset: 1, keys: Buffer.alloc(8), body };
  return decodeBatch(row, 0, undefined);
}
