import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../runtime/clock.ts';
import { within } from '../../runtime/waiting.ts';

const require = createRequire(import.meta.url);

/** How long an orderly end may take: a server that does not answer must not hold up the process. */
const closeLimitMs = 2_000;

/** The members of the driver's client that are used here. */
export interface DriverClient {
  /** @throws the driver's own error: no host answers, or none takes the login */
  connect(): Promise<void>;
  /** @throws the driver's own error: it is connecting, or that has failed */
  shutdown(): Promise<void>;
}

/** Those that the driver does not show. */
interface ClientInternals {
  readonly options: { readonly policies: { readonly reconnection: ReconnectionPolicy } };
  readonly controlConnection: ControlConnection;
}

interface ReconnectionPolicy {
  newSchedule(): Pick<Iterator<number>, 'next'>;
}

interface ControlConnection {
  readonly hosts: HostMap;
  readonly metadata: Metadata;
  _reconnectionPolicy: ReconnectionPolicy;
  _reconnectionSchedule: Pick<Iterator<number>, 'next'>;
  _refresh(plan?: unknown): Promise<void>;
  on(event: 'newConnection', listener: (error: unknown) => void): void;
  shutdown(): void;
}

interface HostMap {
  values(): readonly Host[];
  on(event: 'remove', listener: (host: Host) => void): void;
}

interface Metadata {
  readonly keyspaces: Readonly<Record<string, { replicas?: object | undefined }>>;
  buildTokens(hosts: HostMap): void;
}

interface Host {
  shutdown(waitForPending: boolean): Promise<void>;
}

type Callback = (error?: Error) => void;

interface Connection {
  readonly options: object;
  readonly netClient: Socket;
  /** The handshake is done. */
  readonly connected: boolean;
  open: (callback: Callback) => void;
  send(): Promise<never>;
  sendStream(request: unknown, options: unknown, callback: Callback): void;
  clearAndInvokePending(error: Error): void;
}

const immediate: ReconnectionPolicy = { newSchedule: () => ({ next: () => ({ value: 0 }) }) };

/**
 * Owns what the driver opens for one client. The driver's own shutdown knows the hosts of the
 * moment and no more: a host that it has replaced goes on connecting, a connection that is being
 * opened is opened, and the next try to find a host has its timer, of up to ten minutes. Here
 * everything has ended when `close` resolves, and nothing is opened after it was called.
 */
export class DriverConnections {
  readonly #client: DriverClient;
  readonly #control: ControlConnection;
  readonly #open = new Set<Connection>();
  readonly #refreshes = new Set<Promise<void>>();
  /** The one under way that is no part of another one. */
  #refreshing: Promise<void> | undefined;
  readonly #closed = new AbortController();
  /** A host was replaced, or is gone, and the driver still asks it for the rows that it had. */
  #isRingOld = false;
  #connecting: Promise<void> | undefined;
  #isConnected = false;
  #closing: Promise<void> | undefined;

