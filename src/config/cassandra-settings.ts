import type { TlsSettings } from './kafka-settings.ts';

/** How to reach and use Cassandra; resolved from a `cassandra { … }` section. */
export interface CassandraSettings {
  /** Tries of a statement in all before it fails. */
  readonly retries: number;
  /** Events in one store partition of a journal created from now on: 2 .. 2^31-1. */
  readonly segmentSize: number;
  readonly consistency: { readonly read: Consistency; readonly write: Consistency };
  readonly client: CassandraClientSettings;
  readonly schema: CassandraSchemaSettings;
}

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
  readonly serialConsistency: 'SERIAL' | 'LOCAL_SERIAL';
  /** Rows in a page. */
  readonly fetchSize: number;
  readonly connectTimeoutMs: number;
  readonly readTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  readonly reconnection: { readonly minDelayMs: number; readonly maxDelayMs: number };
}

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

export type KeyspaceReplication =
  | { readonly type: 'simple'; readonly factor: number }
  | { readonly type: 'network-topology'; readonly factors: Readonly<Record<string, number>> };
