import type { ReplicatedEvent } from '../../../model/event.ts';
import {
  eventCells,
  eventColumnNames,
  eventColumns,
  payloadSize,
} from '../../relational/event-row.ts';
import type { Cell, Statement } from '../session.ts';
import { toStoredCells } from './stored-cells.ts';

/** Rows of one statement in columns: a list for each of `eventColumns`. */
export type EventColumns = readonly (readonly Cell[])[];

/** Bounds of one statement: rows, and roughly the bytes of their payloads. */
const maxRowsInStatement = 1_000;
const maxBytesInStatement = 4 * 1024 * 1024;
/** Rows that one statement deletes at most. */
export const maxDeletedRows = 10_000;

const order = 'seq_nr, timestamp, partition, "offset"';

/** Statements of `event`. */
export function eventStatements(schema: string) {
  const table = `${schema}.event`;
  return {
    /** journal `$1`, `eventColumns` from `$2` on. Of two rows with one key the first stays. */
    insert: {
      name: 'insert events',
      text: `INSERT INTO ${table} (journal, ${eventColumnNames}) ${eventSource('$1::bigint', 2)}`,
    },
    /** Deletes rows of journal `$1` up to number `$2`, the first of them up to a limit. */
    deleteSome: {
      name: 'delete events',
      text: `WITH gone AS (DELETE FROM ${table} WHERE ctid = ANY (ARRAY(
          SELECT ctid FROM ${table} WHERE journal = $1 AND seq_nr <= $2
          ORDER BY ${order} LIMIT ${maxDeletedRows})) RETURNING 1)
        SELECT count(*) FROM gone`,
    },
    /** A page of topic `$1`, id `$2` after the place `$3`-`$6`, up to number `$7`; `$8` rows. */
    page: {
      name: 'select events',
      text: `SELECT ${eventColumnNames},
          (SELECT record_id FROM ${schema}.metajournal WHERE topic = $1 AND id = $2)
        FROM ${table}
        WHERE journal = (SELECT journal FROM ${schema}.metajournal WHERE topic = $1 AND id = $2)
          AND (${order}) > ($3, $4, $5, $6) AND seq_nr <= $7
        ORDER BY ${order} LIMIT $8`,
    },
  } as const satisfies Record<string, Statement>;
}

/** The end of an `INSERT INTO event`: rows out of arrays, the first of which is `$first`. */
export function eventSource(journal: string, first: number, from = ''): string {
  const arrays = eventColumns.map(([, type], index) => `$${first + index}::${type}[]`).join(', ');
  return `SELECT ${journal}, ${eventColumnNames} FROM ${from}
      unnest(${arrays}) WITH ORDINALITY AS new (${eventColumnNames}, nth)
    ORDER BY nth ON CONFLICT DO NOTHING`;
}

/** The columns of the target of an insert from {@link eventSource}. */
export const eventTarget = `journal, ${eventColumnNames}`;

/**
 * The rows of events, cut into as many statements as they need.
 *
 * @throws {InvalidInputError} JSON cannot hold a payload
 */
export function eventBatches(events: readonly ReplicatedEvent[]): EventColumns[] {
  const batches: EventColumns[] = [];
  let columns: Cell[][] = [];
  let bytes = 0;
  for (const event of events) {
    const rows = columns[0]?.length ?? 0;
    if (rows === 0 || rows >= maxRowsInStatement || bytes >= maxBytesInStatement) {
      columns = eventColumns.map(() => []);
      bytes = 0;
      batches.push(columns);
    }
    const cells = toStoredCells(eventCells(event));
    for (let i = 0; i < cells.length; i++) (columns[i] as Cell[]).push(cells[i] as Cell);
    bytes += payloadSize(cells);
  }
  return batches;
}
