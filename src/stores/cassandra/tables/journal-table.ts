import { printRecordMetadata } from '../../../codec/record/record-metadata-codec.ts';
import { toStoredPayload } from '../../../codec/stored-payload-codec.ts';
import type { Headers, ReplicatedEvent } from '../../../model/event.ts';
import type { Key } from '../../../model/key.ts';
import { RecordMetadata } from '../../../model/record-metadata.ts';
import type { SegmentNr } from '../segment.ts';
import type { Params } from '../session-types.ts';
import { bufferOf } from '../values.ts';

/** Statements of the table that holds one row an event (docs/format.md#tables). */
export interface JournalStatements {
  readonly insert: string;
  /** Rows of one segment in `from` .. `to`. */
  readonly selectRange: string;
  readonly deleteTo: string;
  readonly deleteSegment: string;
}

/** The statements for a table of that name, keyspace included. */
export function journalStatements(table: string): JournalStatements {
  const segment = 'id = ? AND topic = ? AND segment = ?';
  const marks = insertColumns.map(() => '?').join(', ');
  return {
    insert: `INSERT INTO ${table} (${insertColumns.join(', ')}) VALUES (${marks})`,
    selectRange:
      `SELECT ${selectColumns.join(', ')} FROM ${table} ` +
      `WHERE ${segment} AND seq_nr >= ? AND seq_nr <= ?`,
    deleteTo: `DELETE FROM ${table} WHERE ${segment} AND seq_nr <= ?`,
    deleteSegment: `DELETE FROM ${table} WHERE ${segment}`,
  };
}

const insertColumns = [
  'id',
  'topic',
  'segment',
  'seq_nr',
  'partition',
  'offset',
  'timestamp',
  'origin',
  'version',
  'meta_record_id',
  'tags',
  'payload_type',
  'payload_txt',
  'payload_bin',
  'metadata',
  'headers',
];

const selectColumns = insertColumns.slice(3);

/** What binds to `id = ? AND topic = ? AND segment = ?`. */
export const segmentParams = (key: Key, segment: SegmentNr): Params => [key.id, key.topic, segment];

/** A row ready to be bound, and about how many bytes it takes on the wire. */
export interface EventRow {
  readonly params: Params;
  readonly sizeBytes: number;
}

/** Bytes of a row without its payload, texts and collections. */
const fixedSizeBytes = 160;

/**
 * Turns the events of one batch into rows; what consecutive events of one record share is made
 * once.
 */
export class EventRowWriter {
  readonly #key: Key;
  readonly #recordId: Buffer | undefined;
  #metadata: RecordMetadata = RecordMetadata.empty;
  #metadataText: string = emptyMetadataText;
  #headers: Headers | undefined;
  #headersMap: ReadonlyMap<string, string> = new Map();

  constructor(key: Key, recordId: Buffer | undefined) {
    this.#key = key;
    this.#recordId = recordId;
  }

  row({ event, record }: ReplicatedEvent, segment: SegmentNr): EventRow {
    const { id, topic } = this.#key;
    const { at, timestampMs, origin, version } = record;
    const payload = event.payload === undefined ? noPayload : toStoredPayload(event.payload);
    const text = payload.text;
    const bytes = payload.bytes === undefined ? undefined : bufferOf(payload.bytes);
    if (record.metadata !== this.#metadata) {
      this.#metadata = record.metadata;
      this.#metadataText = printRecordMetadata(record.metadata);
    }
    if (record.headers !== this.#headers) {
      this.#headers = record.headers;
      this.#headersMap = new Map(Object.entries(record.headers));
    }
    const metadata = this.#metadataText;
    const headers = this.#headersMap;
    return {
      params: [
        id,
        topic,
        segment,
        event.seqNr,
        at.partition,
        at.offset,
        timestampMs,
        origin,
        version,
        this.#recordId,
        event.tags,
        payload.payloadType,
        text,
        bytes,
        metadata,
        headers,
      ],
      // An estimate: exact enough to bound a batch, which has room above it.
      sizeBytes:
        fixedSizeBytes +
        id.length +
        topic.length +
        (text?.length ?? 0) +
        (bytes?.length ?? 0) +
        metadata.length +
        32 * (event.tags.length + headers.size),
    };
  }
}

const noPayload: ReturnType<typeof toStoredPayload> = toStoredPayload(undefined);

const emptyMetadataText = printRecordMetadata(RecordMetadata.empty);
