import type { Page, Params, Row } from '../../../src/cassandra/session-types.ts';
import { cellOf, compareCells } from './cells.ts';
import { type Condition, type Guard, parseCql, type Statement, type Value } from './cql.ts';
import { type StoredPartition, type StoredRow, StoredTable, type TableKey } from './table.ts';

type Select = Extract<Statement, { type: 'select' }>;
type Write = Exclude<Statement, Select>;

/** Primary keys of the tables (cassandra-storage.md section 3). */
const tableKeys: Readonly<Record<string, TableKey>> = {
  journal: { partition: ['id', 'topic', 'segment'], clustering: ['seq_nr', 'timestamp'] },
  metajournal: { partition: ['topic', 'segment'], clustering: ['id'] },
  pointer2: { partition: ['topic', 'partition'], clustering: [] },
  setting: { partition: ['key'], clustering: [] },
};

/**
 * The tables of the replicated store, statement by statement: each is applied at once and whole, one
 * batch of one partition as well; of two writes of a cell the one with the later client timestamp
 * counts, whichever arrives first, and a delete beats what is as old as itself.
 */
export class CassandraModel {
  readonly tables: ReadonlyMap<string, StoredTable> = new Map(
    Object.entries(tableKeys).map(([name, key]) => [name, new StoredTable(key)]),
  );
  /** Called after each write that was applied. */
  onWrite: (table: string) => void = () => {};

  table(name: string): StoredTable {
    const table = this.tables.get(name);
    if (table === undefined) throw new Error(`the model of Cassandra has no table ${name}`);
    return table;
  }

  select(
    cql: string,
    params: Params,
    paging: { readonly size: number; readonly from?: string },
  ): Page {
    const statement = parseCql(cql);
    if (statement.type !== 'select') throw new Error(`not a SELECT: ${cql}`);
    const start = Number(paging.from ?? 0);
    const rows = [...this.#rows(statement, params)];
    const page = rows.slice(start, start + paging.size);
    const end = start + page.length;
    return { rows: page, next: end < rows.length ? String(end) : undefined };
  }

  *#rows(statement: Select, params: Params): Generator<Row> {
    const table = this.table(statement.table);
    for (const partition of partitionsOf(table, statement.where, params)) {
      for (const { row, deletedAt } of partition.liveRows()) {
        const cell = (column: string): unknown =>
          cellIn(table, { partition, row, deletedAt }, column);
        if (!statement.where.every((condition) => holds(condition, cell, params))) continue;
        const cells: Record<string, unknown> = {};
        for (const { name, column, isWriteTime } of statement.columns) {
          cells[name] = isWriteTime
            ? cellOf('offset', row.writtenAt(column, deletedAt))
            : cellOf(column, cell(column));
        }
        yield cells;
        if (statement.distinct) break;
      }
    }
  }

  /** Applies one write. The answer of a conditional one has `[applied]` and, refused, what was found. */
  write(cql: string, params: Params, timestamp: number): readonly Row[] {
    const statement = parseCql(cql);
    if (statement.type === 'select') throw new Error(`not a write: ${cql}`);
    const table = this.table(statement.table);
    const refused = this.#refusal(table, statement, params);
    if (refused !== undefined) return [refused];
    const at = timestampOf(table, statement, { params, timestamp });
    apply(table, statement, { params, timestamp: at });
    this.onWrite(statement.table);
    return statement.guard === undefined ? [] : [{ '[applied]': true }];
  }

  #refusal(table: StoredTable, statement: Write, params: Params): Row | undefined {
    const { guard } = statement;
    if (guard === undefined) return undefined;
    const found = findRow(table, statement, params);
    if (guardHolds(table, guard, { found, params })) return undefined;
    const cells: Record<string, unknown> = { '[applied]': false };
    if (found === undefined) return cells;
    for (const column of found.row.cells.keys()) {
      cells[column] = cellOf(column, cellIn(table, found, column));
    }
    return cells;
  }
}

interface LiveRow {
  readonly partition: StoredPartition;
  readonly row: StoredRow;
  readonly deletedAt: number;
}

function cellIn(
  table: StoredTable,
  { partition, row, deletedAt }: LiveRow,
  column: string,
): unknown {
  const inPartition = table.key.partition.indexOf(column);
  if (inPartition >= 0) return partition.key[inPartition];
  const inRow = table.key.clustering.indexOf(column);
  return inRow >= 0 ? row.key[inRow] : row.valueOf(column, deletedAt);
}

function bound(value: Value, params: Params): unknown {
  return 'param' in value ? params[value.param] : value.literal;
}

function holds(condition: Condition, cell: (column: string) => unknown, params: Params): boolean {
  const left = cell(condition.column);
  const right = bound(condition.value, params);
  const isAbsent = (value: unknown): boolean => value === null || value === undefined;
  if (isAbsent(left) || isAbsent(right)) return isAbsent(left) && isAbsent(right);
  return operators[condition.op](compareCells(left, right));
}

