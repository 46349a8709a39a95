import type { ReplicatedEvent } from '../../model/event.ts';
import type { Key } from '../../model/key.ts';
import { forEachAtOnce } from './at-once.ts';
import { SegmentNr } from './segment.ts';
import type { CassandraSession, Params } from './session-types.ts';
import { EventRowWriter, type JournalStatements, segmentParams } from './tables/journal-table.ts';
import { uuidParam } from './values.ts';

/** The event rows of one journal. */
export interface EventRows {
  readonly session: CassandraSession;
  readonly statements: JournalStatements;
  readonly key: Key;
  readonly segmentSize: number;
  /** Generation that inserted rows belong to. */
  readonly recordId: string | undefined;
  /** Of all these writes: no two of them touch one row. */
  readonly timestamp: number;
}

/**
 * Bounds of one unlogged batch. Its rows are in one partition, so the server merges them into one
 * mutation, which batch_size_fail_threshold does not bound (CASSANDRA-10876); half the commit log
 * segment does.
 */
const maxBatchRows = 200;
const maxBatchBytes = 128 * 1024;

/** Batches of one segment under way at once. */
const batchesAtOnce = 4;

/** Segments deleted at once. */
const deletesAtOnce = 16;

/**
 * Inserts events in batches. Segments follow each other in ascending order, each after the one
 * before is stored: a reader of the JVM system stops at the first segment that ends short.
 *
 * @throws {StoreUnavailableError} may be applied in part; repeat it
 */
export async function insertRows(
  rows: EventRows,
  events: readonly ReplicatedEvent[],
): Promise<void> {
  const { session, statements, segmentSize, timestamp } = rows;
  const segmentOf = (index: number) => SegmentNr.of(events[index]?.event.seqNr ?? 0, segmentSize);
  for (let start = 0; start < events.length; ) {
    const segment = segmentOf(start);
    let end = start + 1;
    while (end < events.length && segmentOf(end) === segment) end++;
    const batches = batchesOf(rows, events.slice(start, end));
    await forEachAtOnce(batches, batchesAtOnce, (batch) => {
      const [only] = batch;
      if (batch.length === 1 && only !== undefined)
        return session.write(statements.insert, only, timestamp);
      return session.writeBatch(statements.insert, batch, timestamp);
    });
    start = end;
  }
}

/** Events of one segment, cut by rows and bytes; a single large event is a batch of its own. */
function* batchesOf(
  { key, recordId, segmentSize }: EventRows,
  events: readonly ReplicatedEvent[],
): Generator<Params[]> {
  const writer = new EventRowWriter(key, uuidParam(recordId));
  let batch: Params[] = [];
  let bytes = 0;
  for (const event of events) {
    const { params, sizeBytes } = writer.row(event, SegmentNr.of(event.event.seqNr, segmentSize));
    if (batch.length === maxBatchRows || (batch.length > 0 && bytes + sizeBytes > maxBatchBytes)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(params);
    bytes += sizeBytes;
  }
  if (batch.length > 0) yield batch;
}

/** Which rows go: the segments `first` to `last`, both inclusive. */
export interface DeletedRows {
  readonly first: number;
  readonly last: number;
  /** Of the last segment only the rows up to this number; `undefined` = all of it. */
  readonly upTo: number | undefined;
}

/**
 * Deletes whole segments, and the last one up to a number.
 *
 * @throws {StoreUnavailableError} may be applied in part; repeat it
 */
export async function deleteRows(
  rows: EventRows,
  { first, last, upTo }: DeletedRows,
): Promise<void> {
  const { session, statements, key, timestamp } = rows;
  await forEachAtOnce(SegmentNr.between(first, last), deletesAtOnce, (segment) => {
    const params = segmentParams(key, segment);
    if (segment === last && upTo !== undefined)
      return session.write(statements.deleteTo, [...params, upTo], timestamp);
    return session.write(statements.deleteSegment, params, timestamp);
  });
}
