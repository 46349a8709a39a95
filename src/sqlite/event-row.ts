import { parseRecordMetadata } from '../codec/record-metadata-codec.ts';
import { ofStoredPayload } from '../codec/stored-payload-codec.ts';
import { CodecError } from '../model/errors.ts';
import type { Headers, RecordInfo } from '../model/event.ts';
import type { Key } from '../model/key.ts';
import type { Offset, Partition } from '../model/position.ts';
import type { SeqNr } from '../model/seq-nr.ts';
import type { StoredEvent } from '../ports/eventual-journal.ts';

/** A row of `event` in the order of `eventColumns`. */
export type EventCells = readonly [
  seqNr: number,
  timestamp: number,
  offset: number,
  partition: number,
  origin: string | null,
  version: string | null,
  metadata: string | null,
  headers: string | null,
  tags: string | null,
  payloadType: string | null,
  payloadText: string | null,
  payloadBytes: Uint8Array | null,
];

export const eventColumns = `seq_nr, timestamp, "offset", partition, origin, version, metadata,
  headers, tags, payload_type, payload_txt, payload_bin`;

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
  decode(rows: readonly EventCells[], recordId: string | undefined): StoredEvent[] {
    const events: StoredEvent[] = [];
    for (const row of rows) {
      try {
        const [seqNr, , , , , , , , tags, payloadType, text, bytes] = row;
        const payload = ofStoredPayload(payloadType, text, bytes);
        const event = {
          seqNr: seqNr as SeqNr,
          tags: tags === null ? noTags : JSON.parse(tags),
          payload,
        };
        events.push({ event, record: this.#recordOf(row), recordId });
      } catch (cause) {
        const place = { topic: this.#key.topic, id: this.#key.id, seqNr: row[0] };
        throw new CodecError('a row of event cannot be decoded', { cause, place });
      }
    }
    return events;
  }

  /** The rows of one offset of one partition are of one record, and have its timestamp. */
  #recordOf(row: EventCells): RecordInfo {
    const [, timestampMs, offset, partition, origin, version, metadata, headers] = row;
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
      origin: origin ?? undefined,
      version: version ?? undefined,
      metadata: parseRecordMetadata(metadata),
      headers: headers === null ? noHeaders : JSON.parse(headers),
    };
    return this.#record;
  }
}

/** Bytes of payload in a row, or about so many. */
export function payloadSize(row: EventCells): number {
  return (row[10] ?? row[11])?.length ?? 0;
}
