import { boolean, duration, integer, matching, nonEmptyText, size, text } from '../kinds.ts';
import type { SettingReader } from '../setting-reader.ts';
import { readNear } from './tls-settings.ts';

/** How the instances of a service share the partitions of its journals; section `fleet`. */
export interface FleetSettings {
  /** Consumer group of the instances; on an embedded journal the name in the file. */
  readonly group: string;
  /** A member from which nothing was heard for so long is expelled. */
  readonly sessionTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  /**
   * Partitions that have an owner move for balance only when no member came or went for so long.
   */
  readonly balanceDelayMs: number;
  /** How long an entity that moves may take to end what it has in hand. */
  readonly handOverTimeoutMs: number;
  readonly remote: RemoteSettings;
}

/** How the instances reach each other; section `fleet.remote`. */
export interface RemoteSettings {
  /** The name or address of this instance for the others; it listens there, too. */
  readonly host: string;
  /** 0 = any free one. */
  readonly port: number;
  /** Where it listens, when that is not `host`. */
  readonly bindHost: string | undefined;
  /** The word that all instances know; `undefined` = none is asked for. */
  readonly token: string | undefined;
  /** Calls under way to all other instances, and as many from them. */
  readonly maxCallsInFlight: number;
  /** Bytes of one request or answer. */
  readonly maxMessageBytes: number;
  /** Bytes of all requests and answers under way with other instances; as many again from them. */
  readonly maxBytesInFlight: number;
  /** `undefined` = plain HTTP. */
  readonly tls: RemoteTls | undefined;
}

/** PEM texts; both sides of a connection show a certificate of `ca`. */
export interface RemoteTls {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

const int32 = 0x7fffffff;
const positive = duration({ min: 1, max: int32 });
const loopback = /^(localhost|127\.\d+\.\d+\.\d+|::1)$/;
const anyAddress = /^(0\.0\.0\.0|::)$/;
/** It travels in a header. */
const tokenText = matching(/^[!-~]{1,1024}$/, 'up to 1024 visible ASCII characters, no space');

/** `undefined` = no fleet: the process hosts whatever it is asked for. */
export function readFleet(reader: SettingReader): FleetSettings | undefined {
  const enabled = reader.read('fleet.enabled', boolean);
  const settings: FleetSettings = {
    group: reader.read('fleet.group', nonEmptyText),
    sessionTimeoutMs: reader.read('fleet.session-timeout', positive),
    heartbeatIntervalMs: reader.read('fleet.heartbeat-interval', positive),
    balanceDelayMs: reader.read('fleet.balance-delay', duration({ min: 0, max: int32 })),
    handOverTimeoutMs: reader.read('fleet.hand-over-timeout', positive),
    remote: readRemote(reader, enabled),
  };
  if (!enabled) return undefined;
  if (settings.heartbeatIntervalMs * 3 > settings.sessionTimeoutMs) {
    const why = 'must be at most a third of session-timeout: one that comes late must not expel';
    reader.clash('fleet.heartbeat-interval', 'fleet.session-timeout', why);
  }
  return settings;
}

function readRemote(reader: SettingReader, enabled: boolean): RemoteSettings {
  const host = reader.read('fleet.remote.host', nonEmptyText);
  const token = reader.optional('fleet.remote.token', tokenText);
  const bindHost = reader.optional('fleet.remote.bind-host', nonEmptyText);
  const tls = readTls(reader, enabled);
  const isOpen = !loopback.test(host) || (bindHost !== undefined && !loopback.test(bindHost));
  if (enabled && isOpen && token === undefined && tls === undefined) {
    const why =
      'is missing: whoever reaches the port could send commands. Set it, or fleet.remote.tls';
    reader.problem('fleet.remote.token', why);
  }
  if (enabled && anyAddress.test(host)) {
    const why = 'must be an address that others can reach; set fleet.remote.bind-host to listen at';
    reader.problem('fleet.remote.host', `${why} ${host}`);
  }
  const maxMessageBytes = reader.read(
    'fleet.remote.max-message-size',
    size({ min: 1024, max: int32 }),
  );
  const maxBytesInFlight = reader.read(
    'fleet.remote.max-size-in-flight',
    size({ min: 1024, max: Number.MAX_SAFE_INTEGER }),
  );
  if (enabled && maxBytesInFlight < maxMessageBytes) {
    const why = 'must not be below max-message-size: such a message could never be sent';
    reader.clash('fleet.remote.max-size-in-flight', 'fleet.remote.max-message-size', why);
  }
  return {
    host,
    port: reader.read('fleet.remote.port', integer({ min: 0, max: 65_535 })),
    bindHost,
    token,
    maxCallsInFlight: reader.read(
      'fleet.remote.max-calls-in-flight',
      integer({ min: 1, max: int32 }),
    ),
    maxMessageBytes,
    maxBytesInFlight,
    tls,
  };
}

const tlsKeys = ['ca', 'certificate', 'key'] as const;

function readTls(reader: SettingReader, enabled: boolean): RemoteTls | undefined {
  const [ca, certificate, key] = tlsKeys.map((name) => readPem(reader, name, enabled));
  const written = [ca, certificate, key].filter((pem) => pem !== undefined).length;
  if (ca !== undefined && certificate !== undefined && key !== undefined) {
    return { ca, certificate, key };
  }
  if (enabled && written > 0) {
    reader.problem('fleet.remote.tls', 'needs all of ca, certificate and key');
  }
  return undefined;
}

function readPem(reader: SettingReader, name: string, enabled: boolean): string | undefined {
  const path = `fleet.remote.tls.${name}`;
  const location = reader.optional(path, text);
  if (location === undefined || !enabled) return undefined;
  const content = readNear(reader.config.originOf(path)?.file, location);
  if (content === undefined)
    reader.problem(path, `must be a file that can be read, not ${location}`);
  return content ?? '';
}
