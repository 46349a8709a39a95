import type { Logger } from '../../observability/logger.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import type { Clock } from '../../runtime/clock.ts';

/** Cells by column name, as the driver decodes them: bigint as `Int64`, timestamp as `Date`. */
export type Row = Readonly<Record<string, unknown>>;

/**
 * Values in the order of the statement's `?`; `undefined` stays unset, `null` writes a tombstone.
 */
export type Params = readonly unknown[];

/** Some rows of an answer, and where the next page begins. */
export interface Page {
  readonly rows: readonly Row[];
  /** Where the next page starts; `undefined` after the last one. */
  readonly next: string | undefined;
}

/** What a session works with; it stays the caller's. */
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
  /**
   * One page of a SELECT, at the read consistency.
   *
   * @throws {StoreUnavailableError} nothing is changed; retryable
   */
  page(
    cql: string,
    params: Params,
    options?: CallOptions & { readonly from?: string | undefined },
  ): Promise<Page>;
  /**
   * All rows of a SELECT that fits one page, at the read consistency.
   *
   * @throws {StoreUnavailableError} nothing is changed; retryable
   */
  select(cql: string, params: Params, options?: CallOptions): Promise<readonly Row[]>;
  /**
   * One INSERT, UPDATE or DELETE, at the write consistency. `timestamp` is its write timestamp in
   * microseconds; without it the driver's own, which ascend strictly.
   *
   * @throws {StoreUnavailableError} may be stored; repeat it
   */
  write(cql: string, params: Params, timestamp?: number): Promise<void>;
  /**
   * One statement with many values, all of one partition: applied as one mutation, all or nothing.
   *
   * @throws {StoreUnavailableError} may be stored, whole; repeat it
   */
  writeBatch(cql: string, rows: readonly Params[], timestamp?: number): Promise<void>;
  /**
   * One conditional write (`IF`): the row that answers it, with `[applied]`. It is tried again like
   * any other, so what an earlier try stored may look like another process's doing.
   *
   * @throws {StoreUnavailableError} may be stored; repeat it
   */
  writeIf(cql: string, params: Params): Promise<Row>;
  /**
   * All rows of a SELECT, which sees every conditional write that was answered.
   *
   * @throws {StoreUnavailableError} nothing is changed; retryable
   */
  selectSerially(cql: string, params: Params, options?: CallOptions): Promise<readonly Row[]>;
  /**
   * DDL and lock statements, at the client's own consistency; never sent twice.
   *
   * @throws {StoreUnavailableError} may be done; look before it is sent again
   */
  execute(cql: string, params?: Params): Promise<readonly Row[]>;
}
