import { parseRecordMetadata } from '../../../codec/record/record-metadata-codec.ts';
import { noEventHas } from '../../../codec/record/seq-nr-codec.ts';
import { ofStoredPayload } from '../../../codec/stored-payload-codec.ts';
import { CodecError } from '../../../model/errors.ts';
import type { Headers, RecordInfo } from '../../../model/event.ts';
import type { Key } from '../../../model/key.ts';
import type { Offset } from '../../../model/position.ts';
import { RecordMetadata } from '../../../model/record-metadata.ts';
import { SeqNr } from '../../../model/seq-nr.ts';
import type { StoredEvent } from '../../../ports/eventual-journal.ts';
import type { Row } from '../session-types.ts';
import { numberOf, partitionOf, seqNrOf, type UuidCell } from '../values.ts';

/** A row of the journal table as the driver gives it. */
interface Cells {
  readonly seq_nr: unknown;
  readonly partition: number | null;
  readonly offset: unknown;
  readonly timestamp: Date;
  readonly origin: string | null;
  readonly version: string | null;
  readonly meta_record_id: UuidCell | null;
  readonly tags: readonly string[] | null;
  readonly payload_type: string | null;
  readonly payload_txt: string | null;
  readonly payload_bin: Buffer | null;
  readonly metadata: string | null;
  readonly headers: ReadonlyMap<string, string> | null;
}

const noTags: readonly string[] = Object.freeze([]);
const noHeaders: Headers = Object.freeze({});

/**
 * Decodes the rows of one read in their order. Rows of one record are side by side, so the record
 * and the generation are decoded once and shared: that is most of the work a row would otherwise
 * cost.
 */
export class JournalRowReader {
  readonly #key: Key;
  #record: RecordInfo | undefined;
  /** What is being decoded, for errors. */
  #column = '';
  #metadataText: string | null = null;
  #metadata: RecordMetadata = RecordMetadata.empty;
  #recordIdBytes: Buffer | undefined;
  #recordId: string | undefined;

  constructor(key: Key) {
    this.#key = key;
  }

  /**
   * @throws {CodecError} naming topic, id, seqNr, table and column
   */
  page(rows: readonly Row[]): StoredEvent[] {
    const events: StoredEvent[] = [];
    try {
      for (const row of rows) events.push(this.#row(row as unknown as Cells));
      return events;
    } catch (error) {
      const { seq_nr: number } = rows[events.length] as unknown as Cells;
      const named = error instanceof CodecError ? error.place.column : undefined;
      const { topic, id } = this.#key;
      const place = { topic, id, seqNr: Number(String(number)), table: 'journal' };
      throw new CodecError('a stored event cannot be decoded', {
        cause: error,
        place: { ...place, column: named ?? this.#column },
      });
    }
  }

  #row(cells: Cells): StoredEvent {
    const type = cells.payload_type;
    this.#column = 'payload_txt';
    const payload =
      type === null ? undefined : ofStoredPayload(type, cells.payload_txt, cells.payload_bin);
    return {
      event: { seqNr: eventNrOf(cells.seq_nr), tags: cells.tags ?? noTags, payload },
      record: this.#recordOf(cells),
      recordId: this.#recordIdOf(cells.meta_record_id),
    };
  }

  #recordOf(cells: Cells): RecordInfo {
    const { metadata, headers } = cells;
    const partition = partitionOf(cells.partition);
    const offset = numberOf(cells.offset, 'offset') as Offset;
    const timestampMs = cells.timestamp.getTime();
    const last = this.#record;
    this.#column = 'metadata';
    // The record of the row before, which had no headers either.
    if (
      metadata === this.#metadataText &&
      headers === null &&
      last?.headers === noHeaders &&
      last.at.offset === offset &&
      last.at.partition === partition &&
      last.timestampMs === timestampMs
    ) {
      return last;
    }
    this.#record = {
      at: { partition, offset },
      timestampMs,
      origin: cells.origin ?? undefined,
      version: cells.version ?? undefined,
      metadata: this.#metadataOf(metadata),
      headers: headers === null ? noHeaders : Object.fromEntries(headers),
    };
    return this.#record;
  }

  /** Most rows carry the same metadata, the empty one: parsed once, and shared. */
  #metadataOf(text: string | null): RecordMetadata {
    if (text !== this.#metadataText) {
      this.#metadata = text === null ? RecordMetadata.empty : parseRecordMetadata(text);
      this.#metadataText = text;
    }
    return this.#metadata;
  }

  #recordIdOf(cell: UuidCell | null): string | undefined {
    if (cell === null) return undefined;
    if (this.#recordIdBytes === undefined || !sameUuid(this.#recordIdBytes, cell.buffer)) {
      this.#recordIdBytes = cell.buffer;
      this.#recordId = cell.toString();
    }
    return this.#recordId;
  }
}

/**
 * @throws {CodecError} 2^63-1 among others, which is a bound and the number of no event
 */
function eventNrOf(cell: unknown): SeqNr {
  const seqNr = seqNrOf(cell, 'seq_nr');
  if (seqNr === SeqNr.max) throw new CodecError(`column seq_nr ${noEventHas(seqNr)}`);
  return seqNr;
}

/** A loop over 16 bytes costs a fifth of `Buffer.equals`, which leaves JavaScript. */
function sameUuid(a: Buffer, b: Buffer): boolean {
  for (let index = 0; index < 16; index++) if (a[index] !== b[index]) return false;
  return true;
}
