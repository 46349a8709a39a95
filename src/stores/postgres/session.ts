import { Socket } from 'node:net';
import { Pool, type PoolClient, types } from 'pg';
import type { PostgresSettings } from '../../config/settings/postgres-settings.ts';
import { ClosedError, StoreUnavailableError } from '../../model/errors.ts';
import type { Logger } from '../../observability/logger.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import type { Clock } from '../../runtime/clock.ts';
import { retry } from '../../runtime/retry.ts';
import { unlessAborted } from '../../runtime/waiting.ts';
import { keepsConnection, toJournalError } from './errors.ts';

/**
 * A statement that each connection prepares once; `name` is unique among those of a session. One
 * without a name is prepared each time.
 */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

/** Values in the order of `$1`, `$2`, …; a list is an array of the server. */
export type Params = readonly (Cell | readonly Cell[])[];
/** What a parameter may be. */
export type Cell = string | number | null | Uint8Array;

/** Runs one statement of a transaction. `Row` is a tuple in the order of the columns. */
export type Run = <Row extends readonly unknown[]>(
  statement: Statement,
  params: Params,
) => Promise<readonly Row[]>;

/** What a session works with; it stays the caller's. */
export interface PostgresDeps {
  readonly log: Logger;
  readonly clock: Clock;
}

/**
 * A bounded pool of connections. Cells are decoded as `bigint` → safe integer, or a `bigint` that
 * is none, `bytea` → bytes, anything else → text or, for `integer`, number. A statement ends after
 * `queryTimeoutMs`, on the server as well; a connection that failed is closed, which ends its
 * transaction.
 */
export interface PostgresSession extends AsyncDisposable {
  /**
   * A SELECT: tried again, for `queryTimeoutMs` at most, while the server is away.
   *
   * @throws {StoreUnavailableError} nothing is changed; retryable
   */
  read<Row extends readonly unknown[]>(
    statement: Statement,
    params: Params,
    options?: CallOptions,
  ): Promise<readonly Row[]>;
  /**
   * One statement that writes, a transaction of its own: sent once, never again.
   *
   * @throws {StoreUnavailableError} may be stored
   */
  write<Row extends readonly unknown[]>(
    statement: Statement,
    params: Params,
  ): Promise<readonly Row[]>;
  /**
   * All statements of `work`, or none of them; sent once, never again.
   *
   * @throws {StoreUnavailableError} may be stored, whole
   * @throws what `work` throws; nothing is stored
   */
  transaction<T>(work: (run: Run) => Promise<T>): Promise<T>;
}

/** Calls that may wait for a connection; each waits no longer than `connectTimeoutMs`. */
const maxWaitingCalls = 10_000;
const idleTimeoutMs = 60_000;
/**
 * How long closing waits for answers, and until the server has closed its end: one that stands
 * still must not hold up the process.
 */
const closeLimitMs = 2_000;
/** The server ends a statement first: its error says more than silence does. */
const serverAheadMs = 500;
const readBackoff = { initialMs: 50, maxMs: 1_000 };
const readAttempts = 100;

/**
 * Connects once, to find a wrong address or login at the start.
 *
 * @throws {StoreUnavailableError} the server does not answer within `connectTimeoutMs`
 * @throws {AccessDeniedError} the login is refused
 * @throws {NotSetUpError} there is no such database
 * @throws the abort reason when `options.signal` fires
 */
export async function openPostgresSession(
  settings: PostgresSettings,
  deps: PostgresDeps,
  options?: CallOptions,
): Promise<PostgresSession> {
  options?.signal?.throwIfAborted();
  const session = new PoolSession(settings, deps);
  try {
    await unlessAborted(session.connectOnce(), options?.signal);
    return session;
  } catch (error) {
    await session[Symbol.asyncDispose]();
    throw error;
  }
}

/** `host:port/database`, for messages. */
export function placeOf({ host, port, database }: PostgresSettings): string {
  return `PostgreSQL at ${host}:${port}/${database}`;
}

const oids = { bytea: 17, int8: 20, int4: 23 } as const;
const parseBytes = types.getTypeParser(oids.bytea);

const cellTypes = {
  getTypeParser(oid: number): (text: string) => unknown {
    if (oid === oids.int8) return integerOf;
    if (oid === oids.int4) return Number;
    return oid === oids.bytea ? parseBytes : (text) => text;
  },
};

/**
 * A `bigint` where no `number` holds it: whoever decodes the row refuses it, and knows its place.
 */
function integerOf(text: string): number | bigint {
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : BigInt(text);
}

class PoolSession implements PostgresSession {
  readonly #pool: Pool;
  readonly #settings: PostgresSettings;
  readonly #deps: PostgresDeps;
  readonly #place: string;
  /** Of all connections, until the server has closed them too. */
  readonly #sockets = new Set<Socket>();
  #closing: Promise<void> | undefined;

