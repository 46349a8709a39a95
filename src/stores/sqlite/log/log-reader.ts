import { DataIntegrityError } from '../../../model/errors.ts';
import type { LogRecord } from '../../../model/log-record.ts';
import type { Partition, Topic } from '../../../model/position.ts';
import type { Database, Statement } from '../session.ts';
import { type BatchRow, decodeBatch, mayBeWanted } from './batch-codec.ts';
import { type LogPartition, LogPartitions } from './log-partitions.ts';

/** A step of a reader: some records, and the offset at which to go on. */
export interface LogPage {
  readonly records: readonly LogRecord[];
  readonly next: number;
}

/**
 * What a reader wants of one partition: `from <= offset < to`, of all keys; or of one, with what
 * may open a tenure.
 */
export interface LogRange {
  readonly topic: Topic;
  readonly partition: Partition;
  readonly from: number;
  readonly to: number;
  readonly key?: { readonly bytes: Uint8Array; readonly hash: number };
  /** A page ends with the row that reaches this many records. */
  readonly maxRecords: number;
}

/** A page ends with the row that reaches this number of bytes. */
const maxPageBytes = 1_048_576;
/** Rows passed over in one step, of any key. */
const maxPageRows = 512;
/** Rows fetched with their bodies at once: at most 4 MB. */
const rowsInStep = 16;

/** Reads the rows of `log_batch`, a bounded page at a time. */
export class LogReader {
  readonly #partitions: LogPartitions;
  readonly #database: Database;
  readonly #rows: Statement<BatchRow>;
  readonly #directory: Statement<Omit<BatchRow, 'body'> & { readonly batch: number }>;
  readonly #body: Statement<Pick<BatchRow, 'body'>>;

  constructor(database: Database) {
    this.#database = database;
    this.#partitions = new LogPartitions(database);
    const range = 'WHERE log = ? AND last_offset >= ? AND first_offset < ? ORDER BY last_offset';
    this.#rows = database.prepare(
      `SELECT first_offset, last_offset, keys, body
       FROM log_batch NATURAL JOIN log_body ${range} LIMIT ?`,
    );
    this.#directory = database.prepare(
      `SELECT first_offset, last_offset, keys, batch FROM log_batch ${range} LIMIT ?`,
    );
    this.#body = database.prepare('SELECT body FROM log_body WHERE batch = ?');
  }

  /**
   * One page, as of one moment: another process may delete old rows meanwhile.
   *
   * @throws {DataIntegrityError} `from` is below the first offset kept, or `to` above the end
   */
  page(range: LogRange): LogPage {
    if (range.from >= range.to) return { records: [], next: range.to };
    this.#database.exec('BEGIN');
    try {
      const partition = this.#partitions.find(range.topic, range.partition);
      refuseOutside(range, partition);
      if (partition === undefined) return { records: [], next: range.to };
      return range.key === undefined
        ? this.#pageOfAll(partition.log, range)
        : this.#pageOfKey(partition.log, { ...range, key: range.key });
    } finally {
      this.#database.exec('COMMIT');
    }
  }

  #pageOfAll(log: number, range: LogRange): LogPage {
    const page = new PageBuilder(range);
    while (!page.isFull) {
      const rows = this.#rows.all(log, page.next, range.to, rowsInStep);
      for (const row of rows) if (!page.isFull) page.add(row);
      if (rows.length < rowsInStep && !page.isFull) page.end();
    }
    return page;
  }

  #pageOfKey(log: number, range: KeyedRange): LogPage {
    const page = new PageBuilder(range);
    const { hash } = range.key;
    const directory = this.#directory.all(log, range.from, range.to, maxPageRows);
    for (const entry of directory) {
      if (page.isFull) return page;
      const body = mayBeWanted(entry, hash) ? this.#body.get(entry.batch) : undefined;
      if (body === undefined) page.skip(entry);
      else page.add({ ...entry, ...body });
    }
    if (directory.length < maxPageRows && !page.isFull) page.end();
    return page;
  }
}

type KeyedRange = LogRange & { readonly key: NonNullable<LogRange['key']> };

class PageBuilder implements LogPage {
  readonly records: LogRecord[] = [];
  readonly #to: number;
  readonly #maxRecords: number;
  readonly #key: Uint8Array | undefined;
  #bytes = 0;
  next: number;

  constructor({ from, to, maxRecords, key }: LogRange) {
    this.next = from;
    this.#to = to;
    this.#maxRecords = maxRecords;
    this.#key = key?.bytes;
  }

  get isFull(): boolean {
    return (
      this.next >= this.#to ||
      this.records.length >= this.#maxRecords ||
      this.#bytes >= maxPageBytes
    );
  }

  add(row: BatchRow): void {
    for (const record of decodeBatch(row, this.next, this.#key)) {
      if (record.offset < this.#to) this.records.push(record);
    }
    this.#bytes += row.body.length;
    this.skip(row);
  }

  skip(row: Pick<BatchRow, 'last_offset'>): void {
    this.next = Math.min(this.#to, row.last_offset + 1);
  }

  end(): void {
    this.next = this.#to;
  }
}

/**
 * @throws {DataIntegrityError} `from` is below the first offset kept, or `to` above the end
 */
export function refuseOutside(
  range: Pick<LogRange, 'topic' | 'partition' | 'from' | 'to'>,
  found: LogPartition | undefined,
): void {
  const { topic, partition, from, to } = range;
  const [first, end] = [found?.firstOffset ?? 0, found?.nextOffset ?? 0];
  if (from < first) throw missing(`the log keeps those from ${first}`, from);
  if (to > end) throw missing(`the log ends at ${end}`, to);

  function missing(why: string, offset: number): DataIntegrityError {
    return new DataIntegrityError(`records are missing: ${why}`, {
      place: { topic, partition, offset },
    });
  }
}
