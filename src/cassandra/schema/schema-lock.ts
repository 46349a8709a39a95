import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { NotSetUpError, StoreUnavailableError } from '../../model/errors.ts';
import type { CassandraDeps, CassandraSession } from '../session-types.ts';

/** The lock disappears by itself after this time, should its holder die. */
const lockExpiryMs = 60_000;
const lockExpirySeconds = lockExpiryMs / 1000;
const retryMs = 200;

/**
 * Runs `work` while this process holds the one lock of the keyspace, which JVM processes respect as
 * well (docs/format.md#tables). Waits a minute for it at most.
 *
 * @throws {StoreUnavailableError} another process holds the lock for too long
 */
export async function withSchemaLock<T>(
  { session, table, deps }: SchemaLock,
  work: () => Promise<T>,
): Promise<T> {
  const holder = `${hostname()} ${randomUUID()}`;
  const sinceMs = deps.clock.nowMs();
  while (!(await acquire({ session, table, deps }, { holder, sinceMs }))) {
    if (deps.clock.nowMs() - sinceMs >= lockExpiryMs) {
      throw new StoreUnavailableError(
        `the schema lock in ${table} was not released within ${lockExpiryMs} ms`,
      );
    }
    await deps.clock.sleep(retryMs);
  }
  try {
    return await work();
  } finally {
    // Only our own: it may have expired and belong to somebody else by now.
    await session.execute(`DELETE FROM ${table} WHERE id = ? IF metadata = ?`, [lockId, holder]);
  }
}

export interface SchemaLock {
  readonly session: CassandraSession;
  /** With its keyspace. */
  readonly table: string;
  readonly deps: CassandraDeps;
}

const lockId = 'kafka-journal';

/** A locks table that another process is creating may take so long to answer. */
const tableAppearsMs = 10_000;

async function acquire(
  { session, table, deps }: SchemaLock,
  { holder, sinceMs }: { readonly holder: string; readonly sinceMs: number },
): Promise<boolean> {
  const insert =
    `INSERT INTO ${table} (id, expiry_ms, timestamp, metadata) VALUES (?, ?, ?, ?) ` +
    `IF NOT EXISTS USING TTL ${lockExpirySeconds}`;
  const nowMs = deps.clock.nowMs();
  try {
    const [row] = await session.execute(insert, [lockId, lockExpiryMs, nowMs, holder]);
    // A lock of ours that a lost answer hid from us counts as well.
    return row?.['[applied]'] === true || row?.['metadata'] === holder;
  } catch (error) {
    if (error instanceof NotSetUpError && nowMs - sinceMs < tableAppearsMs) return false;
    throw error;
  }
}
