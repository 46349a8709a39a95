import { boolean, duration, integer, matching, nonEmptyText, text } from '../kinds.ts';
import type { SettingReader } from '../setting-reader.ts';
import { readTrustedCertificates, type TlsSettings } from './tls-settings.ts';

/** How to reach and use PostgreSQL; resolved from a `postgres { … }` section. */
export interface PostgresSettings {
  /** Name of this program in the lists and logs of the server. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly database: string;
  /** `undefined` = the user that the process runs as. */
  readonly username: string | undefined;
  /** `undefined` = the server asks for none. */
  readonly password: string | undefined;
  /** `undefined` = no TLS. */
  readonly tls: TlsSettings | undefined;
  readonly maxConnections: number;
  /** Longest wait for a connection, a free one of the pool or a new one. */
  readonly connectTimeoutMs: number;
  /** Longest time that one statement may take, and that a failed read is tried again. */
  readonly queryTimeoutMs: number;
  /** Rows in a page at most. */
  readonly fetchSize: number;
  readonly schema: PostgresSchemaSettings;
}

/** The schema that holds the tables, and whether it may be created. */
export interface PostgresSchemaSettings {
  readonly name: string;
  /** Create what is missing of schema and tables. */
  readonly autoCreate: boolean;
}

const int32 = 0x7fffffff;
const positiveDuration = duration({ min: 1, max: int32 });
const schemaName = matching(
  /^[a-z_][a-z0-9_]{0,62}$/,
  'a name of lower-case letters, digits and _, at most 63, that starts with no digit',
);

/** Reads a `postgres { … }` section. */
export function readPostgresSettings(reader: SettingReader): PostgresSettings {
  return {
    name: reader.read('name', nonEmptyText),
    host: reader.read('host', matching(/^[^\s,]+$/, 'a host name or address')),
    port: reader.read('port', integer({ min: 1, max: 65_535 })),
    database: reader.read('database', nonEmptyText),
    username: reader.optional('username', nonEmptyText),
    password: reader.optional('password', text),
    tls: readTrustedCertificates(reader, {
      certificates: 'ssl-truststore-certificates',
      location: 'ssl-truststore-location',
      used: reader.read('ssl', boolean),
      usedWith: 'ssl = on',
    }),
    maxConnections: reader.read('max-connections', integer({ min: 1, max: 1_000 })),
    connectTimeoutMs: reader.read('connect-timeout', positiveDuration),
    queryTimeoutMs: reader.read('query-timeout', positiveDuration),
    fetchSize: reader.read('fetch-size', integer({ min: 1, max: 100_000 })),
    schema: {
      name: reader.read('schema.name', schemaName),
      autoCreate: reader.read('schema.auto-create', boolean),
    },
  };
}
