import { parseRecordMetadata } from '../../codec/record-metadata-codec.ts';
import { ofStoredPayload } from '../../codec/stored-payload-codec.ts';
import { CodecError } from '../../model/errors.ts';
import type { Headers, RecordInfo } from '../../model/event.ts';
import type { Key } from '../../model/key.ts';
import type { Offset, Partition } from '../../model/position.ts';
import type { SeqNr } from '../../model/seq-nr.ts';
import type { StoredEvent } from '../../ports/eventual-journal.ts';
import { ofStoredText } from './stored-text.ts';

/** A row of `event` in the order of `eventColumns`, and the generation that it belongs to. */
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
  payloadBytes: Buffer | null,
  recordId: string | null,
];

/** The columns of `event` behind `journal`, with their types. */
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

const noTags: readonly string[] = Object.freeze([]);
const noHeaders: Headers = Object.freeze({});

/** Decodes the rows of one read in order; the events of one record share what it says. */
export class EventRows {
  readonly #key: Key;
  #record: RecordInfo | undefined;

  constructor(key: Key) {
    this.#key = key;
  }

  /** @throws {CodecError} naming topic, id and seqNr */
  decode(rows: readonly EventCells[]): StoredEvent[] {
    const events: StoredEvent[] = [];
    for (const row of rows) {
      try {
        const [seqNr, , , , , , , , tags, type, text, bytes, recordId] = row;
        const content = textOf(type, text, bytes);
        const event = {
          seqNr: seqNr as SeqNr,
          tags: tags === null ? noTags : JSON.parse(tags),
          payload: ofStoredPayload(type, content, bytes),
        };
        events.push({ event, record: this.#recordOf(row), recordId: recordId ?? undefined });
      } catch (cause) {
        const place = { topic: this.#key.topic, id: this.#key.id, seqNr: row[0] };
        throw new CodecError('a row of event cannot be decoded', { cause, place });
      }
    }
    return events;
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
    this.#record = {
      at: { partition: partition as Partition, offset: offset as Offset },
      timestampMs,
      origin: origin === null ? undefined : ofStoredText(origin),
      version: version === null ? undefined : ofStoredText(version),
      metadata: parseRecordMetadata(metadata),
      headers: headers === null ? noHeaders : JSON.parse(headers),
    };
    return this.#record;
  }
}

/** A text with U+0000 is kept as its bytes. */
function textOf(type: string | null, text: string | null, bytes: Buffer | null): string | null {
  return type === 'text' && text === null && bytes !== null ? bytes.toString('utf8') : text;
}

/** Bytes of payload in a row, or about so many. */
export function payloadSize(row: EventCells): number {
  return (row[10] ?? row[11])?.length ?? 0;
}
