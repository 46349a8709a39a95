import type { Page, Params, Row } from '../../../src/stores/cassandra/session-types.ts';
import { readerOf } from './cells.ts';
import {
  type Bound,
  type CompiledGuard,
  type CompiledSelect,
  type CompiledWrite,
  cellOf,
  compileCql,
  holds,
  isInRange,
  type LiveRow,
  shapes,
} from './compile.ts';
import { type StoredPartition, type StoredRow, StoredTable } from './table.ts';

/**
 * The tables of the replicated store, statement by statement: each is applied at once and whole,
 * one batch of one partition as well; of two writes of a cell the one with the later client
 * timestamp counts, whichever arrives first, and a delete beats what is as old as itself.
 */
export class CassandraModel {
  readonly #tables: ReadonlyMap<string, StoredTable> = new Map(
    [...shapes].map(([name, shape]) => [name, new StoredTable(shape)]),
  );
  /**
   * The last rows of pages: the next page begins after such a row, whatever was written meanwhile.
   */
  readonly #cursors: StoredRow[] = [];
  /**
   * Called after each write that was applied, with the key of its partition and of its row if it is
   * one.
   */
  onWrite: (table: string, partition: StoredPartition, row: StoredRow | undefined) => void =
    () => {};

  table(name: string): StoredTable {
    const table = this.#tables.get(name);
    if (table === undefined) throw new Error(`the model of Cassandra has no table ${name}`);
    return table;
  }

  select(
    cql: string,
    params: Params,
    paging: { readonly size: number; readonly from?: string | undefined },
  ): Page {
    const select = compileCql(cql);
    if (select.type !== 'select') throw new Error(`not a SELECT: ${cql}`);
    const { size, from } = paging;
    const after = from === undefined ? undefined : this.#cursors[Number(from)];
    const found = foundBy(this.table(select.table), select, { params, after });
    const page = found.slice(0, size);
    const last = page.at(-1);
    const hasMore = last !== undefined && found.length > size;
    const next = hasMore ? String(this.#cursors.push(last.row) - 1) : undefined;
    return { rows: page.map((row) => cellsOf(select, row)), next };
  }

  /**
   * Applies one write. The answer of a conditional one has `[applied]` and, refused, what was
   * found.
   */
  write(cql: string, params: Params, timestamp: number): readonly Row[] {
    const write = compileCql(cql);
    if (write.type === 'select') throw new Error(`not a write: ${cql}`);
    const table = this.table(write.table);
    const at = write.timestamp === undefined ? timestamp : Number(write.timestamp(params));
    if (write.guard === undefined) {
      this.#apply(table, write, { params, timestamp: at });
      return [];
    }
    const found = findRow(table, write, params);
    if (!guardHolds(write.guard, found, params)) return [refusal(table, found)];
    this.#apply(table, write, { params, timestamp: youngerThan(found, write, at) });
    return [{ '[applied]': true }];
  }

  #apply(table: StoredTable, write: CompiledWrite, { params, timestamp }: Applied): void {
    const partition = table.partitionForWrite(valuesOf(write.partition, params));
    const row = write.row && partition.rowForWrite(valuesOf(write.row, params));
    if (row !== undefined) writeRow(row, write, { params, timestamp });
    else if (write.range !== undefined) {
      partition.deleteRange(isInRange(write.range, params), timestamp);
    } else partition.deletedAt = Math.max(partition.deletedAt, timestamp);
    this.onWrite(write.table, partition, row);
  }
}

interface Applied {
  readonly params: Params;
  readonly timestamp: number;
}

function valuesOf(bounds: readonly Bound[], params: Params): unknown[] {
  const values: unknown[] = [];
  for (const bound of bounds) values.push(bound(params));
  return values;
}

const noPartitions: readonly StoredPartition[] = [];

/** The one partition that the statement names, or all of them when it names none. */
function partitionsOf(
  table: StoredTable,
  { partition: key }: CompiledSelect,
  params: Params,
): readonly StoredPartition[] {
  if (key === undefined) return table.partitions;
  const partition = table.partition(valuesOf(key, params));
  return partition === undefined ? noPartitions : [partition];
}

interface Sought {
  readonly params: Params;
  /** The last row of the page before; a row stays in its partition when it is deleted. */
  readonly after: StoredRow | undefined;
}

function foundBy(table: StoredTable, select: CompiledSelect, { params, after }: Sought): LiveRow[] {
  const rows: LiveRow[] = [];
  let isAfter = after === undefined;
  for (const partition of partitionsOf(table, select, params)) {
    const { isDescending } = table.shape.key;
    for (const row of isDescending && !select.isAscending
      ? partition.rows.toReversed()
      : partition.rows) {
      if (!isAfter) {
        isAfter = row === after;
        if (isAfter && select.distinct) break;
        continue;
      }
      const deletedAt = partition.deletedAtOf(row);
      if (!row.isLive(deletedAt)) continue;
      const found = { partition, row, deletedAt };
      if (!select.tests.every((test) => holds(test, found, params))) continue;
      rows.push(found);
      if (rows.length === select.limit) return rows;
      if (select.distinct) break;
    }
  }
  return rows;
}

function cellsOf({ columns }: CompiledSelect, found: LiveRow): Row {
  const cells: Record<string, unknown> = {};
  for (const { name, cell, read } of columns) cells[name] = read(cell(found));
  return cells;
}

function findRow(table: StoredTable, write: CompiledWrite, params: Params): LiveRow | undefined {
  const partition = table.partition(valuesOf(write.partition, params));
  const row = partition?.row(valuesOf(write.row ?? [], params));
  if (partition === undefined || row === undefined) return undefined;
  const deletedAt = partition.deletedAtOf(row);
  return row.isLive(deletedAt) ? { partition, row, deletedAt } : undefined;
}

function guardHolds(guard: CompiledGuard, found: LiveRow | undefined, params: Params): boolean {
  if (guard.type === 'exists') return found !== undefined;
  if (guard.type === 'not exists') return found === undefined;
  return guard.tests.every((test) => holds(test, found, params));
}

function refusal({ shape }: StoredTable, found: LiveRow | undefined): Row {
  const cells: Record<string, unknown> = { '[applied]': false };
  if (found === undefined) return cells;
  for (const column of [...shape.key.partition, ...shape.key.clustering, ...shape.columns]) {
    cells[column] = readerOf(column)(cellOf(shape, column)(found));
  }
  return cells;
}

/** A conditional write is younger than all it saw, unless it carries its client's time. */
function youngerThan(found: LiveRow | undefined, write: CompiledWrite, timestamp: number): number {
  if (found === undefined || write.timestamp !== undefined) return timestamp;
  return Math.max(timestamp, found.row.youngest + 1);
}

function writeRow(row: StoredRow, { type, set }: CompiledWrite, { params, timestamp }: Applied) {
  if (type === 'insert') row.markedAt = Math.max(row.markedAt, timestamp);
  if (type === 'delete' && set.length === 0) row.deletedAt = Math.max(row.deletedAt, timestamp);
  for (const { place, value } of set) {
    const cell = value(params);
    // Unset leaves a cell as it is; null removes it.
    if (cell !== undefined) row.write(place, cell, timestamp);
  }
}