  constructor(settings: PostgresSettings, deps: PostgresDeps) {
    this.#settings = settings;
    this.#deps = deps;
    this.#place = placeOf(settings);
    const stream = (): Socket => {
      const socket = new Socket();
      this.#sockets.add(socket);
      return socket.once('close', () => this.#sockets.delete(socket));
    };
    this.#pool = new Pool({ ...poolConfig(settings), stream });
    const note = (err: Error): void => deps.log.debug({ err }, 'a PostgreSQL connection failed');
    this.#pool.on('error', note);
    // One that is in use has no listener of the pool, and would end the process.
    this.#pool.on('connect', (client) => client.on('error', note));
  }

  async connectOnce(): Promise<void> {
    (await this.#connect()).release();
  }

  async read<Row extends readonly unknown[]>(
    statement: Statement,
    params: Params,
    options?: CallOptions,
  ): Promise<readonly Row[]> {
    const signal = options?.signal;
    signal?.throwIfAborted();
    const { clock } = this.#deps;
    const deadlineMs = clock.steadyMs() + this.#settings.queryTimeoutMs;
    const inTime = (): boolean => this.#closing === undefined && clock.steadyMs() < deadlineMs;
    return await retry(() => unlessAborted(this.write<Row>(statement, params), signal), {
      backoff: readBackoff,
      attempts: readAttempts,
      clock,
      random: Math.random,
      retryable: (error) => error instanceof StoreUnavailableError && inTime(),
      signal,
    });
  }

  async write<Row extends readonly unknown[]>(
    statement: Statement,
    params: Params,
  ): Promise<readonly Row[]> {
    return await this.#withClient((client) => runOn<Row>(client, statement, params));
  }

  async transaction<T>(work: (run: Run) => Promise<T>): Promise<T> {
    return await this.#withClient(async (client) => {
      try {
        await client.query('BEGIN');
        const result = await work((statement, params) => runOn(client, statement, params));
        await client.query('COMMIT');
        return result;
      } catch (error) {
        // Without a connection there is no transaction.
        throw new EndedTransaction(error);
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  async #close(): Promise<void> {
    const bound = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
    }, closeLimitMs);
    await this.#pool.end();
    await Promise.all(
      [...this.#sockets].map((socket) => new Promise((end) => socket.once('close', end))),
    );
    clearTimeout(bound);
  }

  async #withClient<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    const client = await this.#connect();
    try {
      const result = await work(client);
      client.release();
      return result;
    } catch (error) {
      client.release(!keepsConnection(error));
      throw this.#described(error);
    }
  }

  async #connect(): Promise<PoolClient> {
    if (this.#closing !== undefined) throw new ClosedError('this PostgreSQL session is closed');
    if (this.#pool.waitingCount >= maxWaitingCalls) {
      throw new StoreUnavailableError(
        `${maxWaitingCalls} calls wait for a connection to ${this.#place}`,
      );
    }
    try {
      return await this.#pool.connect();
    } catch (error) {
      throw this.#described(error);
    }
  }

  #described(error: unknown): Error {
    const cause = error instanceof EndedTransaction ? error.cause : error;
    return toJournalError(cause, this.#place);
  }
}

/** Not an error of the server that a connection may survive. */
class EndedTransaction extends Error {
  constructor(cause: unknown) {
    super('the transaction has ended', { cause });
  }
}

async function runOn<Row extends readonly unknown[]>(
  client: PoolClient,
  { name, text }: Statement,
  params: Params,
): Promise<readonly Row[]> {
  const values = params as unknown[];
  const { rows } = await client.query<unknown[]>({ name, text, values, rowMode: 'array' });
  return rows as unknown as readonly Row[];
}

/**
 * Stands for none where the server asks for one, and is refused. An empty one the driver refuses
 * itself, and leaves its socket open, for which the server then waits a minute.
 */
const noPassword = ' ';

/**
 * All reads here walk an index in its order. Among many short journals the planner expects a long
 * one to be short as well: it would fetch and sort the rest of it for each page.
 */
const plannerOptions = '-c enable_bitmapscan=off';

function poolConfig(settings: PostgresSettings): ConstructorParameters<typeof Pool>[0] {
  const { host, port, database, username, password, tls, queryTimeoutMs } = settings;
  return {
    host,
    port,
    database,
    ...(username === undefined ? {} : { user: username }),
    // Given as a function: else the driver would look for a password file.
    password: () => password || noPassword,
    application_name: settings.name,
    // The driver's own default accepts any certificate.
    ssl: tls && { rejectUnauthorized: true, ...(tls.ca.length > 0 && { ca: [...tls.ca] }) },
    keepAlive: true,
    max: settings.maxConnections,
    connectionTimeoutMillis: settings.connectTimeoutMs,
    idleTimeoutMillis: idleTimeoutMs,
    statement_timeout: queryTimeoutMs,
    // A process that stands still must not hold its locks.
    idle_in_transaction_session_timeout: queryTimeoutMs,
    query_timeout: queryTimeoutMs + serverAheadMs,
    options: plannerOptions,
    types: cellTypes as unknown as typeof types,
  };
}
