import { parsePlainJson } from '../../codec/json/plain-json.ts';
import {
  parseRecordMetadata,
  printRecordMetadata,
} from '../../codec/record/record-metadata-codec.ts';
import { noEventHas } from '../../codec/record/seq-nr-codec.ts';
import { ofStoredPayload, toStoredPayload } from '../../codec/stored-payload-codec.ts';
import { CodecError } from '../../model/errors.ts';
import type { Event, Headers, RecordInfo, ReplicatedEvent } from '../../model/event.ts';
import type { Key } from '../../model/key.ts';
import { RecordMetadata } from '../../model/record-metadata.ts';
import { SeqNr } from '../../model/seq-nr.ts';
import type { StoredEvent } from '../../ports/eventual-journal.ts';
import { integerOf, offsetOf, partitionOf, seqNrOf, textOf } from './journal-cells.ts';

/** A row of `event` in the order of `eventColumns` (docs/format.md#relational-tables). */
export type EventCells = readonly [
  seqNr: number,
  timestamp: number,
  partition: number,
  offset: number,
  origin: string | null,
  version: string | null,
  metadata: string | null,
  headers: string | null,
  tags: string | null,
  payloadType: string | null,
  payloadText: string | null,
  payloadBytes: Uint8Array | null,
];

/** The columns of `event` after `journal`, with the types that a server has to be given. */
export const eventColumns = [
  ['seq_nr', 'bigint'],
  ['timestamp', 'bigint'],
  ['partition', 'integer'],
  ['"offset"', 'bigint'],
  ['origin', 'text'],
  ['version', 'text'],
  ['metadata', 'text'],
  ['headers', 'text'],
  ['tags', 'text'],
  ['payload_type', 'text'],
  ['payload_txt', 'text'],
  ['payload_bin', 'bytea'],
] as const;

/** The names of {@link eventColumns}, as a statement lists them. */
export const eventColumnNames = eventColumns.map(([name]) => name).join(', ');

const noTags: readonly string[] = Object.freeze([]);
const noHeaders: Headers = Object.freeze({});

/**
 * @throws {InvalidInputError} JSON cannot hold the payload or the metadata
 */
export function eventCells({ event, record }: ReplicatedEvent): EventCells {
  const { payloadType, text, bytes } = toStoredPayload(event.payload);
  const { metadata, headers, at, origin, version } = record;
  return [
    event.seqNr,
    record.timestampMs,
    at.partition,
    at.offset,
    origin ?? null,
    version ?? null,
    metadata === RecordMetadata.empty ? null : printRecordMetadata(metadata),
    isEmpty(headers) ? null : JSON.stringify(headers),
    event.tags.length === 0 ? null : JSON.stringify(event.tags),
    payloadType ?? null,
    text ?? null,
    bytes ?? null,
  ];
}

/** Decodes the rows of one read in order; the events of one record share what it says. */
export class EventRows {
  readonly #key: Key;
  #record: RecordInfo | undefined;
  /** What is being decoded, for errors. */
  #column = '';

  constructor(key: Key) {
    this.#key = key;
  }

  /**
   * @throws {CodecError} naming topic, id, seqNr, table and column
   */
  decode(rows: readonly EventCells[], recordId: string | undefined): StoredEvent[] {
    const events: StoredEvent[] = [];
    for (const row of rows) {
      try {
        events.push({ event: this.#eventOf(row), record: this.#recordOf(row), recordId });
      } catch (cause) {
        const { topic, id } = this.#key;
        const named = cause instanceof CodecError ? cause.place.column : undefined;
        const place = { topic, id, seqNr: Number(row[0]), table: 'event' };
        const column = named ?? this.#column;
        throw new CodecError('a row of event cannot be decoded', {
          cause,
          place: { ...place, column },
        });
      }
    }
    return events;
  }

  #eventOf(row: EventCells): Event {
    const [seqNr, , , , , , , , tags, type, text, bytes] = row;
    if (seqNr >= SeqNr.max) throw new CodecError(`column seq_nr ${noEventHas(seqNr)}`);
    this.#column = 'tags';
    const tagList = tags === null ? noTags : tagsOf(JSON.parse(tags));
    this.#column = 'payload_txt';
    const payload = ofStoredPayload(type, text, bytes);
    return { seqNr: seqNrOf(seqNr, 'seq_nr'), tags: tagList, payload };
  }

  /** The rows of one offset of one partition are of one record, and have its timestamp. */
  #recordOf(row: EventCells): RecordInfo {
    const [, timestampMs, partition, offset, origin, version, metadata, headers] = row;
    const last = this.#record;
    if (
      last?.at.offset === offset &&
      last.at.partition === partition &&
      last.timestampMs === timestampMs
    ) {
      return last;
    }
    this.#column = 'metadata';
    const recordMetadata = parseRecordMetadata(metadata);
    this.#column = 'headers';
    const userHeaders = headers === null ? noHeaders : headersOf(parsePlainJson(headers));
    this.#record = {
      at: { partition: partitionOf(partition), offset: offsetOf(offset) },
      timestampMs: integerOf(timestampMs, 'timestamp'),
      origin: origin === null ? undefined : textOf(origin, 'origin'),
      version: version === null ? undefined : textOf(version, 'version'),
      metadata: recordMetadata,
      headers: userHeaders,
    };
    return this.#record;
  }
}

function tagsOf(tags: unknown): readonly string[] {
  if (Array.isArray(tags) && tags.every((tag) => typeof tag === 'string')) return tags;
  throw new CodecError('tags must be an array of texts');
}

function headersOf(headers: unknown): Headers {
  const isObject = typeof headers === 'object' && headers !== null && !Array.isArray(headers);
  if (isObject && Object.values(headers).every((value) => typeof value === 'string'))
    return headers as Headers;
  throw new CodecError('headers must be an object of texts');
}

/**
 * Number of rows for the next page, so that its payloads have about `bytes`: estimated from the
 * rows of the last page, 1 to `maxRows`.
 */
export function nextPageRows(rows: readonly EventCells[], bytes: number, maxRows: number): number {
  const read = rows.reduce((sum, row) => sum + payloadSize(row), 0);
  const fitting = Math.floor((bytes * rows.length) / Math.max(1, read));
  return Math.max(1, Math.min(maxRows, fitting));
}

/** Bytes of payload in a row, roughly. */
export function payloadSize([, , , , , , , , , , text, bytes]: EventCells): number {
  return (text ?? bytes)?.length ?? 0;
}

function isEmpty(headers: object): boolean {
  for (const _ in headers) return false;
  return true;
}
