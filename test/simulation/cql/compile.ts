import type { Params } from '../../../src/stores/cassandra/session-types.ts';
import { type CellReader, compareCells, readerOf } from './cells.ts';
import { type Condition, type Guard, parseCql, type Statement, type Value } from './cql.ts';
import type { StoredPartition, StoredRow, TableKey } from './table.ts';
import { TableShape } from './table.ts';

/** Primary keys of the tables (cassandra-storage.md section 3). */
const tableKeys: Readonly<Record<string, TableKey>> = {
  journal: { partition: ['id', 'topic', 'segment'], clustering: ['seq_nr', 'timestamp'] },
  metajournal: { partition: ['topic', 'segment'], clustering: ['id'] },
  pointer2: { partition: ['topic', 'partition'], clustering: [] },
  setting: { partition: ['key'], clustering: [] },
  tenures: {
    partition: ['topic', 'partition'],
    clustering: ['scope', 'offset'],
    isDescending: true,
  },
  tenures_until: { partition: ['topic', 'partition'], clustering: [] },
  wake_up_keys: { partition: ['topic', 'partition', 'share'], clustering: ['id'] },
  wake_ups: { partition: ['topic', 'partition', 'bucket', 'share'], clustering: ['due', 'id'] },
  wake_up_buckets: { partition: ['topic', 'partition'], clustering: ['bucket'] },
  wake_ups_until: { partition: ['topic', 'partition'], clustering: [] },
};

export const shapes: ReadonlyMap<string, TableShape> = new Map(
  Object.entries(tableKeys).map(([name, key]) => [name, new TableShape(name, key)]),
);

export interface LiveRow {
  readonly partition: StoredPartition;
  readonly row: StoredRow;
  readonly deletedAt: number;
}

/** The value of one column of a row. */
export type Cell = (found: LiveRow) => unknown;

/** A bound value, or one that the statement holds. */
export type Bound = (params: Params) => unknown;

export interface Test {
  readonly cell: Cell;
  readonly op: Condition['op'];
  readonly value: Bound;
}

/** A condition of a clustering column, by its place. */
interface RangeTest {
  readonly place: number;
  readonly op: Order;
  readonly value: Bound;
}

export interface CompiledSelect {
  readonly type: 'select';
  readonly table: string;
  /** Absent: all partitions. */
  readonly partition: readonly Bound[] | undefined;
  readonly tests: readonly Test[];
  readonly columns: readonly {
    readonly name: string;
    readonly cell: Cell;
    readonly read: CellReader;
  }[];
  readonly distinct: boolean;
  readonly isAscending: boolean;
  /** Rows at most. */
  readonly limit: number;
}

export interface CompiledWrite {
  readonly type: 'insert' | 'update' | 'delete';
  readonly table: string;
  readonly partition: readonly Bound[];
  /** Absent: the delete covers more than one row. */
  readonly row: readonly Bound[] | undefined;
  readonly set: readonly { readonly place: number; readonly value: Bound }[];
  /** Of a delete of a range of rows: what their clustering columns are; absent = all. */
  readonly range: readonly RangeTest[] | undefined;
  readonly guard: CompiledGuard | undefined;
  readonly timestamp: Bound | undefined;
}

export type CompiledGuard =
  | Exclude<Guard, { readonly type: 'equal' }>
  | { readonly type: 'equal'; readonly tests: readonly Test[] };

export type Compiled = CompiledSelect | CompiledWrite;

const cache = new Map<string, Compiled>();

/** Understands a statement once; throws at what the model does not know. */
export function compileCql(cql: string): Compiled {
  let compiled = cache.get(cql);
  if (compiled === undefined) {
    const statement = parseCql(cql);
    compiled = statement.type === 'select' ? compileSelect(statement) : compileWrite(statement);
    cache.set(cql, compiled);
  }
  return compiled;
}

type Select = Extract<Statement, { type: 'select' }>;
type Write = Exclude<Statement, Select>;

function shapeOf({ table }: Statement): TableShape {
  const shape = shapes.get(table);
  if (shape === undefined) throw new Error(`the model of Cassandra has no table ${table}`);
  return shape;
}

function compileSelect(statement: Select): CompiledSelect {
  const { table, where, columns, distinct, isAscending, limit } = statement;
  const shape = shapeOf(statement);
  const partition = keyOf(shape.key.partition, where);
  // What finds the partition holds of each of its rows.
  const isFound = ({ column, op }: Condition): boolean =>
    partition !== undefined && op === '=' && shape.key.partition.includes(column);
  return {
    type: 'select',
    table,
    partition,
    tests: where.filter((condition) => !isFound(condition)).map((it) => testOf(shape, it)),
    columns: columns.map(({ name, column, isWriteTime }) => ({
      name,
      cell: isWriteTime ? writeTimeOf(shape, column) : cellOf(shape, column),
      read: readerOf(isWriteTime ? 'offset' : column),
    })),
    distinct,
    isAscending,
    limit,
  };
}

