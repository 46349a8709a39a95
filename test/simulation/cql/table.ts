import { compareCells } from './cells.ts';

/** Which columns find a partition, and which a row in it. */
export interface TableKey {
  readonly partition: readonly string[];
  readonly clustering: readonly string[];
  /** Rows of a partition come from the last to the first. */
  readonly isDescending?: true;
}

/**
 * A table as its statements know it: each other column has its place, given when it is first named.
 */
export class TableShape {
  readonly name: string;
  readonly key: TableKey;
  readonly columns: string[] = [];

  constructor(name: string, key: TableKey) {
    this.name = name;
    this.key = key;
  }

  /** Place of a column that is not part of the key. */
  placeOf(column: string): number {
    const place = this.columns.indexOf(column);
    return place >= 0 ? place : this.columns.push(column) - 1;
  }
}

/**
 * A row as stored; it is visible while its marker or a value of it is younger than what deletes it.
 * Of two writes of a value the one with the later client timestamp counts.
 */
export class StoredRow {
  readonly key: readonly unknown[];
  readonly #values: unknown[] = [];
  readonly #timestamps: number[] = [];
  markedAt = -1;
  deletedAt = -1;

  constructor(key: readonly unknown[]) {
    this.key = key;
  }

  write(place: number, value: unknown, timestamp: number): void {
    for (let next = this.#values.length; next <= place; next++) {
      this.#values.push(undefined);
      this.#timestamps.push(-1);
    }
    if (this.#timestampOf(place) > timestamp) return;
    this.#values[place] = value;
    this.#timestamps[place] = timestamp;
  }

  #timestampOf(place: number): number {
    return this.#timestamps[place] ?? -1;
  }

  /** The value that `deletedAt` leaves; `null` when it leaves none. */
  valueOf(place: number, deletedAt: number): unknown {
    return this.#timestampOf(place) <= deletedAt ? null : (this.#values[place] ?? null);
  }

  /** When a value was written; `undefined` when there is none. */
  writtenAt(place: number, deletedAt: number): number | undefined {
    const timestamp = this.#timestampOf(place);
    return timestamp <= deletedAt || this.#values[place] === null ? undefined : timestamp;
  }

  isLive(deletedAt: number): boolean {
    if (this.markedAt > deletedAt) return true;
    for (let place = 0; place < this.#values.length; place++) {
      if (this.#timestampOf(place) <= deletedAt) continue;
      const value = this.#values[place];
      if (value !== null && value !== undefined) return true;
    }
    return false;
  }

  /** Timestamp of the youngest write of it. */
  get youngest(): number {
    return this.#timestamps.reduce((a, b) => Math.max(a, b), this.markedAt);
  }
}

interface RangeTombstone {
  readonly covers: (key: readonly unknown[]) => boolean;
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
    for (const row of this.rows) if (compareKeys(row.key, key) === 0) return row;
    return undefined;
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

  /** @param covers which clustering keys */
  deleteRange(covers: RangeTombstone['covers'], timestamp: number): void {
    this.#ranges.push({ covers, timestamp });
  }

  /** Newest of all deletes that cover a row. */
  deletedAtOf(row: StoredRow): number {
    let deletedAt = Math.max(this.deletedAt, row.deletedAt);
    for (const { covers, timestamp } of this.#ranges) {
      if (timestamp > deletedAt && covers(row.key)) deletedAt = timestamp;
    }
    return deletedAt;
  }
}

function compareKeys(a: readonly unknown[], b: readonly unknown[]): number {
  for (let index = 0; index < a.length; index++) {
    const order = compareCells(a[index], b[index]);
    if (order !== 0) return order;
  }
  return 0;
}

/** Partitions by the columns of their key, one after the other. */
type Branch = Map<unknown, Branch | StoredPartition>;

export class StoredTable {
  readonly shape: TableShape;
  /** In the order of their first write. */
  readonly partitions: StoredPartition[] = [];
  readonly #root: Branch = new Map();

  constructor(shape: TableShape) {
    this.shape = shape;
  }

  partition(key: readonly unknown[]): StoredPartition | undefined {
    let found: Branch | StoredPartition | undefined = this.#root;
    for (const value of key) {
      if (!(found instanceof Map)) return undefined;
      found = found.get(value);
    }
    return found instanceof StoredPartition ? found : undefined;
  }

  partitionForWrite(key: readonly unknown[]): StoredPartition {
    return this.partition(key) ?? this.#add(new StoredPartition(key));
  }

  #add(partition: StoredPartition): StoredPartition {
    this.partitions.push(partition);
    const { key } = partition;
    let branch = this.#root;
    for (const value of key.slice(0, -1)) {
      const next = branch.get(value) ?? new Map();
      branch.set(value, next);
      branch = next as Branch;
    }
    branch.set(key.at(-1), partition);
    return partition;
  }
}
