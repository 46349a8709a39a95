import type { Logger } from '../../observability/logger.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import type { Clock } from '../../runtime/clock.ts';

/** Cells by column name, as the driver decodes them: bigint as `Int64`, timestamp as `Date`. */
export type Row = Readonly<Record<string, unknown>>;

/**
 * Values in the order of the statement's `?`; `undefined` stays unset, `null` writes a tombstone.
 */
export type Params = readonly unknown[];

export interface Page {
  readonly rows: readonly Row[];
  /** Where the next page starts; `undefined` after the last one. */
  readonly next: string | undefined;
}

export interface CassandraDeps {
  readonly log: Logger;
  readonly clock: Clock;
}

/**
 * One connected driver. All statements are prepared, sent to a replica of their partition, marked
 * idempotent and carry a strictly increasing client timestamp, so a later write of this process
 * wins. A statement that a server refused for the moment is tried again, `settings.retries` times
 * at most and only until `readTimeoutMs` have passed: no call takes longer than twice that.
 */
export interface CassandraSession extends AsyncDisposable {
  /** One page of a SELECT, at the read consistency. */
  page(
    cql: string,
    params: Params,
    options?: CallOptions & { readonly from?: string | undefined },
  ): Promise<Page>;
  /** All rows of a SELECT that fits one page, at the read consistency. */
  select(cql: string, params: Params, options?: CallOptions): Promise<readonly Row[]>;
  /**
   * One INSERT, UPDATE or DELETE, at the write consistency. `timestamp` is its write timestamp in
   * microseconds; without it the driver's own, which ascend strictly.
   */
  write(cql: string, params: Params, timestamp?: number): Promise<void>;
  /**
   * One statement with many values, all of one partition: applied as one mutation, all or nothing.
   */
  writeBatch(cql: string, rows: readonly Params[], timestamp?: number): Promise<void>;
  /**
   * One conditional write (`IF`): the row that answers it, with `[applied]`. It is tried again like
   * any other, so what an earlier try stored may look like another process's doing.
   */
  writeIf(cql: string, params: Params): Promise<Row>;
  /** All rows of a SELECT, which sees every conditional write that was answered. */
  selectSerially(cql: string, params: Params, options?: CallOptions): Promise<readonly Row[]>;
  /** DDL and lock statements, at the client's own consistency; never sent twice. */
  execute(cql: string, params?: Params): Promise<readonly Row[]>;
}
