import {
  boolean,
  duration,
  integer,
  type Kind,
  listOf,
  matching,
  nonEmptyText,
  oneOf,
  text,
} from '../kinds.ts';
import type { SettingReader } from '../setting-reader.ts';
import { readTrustedCertificates, type TlsSettings } from './tls-settings.ts';

/** How to reach and use Cassandra; resolved from a `cassandra { … }` section. */
export interface CassandraSettings {
  /** Tries of a statement in all before it fails. */
  readonly retries: number;
  /** Events in one store partition of a journal created from now on: 2 .. 2^31-1. */
  readonly segmentSize: number;
  readonly consistency: {
    readonly read: Consistency;
    readonly write: Consistency;
    /** For the conditional writes that move a replicated offset. */
    readonly serial: SerialConsistency;
  };
  readonly client: CassandraClientSettings;
  readonly schema: CassandraSchemaSettings;
}

/** How many replicas answer a statement, in the names of the Cassandra drivers. */
export type Consistency =
  | 'ANY'
  | 'ONE'
  | 'TWO'
  | 'THREE'
  | 'QUORUM'
  | 'ALL'
  | 'LOCAL_QUORUM'
  | 'EACH_QUORUM'
  | 'LOCAL_ONE';

/** How many replicas agree on a conditional write. */
export type SerialConsistency = 'SERIAL' | 'LOCAL_SERIAL';

/** How to connect to Cassandra: section `client`. */
export interface CassandraClientSettings {
  readonly name: string;
  /** Host names or addresses, without port. */
  readonly contactPoints: readonly string[];
  readonly port: number;
  /** `undefined` = the data centre of the first contact point that answers. */
  readonly localDc: string | undefined;
  readonly authentication: { readonly username: string; readonly password: string } | undefined;
  /** `undefined` = no TLS. */
  readonly tls: TlsSettings | undefined;
  /** For DDL and the lock statements. */
  readonly consistency: Consistency;
  readonly serialConsistency: SerialConsistency;
  /** Rows in a page. */
  readonly fetchSize: number;
  readonly connectTimeoutMs: number;
  readonly readTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  readonly reconnection: { readonly minDelayMs: number; readonly maxDelayMs: number };
}

/** Names of the keyspace and tables, and what may be created: section `schema`. */
export interface CassandraSchemaSettings {
  /** Create missing tables. */
  readonly autoCreate: boolean;
  readonly keyspace: {
    readonly name: string;
    /** Create a missing keyspace, and the locks table. */
    readonly autoCreate: boolean;
    readonly replication: KeyspaceReplication;
  };
  readonly journalTable: string;
  readonly metaJournalTable: string;
  readonly pointerTable: string;
  readonly settingTable: string;
  readonly locksTable: string;
}

/** How many copies a new keyspace has: in all, or by data centre. */
export type KeyspaceReplication =
  | { readonly type: 'simple'; readonly factor: number }
  | { readonly type: 'network-topology'; readonly factors: Readonly<Record<string, number>> };

const int32 = 0x7fffffff;
const consistency: Kind<Consistency> = oneOf(
  'LOCAL_QUORUM',
  'QUORUM',
  'EACH_QUORUM',
  'ALL',
  'ONE',
  'TWO',
  'THREE',
  'LOCAL_ONE',
  'ANY',
);
const serialConsistency: Kind<SerialConsistency> = oneOf('SERIAL', 'LOCAL_SERIAL');
const positiveDuration = duration({ min: 1, max: int32 });
const positive = integer({ min: 1, max: int32 });
/** What a keyspace or a table may be called. */
export const cassandraName = matching(
  /^[a-zA-Z]\w{0,47}$/,
  'a name of letters, digits and _, at most 48, that starts with a letter',
);

/** Reads a `cassandra { … }` section. */
export function readCassandraSettings(reader: SettingReader): CassandraSettings {
  return {
    retries: reader.read('retries', positive),
    segmentSize: reader.read('segment-size', integer({ min: 2, max: int32 })),
    consistency: {
      read: reader.read('consistency-config.read', consistency),
      write: reader.read('consistency-config.write', consistency),
      serial: reader.read('consistency-config.serial', serialConsistency),
    },
    client: readClient(reader),
    schema: readSchema(reader),
  };
}