function compileWrite(statement: Write): CompiledWrite {
  const { type, table, guard, timestamp } = statement;
  const shape = shapeOf(statement);
  const where = whereOf(statement);
  const partition = keyOf(shape.key.partition, where);
  if (partition === undefined) throw new Error('a write names its partition');
  const clustering = keyOf(shape.key.clustering, where);
  const range = statement.where.flatMap(({ column, op, value }) => {
    const place = shape.key.clustering.indexOf(column);
    if (op === 'IN') throw new Error('a write names its rows one by one');
    return place < 0 ? [] : [{ place, op, value: boundOf(value) }];
  });
  // A table without clustering columns has one row a partition.
  const isWhole = type === 'delete' && shape.key.clustering.length === 0;
  return {
    type,
    table,
    partition,
    row: isWhole ? undefined : (clustering ?? (type === 'delete' ? undefined : [])),
    set: setOf(shape, statement),
    range: range.length === 0 ? undefined : range,
    guard: guard && compileGuard(shape, guard),
    timestamp: timestamp && boundOf(timestamp),
  };
}

/** The columns that a write names, as conditions: those of an INSERT stand among its values. */
function whereOf(statement: Write): readonly Condition[] {
  if (statement.type !== 'insert') return statement.where;
  return statement.set.map(({ column, value }) => ({ column, op: '=', value }));
}

function setOf(shape: TableShape, statement: Write): CompiledWrite['set'] {
  if (statement.type === 'delete') {
    return statement.columns.map((column) => ({ place: shape.placeOf(column), value: () => null }));
  }
  const { partition, clustering } = shape.key;
  return statement.set
    .filter(({ column }) => !partition.includes(column) && !clustering.includes(column))
    .map(({ column, value }) => ({ place: shape.placeOf(column), value: boundOf(value) }));
}

function compileGuard(shape: TableShape, guard: Guard): CompiledGuard {
  if (guard.type !== 'equal') return guard;
  return { type: 'equal', tests: guard.conditions.map((condition) => testOf(shape, condition)) };
}

/** Values of the columns, all given by equality. */
function keyOf(
  columns: readonly string[],
  where: readonly Condition[],
): readonly Bound[] | undefined {
  const key: Bound[] = [];
  for (const column of columns) {
    const condition = where.find((it) => it.column === column && it.op === '=');
    if (condition === undefined) return undefined;
    key.push(boundOf(condition.value));
  }
  return key;
}

function boundOf(value: Value): Bound {
  if (!('param' in value)) return () => value.literal;
  const { param } = value;
  return (params) => params[param];
}

export function cellOf(shape: TableShape, column: string): Cell {
  const inPartition = shape.key.partition.indexOf(column);
  if (inPartition >= 0) return ({ partition }) => partition.key[inPartition];
  const inRow = shape.key.clustering.indexOf(column);
  if (inRow >= 0) return ({ row }) => row.key[inRow];
  const place = shape.placeOf(column);
  return ({ row, deletedAt }) => row.valueOf(place, deletedAt);
}

function writeTimeOf(shape: TableShape, column: string): Cell {
  const place = shape.placeOf(column);
  return ({ row, deletedAt }) => row.writtenAt(place, deletedAt);
}

function testOf(shape: TableShape, { column, op, value }: Condition): Test {
  return { cell: cellOf(shape, column), op, value: boundOf(value) };
}

export function holds({ cell, op, value }: Test, found: LiveRow | undefined, params: Params) {
  const left = found === undefined ? null : cell(found);
  const right = value(params);
  const isAbsent = (it: unknown): boolean => it === null || it === undefined;
  if (isAbsent(left) || isAbsent(right)) return isAbsent(left) && isAbsent(right);
  if (op === 'IN') return (right as readonly unknown[]).includes(left);
  return operators[op](compareCells(left, right));
}

/** Whether the clustering columns of a row are what a delete names. */
export function isInRange(
  range: readonly RangeTest[],
  params: Params,
): (key: readonly unknown[]) => boolean {
  const tests = range.map(({ place, op, value }) => ({ place, op, right: value(params) }));
  return (key) =>
    tests.every(({ place, op, right }) => operators[op](compareCells(key[place], right)));
}

/** The operators that compare. */
type Order = Exclude<Condition['op'], 'IN'>;

/** Whether an order satisfies an operator. */
const operators: Readonly<Record<Order, (order: number) => boolean>> = {
  '=': (order) => order === 0,
  '>=': (order) => order >= 0,
  '<=': (order) => order <= 0,
  '>': (order) => order > 0,
  '<': (order) => order < 0,
};
