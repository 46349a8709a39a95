/** Where the servers came from: addresses given by the environment, containers, or Java processes. */
export type StackSource = 'environment' | 'containers' | 'java';

/**
 * `quick` loses its tables when killed and starts a second sooner; `keep` survives `kill -9`;
 * `bench` runs as an installed server does: compilers, heap and commit log at their defaults.
 * Suites that never restart a server take `quick`.
 */
export const stackProfiles = ['quick', 'keep', 'bench'] as const;
export type StackProfile = (typeof stackProfiles)[number];

/** One running server. */
export interface StackServer {
  /** `host:port` for clients; of PostgreSQL a URL with user, password and database. */
  readonly address: string;
  /** Process id while it runs as a process of ours. */
  readonly pid?: number | undefined;
  /**
   * Ends the server and resolves when its process is gone. SIGKILL is a crash, SIGTERM a stop.
   *
   * @throws when the server belongs to somebody else (its address came from the environment)
   */
  kill(signal: 'SIGKILL' | 'SIGTERM'): Promise<void>;
  /** Starts a killed server on the same ports and data; resolves when it answers requests. */
  start(): Promise<void>;
  /** SIGSTOP: sockets stay open, nothing answers. */
  pause(): Promise<void>;
  /** SIGCONT. */
  resume(): Promise<void>;
}

export interface CassandraServer extends StackServer {
  /** Local data centre, which drivers ask for. */
  readonly datacenter: string;
}

export interface Login {
  readonly username: string;
  readonly password: string;
}

/** The three parties of a secured stack; each has one name and password on both servers. */
export type Party = 'admin' | 'client' | 'replicator';
export type Logins = Readonly<Record<Party, Login>>;

/** One Kafka, Cassandra and PostgreSQL, ready to answer. Disposing stops them and removes their data. */
export interface Stack extends AsyncDisposable {
  readonly source: StackSource;
  readonly profile: StackProfile;
  readonly kafka: StackServer;
  readonly cassandra: CassandraServer;
  readonly postgres: StackServer;
  /** Present on a secured stack: SCRAM-SHA-256 users and Cassandra roles. */
  readonly logins: Logins | undefined;
  /** Folder with data and logs, if they are on this machine. */
  readonly folder: string | undefined;
  /** The same of PostgreSQL, which comes from a source of its own. */
  readonly postgresFolder: string | undefined;
  /** Keeps the folders when the stack is disposed, to look into after a failure. */
  keepFolder(): void;
}

/** Kafka and Cassandra, which come from one source. */
export type ServerPair = Omit<Stack, 'postgres' | 'postgresFolder'>;

export interface StackOptions {
  readonly profile: StackProfile;
  /** Users and grants on both servers; only Java processes offer this. */
  readonly secured?: boolean;
  /** Names the folder under `.stack`. */
  readonly name?: string;
  /** Leaves the servers running when this process ends; `down` stops them. */
  readonly detached?: boolean;
  /** Ends the start early. */
  readonly signal?: AbortSignal;
  /** Receives a line for a source that was tried and passed over. */
  readonly note?: (line: string) => void;
}

/** The environment of suites that share a stack. */
export function stackEnvironment(stack: Stack): Record<string, string> {
  return {
    KAFKA_JOURNAL_TEST_KAFKA: stack.kafka.address,
    KAFKA_JOURNAL_TEST_CASSANDRA: stack.cassandra.address,
    KAFKA_JOURNAL_TEST_POSTGRES: stack.postgres.address,
  };
}
