import { decodeOpeningMark } from '../../../codec/record/action-record-codec.ts';
import { DataIntegrityError, NotOwnerError } from '../../../model/errors.ts';
import type { LogRecord } from '../../../model/log-record.ts';
import type { Offset, Partition, Topic } from '../../../model/position.ts';
import type { Tenure } from '../../../model/tenure.ts';
import type { Database, Statement } from '../session.ts';
import { type BatchRow, decodeBatch } from './batch-codec.ts';
import type { LogPartition } from './log-partitions.ts';

/** A partition of the log, and what is known of its tenures. */
type TenuredPartition = Pick<LogPartition, 'log' | 'topic' | 'partition' | 'tenures'>;

interface TenureRow {
  readonly offset: number;
  readonly holder: string;
  readonly address: string | null;
}

/**
 * The last opening mark of each scope and partition, kept in the transaction that stores the mark.
 * Writers of all processes look at it in the transaction of their write, so what a process sends
 * after another one has taken the partition over is not even stored. Trimming the log leaves it.
 */
export class LogTenures {
  readonly #select: Statement<TenureRow>;
  readonly #save: Statement;

  constructor(database: Database) {
    this.#select = database.prepare(
      'SELECT "offset", holder, address FROM log_tenure WHERE log = ? AND scope = ?',
    );
    this.#save = database.prepare(
      `INSERT OR REPLACE INTO log_tenure (log, scope, "offset", holder, address)
       VALUES (?, ?, ?, ?, ?)`,
    );
  }

  /** Within the transaction that stores the record. */
  note(target: TenuredPartition, record: LogRecord): void {
    const mark = decodeOpeningMark(target.topic, target.partition, record);
    if (mark?.action.header.type !== 'mark' || mark.action.header.opens === undefined) return;
    const { opens } = mark.action.header;
    const { scope, holder, address = null } = opens;
    this.#save.run(target.log, scope, record.offset, holder, address);
    target.tenures.set(scope, { ...opens, offset: record.offset });
  }

  /**
   * Within the transaction of the write, before it.
   *
   * @throws {NotOwnerError} the tenure is not the last one of its scope that was opened here
   */
  refuseWhenOver(target: TenuredPartition, { scope, of }: Tenure): void {
    let last = target.tenures.get(scope);
    if (last === undefined && !target.tenures.has(scope)) {
      const row = this.#select.get(target.log, scope);
      const offset = row?.offset as Offset;
      last = row && { scope, offset, holder: row.holder, address: row.address ?? undefined };
      target.tenures.set(scope, last);
    }
    if (last?.offset === of) return;
    const { topic, partition } = target;
    const place = `partition ${partition} of ${topic}`;
    const named = scope === '' ? '' : `, scope ${JSON.stringify(scope)}`;
    if (last === undefined) {
      throw new NotOwnerError(`no tenure was ever opened in ${place}${named}: nothing was stored`);
    }
    const { offset, holder, address } = last;
    const where = address === undefined ? '' : ` (${address})`;
    throw new NotOwnerError(
      `process ${holder}${where} has opened the last tenure of ${place} at offset ${offset}${named}, and the write ` +
        `names the one at ${of}: nothing was stored`,
      { owner: { partition, offset, holder, address } },
    );
  }
}

/**
 * Fills the table of a file whose log was written without it. The records of old marks may have
 * been deleted; the replicator has copied those.
 */
export function fillLogTenures(database: Database): void {
  database.exec(
    `INSERT INTO log_tenure (log, scope, "offset", holder, address)
     SELECT log, scope, max("offset"), holder, address
     FROM tenures JOIN log_partition USING (topic, partition) GROUP BY log, scope`,
  );
  const tenures = new LogTenures(database);
  const body = database.prepare<Pick<BatchRow, 'body'>>(
    'SELECT body FROM log_body WHERE batch = ?',
  );
  // Only rows with records that may open a tenure: they have more than a hash a record.
  const rows = database
    .prepare<PlacedRow>(
      `SELECT log, topic, partition, last_offset, log_batch.first_offset, keys, batch
       FROM log_batch JOIN log_partition USING (log)
       WHERE length(keys) > 4 * (last_offset - log_batch.first_offset + 1)
       ORDER BY log, last_offset`,
    )
    .all();
  for (const row of rows) {
    const place = { ...row, tenures: new Map() };
    const found = body.get(row.batch);
    if (found === undefined) continue;
    for (const record of readable({ ...row, ...found })) tenures.note(place, record);
  }
}

/** A row that is damaged can be read by nobody, and opens nothing for anybody. */
function readable(row: BatchRow): readonly LogRecord[] {
  try {
    return decodeBatch(row, row.first_offset, undefined);
  } catch (error) {
    if (error instanceof DataIntegrityError) return [];
    throw error;
  }
}

interface PlacedRow extends Omit<BatchRow, 'body'> {
  readonly log: number;
  readonly topic: Topic;
  readonly partition: Partition;
  readonly batch: number;
}
