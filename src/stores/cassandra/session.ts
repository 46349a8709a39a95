import { auth, Client, policies, types } from 'cassandra-driver';
import type {
  CassandraSettings,
  Consistency,
  SerialConsistency,
} from '../../config/settings/cassandra-settings.ts';
import { ClosedError } from '../../model/errors.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import { unlessAborted } from '../../runtime/waiting.ts';
import { DriverConnections } from './driver-connections.ts';
import { toJournalError } from './errors.ts';
import type { CassandraDeps, CassandraSession, Page, Params, Row } from './session-types.ts';
import { retryStatement, type StatementRetry } from './statement-retry.ts';

/**
 * Connects.
 *
 * @throws {StoreUnavailableError} no contact point answers within `connectTimeoutMs`
 * @throws {AccessDeniedError} the credentials are refused
 * @throws the abort reason when `options.signal` fires
 */
export async function openCassandraSession(
  settings: CassandraSettings,
  deps: CassandraDeps,
  options?: CallOptions,
): Promise<CassandraSession> {
  options?.signal?.throwIfAborted();
  const client = new Client(clientOptions(settings));
  client.on('log', (level: string, source: string, message: string) => {
    const text = `Cassandra driver: ${message}`;
    if (level === 'error') deps.log.warn({ source }, text);
    else if (level === 'warning') deps.log.debug({ source }, text);
  });
  const connections = new DriverConnections(client);
  try {
    await unlessAborted(connections.connect(), options?.signal);
  } catch (error) {
    const closing = connections.close();
    // Not waited for: looking up a name takes its time.
    options?.signal?.throwIfAborted();
    await closing;
    throw toJournalError(error, `Cassandra at ${placesOf(settings)}`);
  }
  return new DriverSession(client, connections, settings, deps);
}

/** A CQL duration; the driver takes no other form. */
export function cqlDuration(days: number, nanos: bigint): unknown {
  return new types.Duration(0, days, types.Long.fromString(nanos.toString()));
}

/** Takes for local the data centre of the contact point that answered, where none is configured. */
class LocalDcPolicy extends policies.loadBalancing.DCAwareRoundRobinPolicy {
  override init(client: Client, hosts: HostMap, callback: EmptyCallback): void {
    const { host } = (client as unknown as WithControlConnection).controlConnection;
    Object.assign(this, { localDc: host.datacenter });
    super.init(client, hosts, callback);
  }
}

type HostMap = Parameters<policies.loadBalancing.LoadBalancingPolicy['init']>[1];
type EmptyCallback = Parameters<policies.loadBalancing.LoadBalancingPolicy['init']>[2];

interface WithControlConnection {
  readonly controlConnection: { readonly host: { readonly datacenter: string } };
}

function clientOptions(settings: CassandraSettings): ConstructorParameters<typeof Client>[0] {
  const { client } = settings;
  const { DCAwareRoundRobinPolicy, TokenAwarePolicy } = policies.loadBalancing;
  const byDc =
    client.localDc === undefined
      ? new LocalDcPolicy('')
      : new DCAwareRoundRobinPolicy(client.localDc);
  const { minDelayMs, maxDelayMs } = client.reconnection;
  return {
    contactPoints: [...client.contactPoints],
    protocolOptions: { port: client.port },
    // Long costs half of BigInt to decode, a third to encode (ADR 9).
    encoding: { useBigIntAsLong: false, useUndefinedAsUnset: true, map: Map },
    policies: {
      loadBalancing: new TokenAwarePolicy(byDc),
      reconnection: new policies.reconnection.ExponentialReconnectionPolicy(minDelayMs, maxDelayMs),
    },
    pooling: { heartBeatInterval: client.heartbeatIntervalMs },
    socketOptions: { connectTimeout: client.connectTimeoutMs, readTimeout: client.readTimeoutMs },
    queryOptions: { consistency: consistencyOf(client.consistency), fetchSize: client.fetchSize },
    ...(client.authentication && {
      authProvider: new auth.PlainTextAuthProvider(
        client.authentication.username,
        client.authentication.password,
      ),
    }),
    // The driver's own default accepts any certificate.
    ...(client.tls && {
      sslOptions: {
        rejectUnauthorized: true,
        ...(client.tls.ca.length > 0 && { ca: [...client.tls.ca] }),
      },
    }),
  };
}

function placesOf({ client: { contactPoints, port } }: CassandraSettings): string {
  return contactPoints.map((host) => `${host}:${port}`).join(', ');
}

const consistencies: Readonly<Record<Consistency, types.consistencies>> = {
  ANY: types.consistencies.any,
  ONE: types.consistencies.one,
  TWO: types.consistencies.two,
  THREE: types.consistencies.three,
  QUORUM: types.consistencies.quorum,
  ALL: types.consistencies.all,
  LOCAL_QUORUM: types.consistencies.localQuorum,
  EACH_QUORUM: types.consistencies.eachQuorum,
  LOCAL_ONE: types.consistencies.localOne,
};

function consistencyOf(name: Consistency): types.consistencies {
  return consistencies[name];
}

function serialConsistencyOf(name: SerialConsistency): types.consistencies {
  return name === 'SERIAL' ? types.consistencies.serial : types.consistencies.localSerial;
}

