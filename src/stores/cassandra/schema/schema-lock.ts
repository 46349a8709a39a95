import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { NotSetUpError, StoreUnavailableError } from '../../../model/errors.ts';
import type { CallOptions } from '../../../ports/call-options.ts';
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
 * @throws the abort reason when the signal fires before it is there
 */
export async function withSchemaLock<T>(lock: SchemaLock, work: () => Promise<T>): Promise<T> {
  const { table, deps } = lock;
  const holder = `${hostname()} ${randomUUID()}`;
  const sinceMs = deps.clock.steadyMs();
  while (!(await acquire(lock, holder, sinceMs))) {
    if (deps.clock.steadyMs() - sinceMs >= lockExpiryMs) {
      throw new StoreUnavailableError(
        `the schema lock in Cassandra's table ${table} was not released within ${lockExpiryMs} ms`,
      );
    }
    await deps.clock.sleep(retryMs, { signal: deps.signal });
  }
  try {
    return await work();
  } finally {
    await release(lock, holder);
  }
}

/** What the lock works with: one process at a time changes the schema. */
export interface SchemaLock {
  readonly session: CassandraSession;
  /** With its keyspace. */
  readonly table: string;
  /** When the signal fires nobody waits for the lock any more. */
  readonly deps: CassandraDeps & CallOptions;
}

const lockId = 'kafka-journal';

/**
 * A locks table that another process is creating, or that many want at once, may take so long to
 * answer.
 */
const answersWithinMs = 10_000;
const releaseTries = 3;

/** @param sinceMs when this process first wanted the lock */
async function acquire(
  { session, table, deps }: SchemaLock,
  holder: string,
  sinceMs: number,
): Promise<boolean> {
  const insert =
    `INSERT INTO ${table} (id, expiry_ms, timestamp, metadata) VALUES (?, ?, ?, ?) ` +
    `IF NOT EXISTS USING TTL ${lockExpirySeconds}`;
  const triedMs = deps.clock.steadyMs();
  try {
    const values = [lockId, lockExpiryMs, deps.clock.nowMs(), holder];
    const [row] = await session.execute(insert, values);
    // A lock of ours that a lost answer hid from us counts as well.
    return row?.['[applied]'] === true || row?.['metadata'] === holder;
  } catch (error) {
    // A try that timed out may have got the lock: the next one finds who holds it.
    const mayPass = error instanceof NotSetUpError || error instanceof StoreUnavailableError;
    if (mayPass && triedMs - sinceMs < answersWithinMs) return false;
    throw error;
  }
}

/**
 * Only our own: it may have expired and belong to somebody else by now. What cannot be released
 * expires.
 */
async function release({ session, table, deps }: SchemaLock, holder: string): Promise<void> {
  for (let tries = 1; tries <= releaseTries; tries++) {
    try {
      await session.execute(`DELETE FROM ${table} WHERE id = ? IF metadata = ?`, [lockId, holder]);
      return;
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      deps.log.debug({ table, err: error }, 'the schema lock in Cassandra is not released yet');
    }
  }
}
