import { auth, Client, policies, types } from 'cassandra-driver';
import type { CassandraSettings, Consistency } from '../config/cassandra-settings.ts';
import { ClosedError } from '../model/errors.ts';
import type { Logger } from '../observability/logger.ts';
import type { CallOptions } from '../ports/call-options.ts';
import type { Clock } from '../runtime/clock.ts';
import { unlessAborted } from '../runtime/concurrency.ts';
import { toJournalError } from './cassandra-errors.ts';
import { retryStatement, type StatementRetry } from './statement-retry.ts';

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
  /** One INSERT, UPDATE or DELETE, at the write consistency. */
  write(cql: string, params: Params): Promise<void>;
  /**
   * One statement with many values, all of one partition: applied as one mutation, all or nothing.
   */
  writeBatch(cql: string, rows: readonly Params[]): Promise<void>;
  /** DDL and lock statements, at the client's own consistency; never sent twice. */
  execute(cql: string, params?: Params): Promise<readonly Row[]>;
}

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
    if (level === 'error') deps.log.warn({ source }, message);
    else if (level === 'warning') deps.log.debug({ source }, message);
  });
  const connecting = client.connect();
  try {
    await unlessAborted(connecting, options?.signal);
  } catch (error) {
    // The driver cannot be stopped while it connects; it is closed once it has.
    connecting.then(() => client.shutdown()).catch(() => {});
    options?.signal?.throwIfAborted();
    throw toJournalError(error, `Cassandra at ${placesOf(settings)}`);
  }
  return new DriverSession(client, settings, deps);
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

/**
 * A schema change waits for all nodes to agree; on a busy cluster that takes longer than any read.
 */
const schemaTimeoutMs = 60_000;

/** What the driver's own shutdown calls for each host that it knows at that moment. */
interface ClosableHost {
  shutdown(waitForPending: boolean): Promise<void>;
}

class DriverSession implements CassandraSession {
  private readonly client: Client;
  /**
   * Every host ever seen: the driver replaces them when it has lost all, and forgets to end the
   * timers of the old ones, which would keep the process alive.
   */
  private readonly hosts = new Set<ClosableHost>();
  private readonly settings: CassandraSettings;
  private readonly deps: CassandraDeps;
  private readonly place: string;
  private readonly reading: { prepare: true; isIdempotent: true; consistency: number };
  private readonly writing: {
    prepare: true;
    isIdempotent: true;
    logged: false;
    consistency: number;
  };
  private closing: Promise<void> | undefined;

  constructor(client: Client, settings: CassandraSettings, deps: CassandraDeps) {
    this.client = client;
    for (const host of client.hosts.values()) this.hosts.add(host as unknown as ClosableHost);
    client.on('hostAdd', (host: ClosableHost) => this.hosts.add(host));
    this.settings = settings;
    this.deps = deps;
    this.place = `Cassandra at ${placesOf(settings)}`;
    const { read, write } = settings.consistency;
    this.reading = { prepare: true, isIdempotent: true, consistency: consistencyOf(read) };
    this.writing = {
      prepare: true,
      isIdempotent: true,
      logged: false,
      consistency: consistencyOf(write),
    };
  }

  async page(
    cql: string,
    params: Params,
    options?: CallOptions & { readonly from?: string | undefined },
  ): Promise<Page> {
    const from = options?.from;
    const query = from === undefined ? this.reading : { ...this.reading, pageState: from };
    const result = await this.call(
      () => this.client.execute(cql, params as unknown[], query),
      options,
    );
    return { rows: result.rows ?? [], next: result.pageState ?? undefined };
  }

  async select(cql: string, params: Params, options?: CallOptions): Promise<readonly Row[]> {
    return (await this.page(cql, params, options)).rows;
  }

  async write(cql: string, params: Params): Promise<void> {
    await this.call(() => this.client.execute(cql, params as unknown[], this.writing));
  }

  async writeBatch(cql: string, rows: readonly Params[]): Promise<void> {
    const queries = rows.map((params) => ({ query: cql, params: params as unknown[] }));
    await this.call(() => this.client.batch(queries, this.writing));
  }

  async execute(cql: string, params: Params = []): Promise<readonly Row[]> {
    this.assertOpen();
    const serialConsistency =
      this.settings.client.serialConsistency === 'SERIAL'
        ? types.consistencies.serial
        : types.consistencies.localSerial;
    const readTimeout = Math.max(schemaTimeoutMs, this.settings.client.readTimeoutMs);
    const options = {
      prepare: params.length > 0,
      isIdempotent: false,
      serialConsistency,
      readTimeout,
    };
    try {
      return (await this.client.execute(cql, params as unknown[], options)).rows ?? [];
    } catch (error) {
      throw toJournalError(error, this.place);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.closing ??= this.close();
    return this.closing;
  }

  private async close(): Promise<void> {
    await this.client.shutdown();
    for (const host of this.hosts) await host.shutdown(false);
  }

  private assertOpen(): void {
    if (this.closing !== undefined) throw new ClosedError('this Cassandra session is closed');
  }

  /** The hot path costs one promise; retries are set up only after a failure. */
  private async call<T>(run: () => Promise<T>, options?: CallOptions): Promise<T> {
    this.assertOpen();
    const signal = options?.signal;
    signal?.throwIfAborted();
    const deadlineMs = this.deps.clock.nowMs() + this.settings.client.readTimeoutMs;
    try {
      return await unlessAborted(run(), signal);
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      return await this.callAgain(run, error, { deadlineMs, signal });
    }
  }

  private async callAgain<T>(
    run: () => Promise<T>,
    failure: unknown,
    bounds: Pick<StatementRetry, 'deadlineMs' | 'signal'>,
  ): Promise<T> {
    const isOpen = (): boolean => this.closing === undefined;
    const options = { ...this.deps, ...bounds, attempts: this.settings.retries, isOpen };
    try {
      return await retryStatement(run, failure, options);
    } catch (error) {
      if (bounds.signal?.aborted) throw bounds.signal.reason;
      this.assertOpen();
      throw toJournalError(error, this.place);
    }
  }
}