/**
 * A schema change waits for all nodes to agree; on a busy cluster that takes longer than any read.
 */
const schemaTimeoutMs = 60_000;

class DriverSession implements CassandraSession {
  readonly #client: Client;
  readonly #connections: DriverConnections;
  readonly #settings: CassandraSettings;
  readonly #deps: CassandraDeps;
  readonly #place: string;
  readonly #reading: { prepare: true; isIdempotent: true; consistency: number };
  readonly #writing: {
    prepare: true;
    isIdempotent: true;
    logged: false;
    consistency: number;
    serialConsistency: number;
  };
  /** A SELECT at a serial consistency also settles the conditional writes that are under way. */
  readonly #readingSerially: { prepare: true; isIdempotent: true; consistency: number };
  #closing: Promise<void> | undefined;

  constructor(
    client: Client,
    connections: DriverConnections,
    settings: CassandraSettings,
    deps: CassandraDeps,
  ) {
    this.#client = client;
    this.#connections = connections;
    this.#settings = settings;
    this.#deps = deps;
    this.#place = `Cassandra at ${placesOf(settings)}`;
    const { read, write } = settings.consistency;
    const serial = serialConsistencyOf(settings.consistency.serial);
    const statement = { prepare: true, isIdempotent: true } as const;
    this.#reading = { ...statement, consistency: consistencyOf(read) };
    this.#readingSerially = { ...statement, consistency: serial };
    this.#writing = {
      ...statement,
      logged: false,
      consistency: consistencyOf(write),
      serialConsistency: serial,
    };
  }

  async page(
    cql: string,
    params: Params,
    options?: CallOptions & { readonly from?: string | undefined },
  ): Promise<Page> {
    const from = options?.from;
    const query = from === undefined ? this.#reading : { ...this.#reading, pageState: from };
    const result = await this.#call(
      () => this.#client.execute(cql, params as unknown[], query),
      options,
    );
    return { rows: result.rows ?? [], next: result.pageState ?? undefined };
  }

  async select(cql: string, params: Params, options?: CallOptions): Promise<readonly Row[]> {
    return (await this.page(cql, params, options)).rows;
  }

  async selectSerially(
    cql: string,
    params: Params,
    options?: CallOptions,
  ): Promise<readonly Row[]> {
    const query = this.#readingSerially;
    const run = () => this.#client.execute(cql, params as unknown[], query);
    return (await this.#call(run, options)).rows ?? [];
  }

  async write(cql: string, params: Params, timestamp?: number): Promise<void> {
    const options = this.#writingAt(timestamp);
    await this.#call(() => this.#client.execute(cql, params as unknown[], options));
  }

  async writeBatch(cql: string, rows: readonly Params[], timestamp?: number): Promise<void> {
    const queries = rows.map((params) => ({ query: cql, params: params as unknown[] }));
    const options = this.#writingAt(timestamp);
    await this.#call(() => this.#client.batch(queries, options));
  }

  async writeIf(cql: string, params: Params): Promise<Row> {
    const run = () => this.#client.execute(cql, params as unknown[], this.#writing);
    return (await this.#call(run)).rows[0] ?? {};
  }

  #writingAt(timestamp: number | undefined) {
    return timestamp === undefined ? this.#writing : { ...this.#writing, timestamp };
  }

  async execute(cql: string, params: Params = []): Promise<readonly Row[]> {
    this.#assertOpen();
    const serialConsistency = serialConsistencyOf(this.#settings.client.serialConsistency);
    const readTimeout = Math.max(schemaTimeoutMs, this.#settings.client.readTimeoutMs);
    const options = {
      prepare: params.length > 0,
      isIdempotent: false,
      serialConsistency,
      readTimeout,
    };
    try {
      return (await this.#client.execute(cql, params as unknown[], options)).rows ?? [];
    } catch (error) {
      throw toJournalError(error, this.#place);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    if (this.#closing === undefined) {
      // The driver forgets what is under way, and would take its late answers for faults of the
      // server.
      this.#client.removeAllListeners('log');
      this.#closing = this.#connections.close();
    }
    return this.#closing;
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw new ClosedError('this Cassandra session is closed');
  }

  /** The hot path costs one promise; retries are set up only after a failure. */
  async #call<T>(run: () => Promise<T>, options?: CallOptions): Promise<T> {
    this.#assertOpen();
    const signal = options?.signal;
    signal?.throwIfAborted();
    const deadlineMs = this.#deps.clock.steadyMs() + this.#settings.client.readTimeoutMs;
    try {
      return await unlessAborted(run(), signal);
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      return await this.#callAgain(run, error, { deadlineMs, signal });
    }
  }

  async #callAgain<T>(
    run: () => Promise<T>,
    failure: unknown,
    bounds: Pick<StatementRetry, 'deadlineMs' | 'signal'>,
  ): Promise<T> {
    const isOpen = (): boolean => this.#closing === undefined;
    const options = { ...this.#deps, ...bounds, attempts: this.#settings.retries, isOpen };
    try {
      return await retryStatement(run, failure, options);
    } catch (error) {
      if (bounds.signal?.aborted) throw bounds.signal.reason;
      this.#assertOpen();
      throw toJournalError(error, this.#place);
    }
  }
}
