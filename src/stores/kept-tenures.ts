import { NotSetUpError } from '../model/errors.ts';
import { Offset, type Partition, type Topic } from '../model/position.ts';
import type { LastTenure, TenurePlace } from '../model/tenure.ts';
import type { CallOptions } from '../ports/call-options.ts';
import type { KnownTenures } from '../ports/replicated-journal.ts';

/**
 * How many of the oldest marks of a scope are looked at when a new one is stored, to remove those
 * that were superseded long ago. More than two, so that they get fewer however many there were.
 */
export const oldTenuresLookedAt = 100;

/** Reads the tables of tenures; every call throws `NotSetUpError` where they are not there. */
export interface TenureReads {
  /**
   * W: how far the opening marks of a partition are known; `undefined` = nobody keeps them.
   *
   * @throws {StoreUnavailableError} retryable
   */
  upTo(topic: Topic, partition: Partition, options?: CallOptions): Promise<Offset | undefined>;
  /**
   * The last mark of a scope at or before `upTo` that is stored.
   *
   * @throws {StoreUnavailableError} retryable
   */
  last(place: TenurePlace, upTo: Offset, options?: CallOptions): Promise<Offset | undefined>;
}

/** Also writes them. */
export interface TenureTables extends TenureReads {
  /**
   * The marks first, then W.
   *
   * @throws {StoreUnavailableError} may be stored in part; repeat it
   */
  save(known: KnownTenures, nowMs: number): Promise<void>;
}

/**
 * W is read before the marks: they are stored in the other order, so every mark up to the W that
 * was read is there.
 *
 * @throws {StoreUnavailableError} retryable
 */
export async function readLastTenure(
  tables: TenureReads,
  place: TenurePlace,
  upTo: Offset,
  options?: CallOptions,
): Promise<LastTenure> {
  try {
    const known = await tables.upTo(place.topic, place.partition, options);
    if (known === undefined || known < upTo) return 'unknown';
    return await tables.last(place, upTo, options);
  } catch (error) {
    if (error instanceof NotSetUpError) return 'unknown';
    throw error;
  }
}

/**
 * Prepares what {@link readLastTenure} sends, and proves the right to read, on tables that are
 * there.
 *
 * @throws {AccessDeniedError} the right to read them is missing
 * @throws {StoreUnavailableError} retryable
 */
export async function proveTenureReads(tables: TenureReads, options?: CallOptions): Promise<void> {
  const nowhere = { topic: '' as Topic, partition: 0 as Partition, scope: '' };
  try {
    await tables.upTo(nowhere.topic, nowhere.partition, options);
    await tables.last(nowhere, Offset.min, options);
  } catch (error) {
    if (!(error instanceof NotSetUpError)) throw error;
  }
}

/**
 * How long tables that were not there are taken for missing: no statement is sent for each round.
 */
const missingMs = 60_000;

/**
 * The writing side of a store whose tables of tenures may be missing: a keyspace of the JVM system,
 * a schema of an earlier version. They may be made at any time.
 */
export class KeptTenures {
  readonly #tables: TenureTables;
  #missingSinceMs: number | undefined;

  constructor(tables: TenureTables) {
    this.#tables = tables;
  }

  /**
   * W; `undefined` also where there are no tables.
   *
   * @throws {StoreUnavailableError} retryable
   */
  async upTo(
    topic: Topic,
    partition: Partition,
    options?: CallOptions,
  ): Promise<Offset | undefined> {
    try {
      return await this.#tables.upTo(topic, partition, options);
    } catch (error) {
      if (error instanceof NotSetUpError) return undefined;
      throw error;
    }
  }

  /**
   * Where there are no tables, and no opening marks to keep, nothing is stored.
   *
   * @throws {StoreUnavailableError} may be stored in part; repeat it
   * @throws {NotSetUpError} nothing stored: there are opening marks, and no tables to keep them in
   */
  async save(known: KnownTenures, nowMs: number): Promise<void> {
    const hasMarks = known.openings.length > 0;
    const since = this.#missingSinceMs;
    if (!hasMarks && since !== undefined && nowMs - since < missingMs) return;
    try {
      await this.#tables.save(known, nowMs);
      this.#missingSinceMs = undefined;
    } catch (error) {
      if (!(error instanceof NotSetUpError)) throw error;
      this.#missingSinceMs = nowMs;
      if (hasMarks) throw noTables(known, error);
    }
  }
}

function noTables({ topic, partition, openings }: KnownTenures, cause: Error): NotSetUpError {
  const offsets = openings.map(({ offset }) => offset).join(', ');
  return new NotSetUpError(
    `the opening marks of ${topic}:${partition} at ${offsets} cannot be kept (${cause.message}); ` +
      '"kafka-journal setup" creates the tables',
    { cause },
  );
}