/** Whether an order satisfies an operator. */
const operators: Readonly<Record<Condition['op'], (order: number) => boolean>> = {
  '=': (order) => order === 0,
  '>=': (order) => order >= 0,
  '<=': (order) => order <= 0,
  '>': (order) => order > 0,
  '<': (order) => order < 0,
};

/** The one partition that the conditions name, or all of them when they name none. */
function partitionsOf(
  table: StoredTable,
  where: readonly Condition[],
  params: Params,
): Iterable<StoredPartition> {
  const key = keyOf(table.key.partition, where, params);
  if (key === undefined) return table.partitions.values();
  const partition = table.partition(key);
  return partition === undefined ? [] : [partition];
}

/** Values of the columns, all given by equality. */
function keyOf(
  columns: readonly string[],
  where: readonly Condition[],
  params: Params,
): readonly unknown[] | undefined {
  const key: unknown[] = [];
  for (const column of columns) {
    const condition = where.find((it) => it.column === column && it.op === '=');
    if (condition === undefined) return undefined;
    key.push(bound(condition.value, params));
  }
  return key;
}

/** The columns that a write names, as conditions: those of an INSERT stand among its values. */
function whereOf(statement: Write): readonly Condition[] {
  if (statement.type !== 'insert') return statement.where;
  return statement.set.map(({ column, value }) => ({ column, op: '=', value }));
}

function findRow(table: StoredTable, statement: Write, params: Params): LiveRow | undefined {
  const where = whereOf(statement);
  const [partition] = partitionsOf(table, where, params);
  const row = partition?.row(keyOf(table.key.clustering, where, params) ?? []);
  if (partition === undefined || row === undefined) return undefined;
  const deletedAt = partition.deletedAtOf(row);
  return row.isLive(deletedAt) ? { partition, row, deletedAt } : undefined;
}

function guardHolds(
  table: StoredTable,
  guard: Guard,
  { found, params }: { readonly found: LiveRow | undefined; readonly params: Params },
): boolean {
  if (guard.type === 'exists') return found !== undefined;
  if (guard.type === 'not exists') return found === undefined;
  const cell = (column: string): unknown =>
    found === undefined ? null : cellIn(table, found, column);
  return guard.conditions.every((condition) => holds(condition, cell, params));
}

interface Bound {
  readonly params: Params;
  readonly timestamp: number;
}

/** A conditional write is younger than all it saw; any other carries its client's time, or its own. */
function timestampOf(table: StoredTable, statement: Write, { params, timestamp }: Bound): number {
  if (statement.timestamp !== undefined) return Number(bound(statement.timestamp, params));
  if (statement.guard === undefined) return timestamp;
  const row = findRow(table, statement, params)?.row;
  const seen = [...(row?.cells.values() ?? [])].map((cell) => cell.timestamp + 1);
  return Math.max(timestamp, ...seen);
}

function apply(table: StoredTable, statement: Write, write: Bound): void {
  const where = whereOf(statement);
  const key = keyOf(table.key.partition, where, write.params);
  if (key === undefined) throw new Error('a write names its partition');
  const partition = table.partitionForWrite(key);
  const clustering = keyOf(table.key.clustering, where, write.params);
  if (statement.type !== 'delete')
    setCells(partition.rowForWrite(clustering ?? []), statement, write);
  else if (clustering === undefined || isWhole(table)) deleteMany(partition, statement, write);
  else deleteRow(partition.rowForWrite(clustering), statement, write);
}

/** A table without clustering columns has one row a partition. */
function isWhole(table: StoredTable): boolean {
  return table.key.clustering.length === 0;
}

function setCells(
  row: StoredRow,
  statement: Extract<Write, { type: 'insert' | 'update' }>,
  { params, timestamp }: Bound,
): void {
  if (statement.type === 'insert') row.markedAt = Math.max(row.markedAt, timestamp);
  for (const { column, value } of statement.set) {
    const cell = bound(value, params);
    // Unset leaves a cell as it is; null removes it.
    if (cell !== undefined) row.write(column, cell, timestamp);
  }
}

type Delete = Extract<Write, { type: 'delete' }>;

function deleteMany(
  partition: StoredPartition,
  { where }: Delete,
  { params, timestamp }: Bound,
): void {
  const upTo = where.find(({ op }) => op === '<=');
  if (upTo !== undefined) partition.deleteUpTo(bound(upTo.value, params), timestamp);
  else partition.deletedAt = Math.max(partition.deletedAt, timestamp);
}

function deleteRow(row: StoredRow, { columns }: Delete, { timestamp }: Bound): void {
  if (columns.length === 0) row.deletedAt = Math.max(row.deletedAt, timestamp);
  for (const column of columns) row.write(column, null, timestamp);
}