  /** @param client not connected yet */
  constructor(client: DriverClient) {
    const { options, controlConnection } = client as unknown as ClientInternals;
    this.#client = client;
    this.#control = controlConnection;
    owners.set(options, this);
    // Replaced or gone: it would go on connecting. What is under way on it is tried again on
    // another one.
    this.#control.hosts.on('remove', (host) => {
      this.#isRingOld = true;
      host.shutdown(false).catch(() => undefined);
    });
    this.#ownRefreshes(options.policies.reconnection);
  }

  /**
   * Connects to the hosts.
   *
   * @throws what the driver rejects with; shut it down all the same
   */
  async connect(): Promise<void> {
    this.#connecting = this.#client.connect();
    await this.#connecting;
    this.#isConnected = true;
  }

  /** Opens a connection of this client by `open`, unless it is closed. */
  open(connection: Connection, open: () => void, callback: Callback): void {
    if (this.#closed.signal.aborted) {
      callback(closedError());
      return;
    }
    open();
    this.#open.add(connection);
    connection.netClient.once('close', () => {
      this.#open.delete(connection);
      // Before the handshake is done the driver does not do this: requests would wait for the read
      // timeout, and the heartbeat would keep its timer.
      if (!connection.connected)
        connection.clearAndInvokePending(Object.assign(new Error(hungUp), { isSocketError: true }));
    });
  }

  /** Never rejects. A client that is still connecting fails to. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#closed.abort('closed');
    if (!this.#isConnected) await this.#giveUp();
    await this.#connecting?.catch(() => undefined);
    const bound = setTimeout(() => void this.#giveUp(), closeLimitMs);
    await this.#client.shutdown().catch(() => undefined);
    clearTimeout(bound);
    await this.#giveUp();
    // A refresh may still look up a name, which takes longer; it can open nothing any more.
    await within(Promise.all(this.#refreshes), closeLimitMs, systemClock);
    // What came after the first time: events that were on their way, a host that a refresh found.
    this.#control.shutdown();
    await Promise.all(this.#control.hosts.values().map((host) => host.shutdown(false)));
  }

  async #giveUp(): Promise<void> {
    await Promise.all([...this.#open].map(giveUp));
  }

  /**
   * A refresh looks for a host when the one that reports changes is lost. The driver does it again
   * after each failure, with a timer that nobody can end: here it comes at once, and the pause is
   * ours. After it has found one by the contact points, it listens twice for the loss of that one,
   * and would refresh twice, then four times, and so on: here there is one refresh at a time.
   */
  #ownRefreshes(policy: ReconnectionPolicy): void {
    const control = this.#control;
    const refresh = control._refresh.bind(control);
    let schedule = policy.newSchedule();
    let hasFailed = false;
    control._reconnectionPolicy = immediate;
    control._reconnectionSchedule = immediate.newSchedule();
    control.on('newConnection', (error) => {
      hasFailed = Boolean(error);
      if (hasFailed) return;
      schedule = policy.newSchedule();
      if (this.#isRingOld) this.#renewRing();
    });
    const own = (pauseMs: number, plan?: unknown): Promise<void> => {
      const refreshing = this.#unlessClosed(pauseMs, () => refresh(plan));
      this.#refreshes.add(refreshing);
      return refreshing.finally(() => this.#refreshes.delete(refreshing));
    };
    control._refresh = (plan) => {
      // With a plan it is part of another one.
      if (plan !== undefined) return own(0, plan);
      this.#refreshing ??= own(hasFailed ? schedule.next().value : 0).finally(() => {
        this.#refreshing = undefined;
      });
      return this.#refreshing;
    };
  }

  /**
   * The driver builds the map from rows to hosts once. When it has lost all hosts, it replaces them
   * by themselves: a statement would go to the one of before, which nobody connects any more, and
   * not to the new one, which has the same address.
   */
  #renewRing(): void {
    const { metadata, hosts } = this.#control;
    this.#isRingOld = false;
    metadata.buildTokens(hosts);
    for (const keyspace of Object.values(metadata.keyspaces)) keyspace.replicas = undefined;
  }

  async #unlessClosed(pauseMs: number, work: () => Promise<void>): Promise<void> {
    const { signal } = this.#closed;
    if (pauseMs > 0) await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
    if (!signal.aborted) await work();
  }
}

/** By the options, which the driver hands to every connection of a client. */
const owners = new WeakMap<object, DriverConnections>();

const { prototype } = require('cassandra-driver/lib/connection') as { prototype: Connection };
const openUnowned = prototype.open;
prototype.open = function (callback): void {
  const open = (): void => openUnowned.call(this, callback);
  const owner = owners.get(this.options);
  if (owner === undefined) open();
  else owner.open(this, open, callback);
};

/**
 * Fails what waits for an answer, and what somebody still asks: it would wait for the read timeout.
 */
async function giveUp(connection: Connection): Promise<void> {
  const error = closedError();
  const { netClient } = connection;
  connection.send = () => Promise.reject(error);
  connection.sendStream = (_request, _options, callback) => callback(error);
  const closed = new Promise((resolve) => netClient.once('close', resolve));
  netClient.destroy(error);
  await closed;
  // The driver does this itself only for a connection that has got through its start.
  connection.clearAndInvokePending(error);
}

const hungUp = 'the server closed the connection';

function closedError(): Error {
  return Object.assign(new Error('the Cassandra client is closed'), { isSocketError: true });
}
