import { compareCells } from './cells.ts';

/** A value and the client timestamp it was written with: of two writes the later one counts. */
interface Cell {
  readonly value: unknown;
  readonly timestamp: number;
}

/** A row as stored; it is visible while its marker or a value of it is younger than what deletes it. */
export class StoredRow {
  readonly key: readonly unknown[];
  readonly cells: Map<string, Cell> = new Map();
  markedAt = -1;
  deletedAt = -1;

  constructor(key: readonly unknown[]) {
    this.key = key;
  }

  write(column: string, value: unknown, timestamp: number): void {
    const cell = this.cells.get(column);
    if (cell === undefined || cell.timestamp <= timestamp) {
      this.cells.set(column, { value, timestamp });
    }
  }

  /** The values that `deletedAt` leaves; `undefined` when it leaves no row. */
  valueOf(column: string, deletedAt: number): unknown {
    const cell = this.cells.get(column);
    return cell === undefined || cell.timestamp <= deletedAt ? null : (cell.value ?? null);
  }

  /** When a value was written; `undefined` when there is none. */
  writtenAt(column: string, deletedAt: number): number | undefined {
    const cell = this.cells.get(column);
    if (cell === undefined || cell.timestamp <= deletedAt || cell.value === null) return undefined;
    return cell.timestamp;
  }

  isLive(deletedAt: number): boolean {
    if (this.markedAt > deletedAt) return true;
    for (const { value, timestamp } of this.cells.values()) {
      if (timestamp > deletedAt && value !== null && value !== undefined) return true;
    }
    return false;
  }
}

interface RangeTombstone {
  readonly column: number;
  readonly upTo: unknown;
  readonly timestamp: number;
}

/** One partition of a table: rows in clustering order, and what was deleted from it when. */
export class StoredPartition {
  readonly key: readonly unknown[];
  readonly rows: StoredRow[] = [];
  deletedAt = -1;
  readonly #ranges: RangeTombstone[] = [];

  constructor(key: readonly unknown[]) {
    this.key = key;
  }

  row(key: readonly unknown[]): StoredRow | undefined {
    return this.rows.find((row) => compareKeys(row.key, key) === 0);
  }

  rowForWrite(key: readonly unknown[]): StoredRow {
    let index = this.rows.length;
    for (; index > 0; index--) {
      const row = this.rows[index - 1] as StoredRow;
      const order = compareKeys(row.key, key);
      if (order === 0) return row;
      if (order < 0) break;
    }
    const row = new StoredRow(key);
    this.rows.splice(index, 0, row);
    return row;
  }

  deleteUpTo(upTo: unknown, timestamp: number): void {
    this.#ranges.push({ column: 0, upTo, timestamp });
  }

  /** Newest of all deletes that cover a row. */
  deletedAtOf(row: StoredRow): number {
    let deletedAt = Math.max(this.deletedAt, row.deletedAt);
    for (const range of this.#ranges) {
      if (range.timestamp > deletedAt && compareCells(row.key[range.column], range.upTo) <= 0) {
        deletedAt = range.timestamp;
      }
    }
    return deletedAt;
  }

  *liveRows(): Generator<{ readonly row: StoredRow; readonly deletedAt: number }> {
    for (const row of this.rows) {
      const deletedAt = this.deletedAtOf(row);
      if (row.isLive(deletedAt)) yield { row, deletedAt };
    }
  }
}

export function compareKeys(a: readonly unknown[], b: readonly unknown[]): number {
  for (let index = 0; index < a.length; index++) {
    const order = compareCells(a[index], b[index]);
    if (order !== 0) return order;
  }
  return 0;
}

/** Which columns find a partition, and which a row in it. */
export interface TableKey {
  readonly partition: readonly string[];
  readonly clustering: readonly string[];
}

export class StoredTable {
  readonly key: TableKey;
  readonly partitions: Map<string, StoredPartition> = new Map();

  constructor(key: TableKey) {
    this.key = key;
  }

  partition(key: readonly unknown[]): StoredPartition | undefined {
    return this.partitions.get(key.join('\0'));
  }

  partitionForWrite(key: readonly unknown[]): StoredPartition {
    const name = key.join('\0');
    let partition = this.partitions.get(name);
    if (partition === undefined) {
      partition = new StoredPartition(key);
      this.partitions.set(name, partition);
    }
    return partition;
  }
}