function readClient(reader: SettingReader): CassandraClientSettings {
  reader.refuse(
    'client.cloud-secure-connect-bundle',
    'is not supported; set contact-points and ssl',
  );
  const minDelayMs = reader.read('client.reconnection.min-delay', positiveDuration);
  const maxDelayMs = reader.read('client.reconnection.max-delay', positiveDuration);
  if (maxDelayMs < minDelayMs)
    reader.clash(
      'client.reconnection.max-delay',
      'client.reconnection.min-delay',
      `must be at least min-delay, ${minDelayMs} ms`,
    );
  return {
    name: reader.read('client.name', nonEmptyText),
    contactPoints: reader.read(
      'client.contact-points',
      listOf(matching(/^[^\s,/]+$/, 'a host name or address')),
    ),
    port: reader.read('client.port', integer({ min: 1, max: 65_535 })),
    localDc: reader.optional('client.load-balancing.local-dc', nonEmptyText),
    authentication: readAuthentication(reader),
    tls: readTrustedCertificates(reader, {
      certificates: 'client.ssl-truststore-certificates',
      location: 'client.ssl-truststore-location',
      used: reader.read('client.ssl', boolean),
      usedWith: 'client.ssl = on',
    }),
    consistency: reader.read('client.query.consistency', consistency),
    serialConsistency: reader.read('client.query.serial-consistency', serialConsistency),
    fetchSize: reader.read('client.query.fetch-size', positive),
    connectTimeoutMs: reader.read('client.socket.connect-timeout', positiveDuration),
    readTimeoutMs: reader.read('client.socket.read-timeout', positiveDuration),
    heartbeatIntervalMs: reader.read(
      'client.pooling.heartbeat-interval',
      duration({ min: 0, max: int32 }),
    ),
    reconnection: { minDelayMs, maxDelayMs },
  };
}

function readAuthentication(reader: SettingReader): CassandraClientSettings['authentication'] {
  const username = reader.optional('client.authentication.username', text);
  const password = reader.optional('client.authentication.password', text);
  if (username === undefined && password === undefined) return undefined;
  if (username === undefined || password === undefined) {
    const missing = username === undefined ? 'username' : 'password';
    reader.problem(
      `client.authentication.${missing}`,
      'is missing; username and password go together',
    );
  }
  return { username: username ?? '', password: password ?? '' };
}

function readSchema(reader: SettingReader): CassandraSchemaSettings {
  const table = (key: string): string => reader.read(`schema.${key}`, cassandraName);
  return {
    autoCreate: reader.read('schema.auto-create', boolean),
    keyspace: {
      name: reader.read('schema.keyspace.name', cassandraName),
      autoCreate: reader.read('schema.keyspace.auto-create', boolean),
      replication: readReplication(reader),
    },
    journalTable: table('journal-table'),
    metaJournalTable: table('meta-journal-table'),
    pointerTable: table('pointer-2-table'),
    settingTable: table('setting-table'),
    locksTable: table('locks-table'),
  };
}

const strategy = 'schema.keyspace.replication-strategy';

function readReplication(reader: SettingReader): KeyspaceReplication {
  const value = reader.config.value(strategy);
  if (value !== undefined && value.kind !== 'object') {
    reader.refuse(
      strategy,
      'must be an object { replication-strategy = Simple, simple { replication-factor = 1 } }',
    );
    return { type: 'simple', factor: 1 };
  }
  const type = reader.read(`${strategy}.replication-strategy`, oneOf('Simple', 'NetworkTopology'));
  const factor = reader.read(`${strategy}.simple.replication-factor`, positive);
  const factors = reader.read(
    `${strategy}.network-topology.replication-factors`,
    listOf(matching(/^[^\s:']+:[1-9]\d*$/, 'dc:factor')),
  );
  if (type === 'Simple') return { type: 'simple', factor };
  const byDc = factors.map((entry) => entry.split(':')).map(([dc, count]) => [dc, Number(count)]);
  return { type: 'network-topology', factors: Object.fromEntries(byDc) };
}
