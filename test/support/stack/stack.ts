/**
 * Where a server came from: an address given by the environment, a container, or a process of ours.
 */
export type StackSource = 'environment' | 'containers' | 'processes';

export const serverNames = ['kafka', 'cassandra', 'postgres'] as const;
export type ServerName = (typeof serverNames)[number];

export const serverTitles: Readonly<Record<ServerName, string>> = {
  kafka: 'Kafka',
  cassandra: 'Cassandra',
  postgres: 'PostgreSQL',
};

/** Environment variables that name a server: `host:port`, of PostgreSQL a URL. */
export const serverVariables: Readonly<Record<ServerName, string>> = {
  kafka: 'KAFKA_JOURNAL_TEST_KAFKA',
  cassandra: 'KAFKA_JOURNAL_TEST_CASSANDRA',
  postgres: 'KAFKA_JOURNAL_TEST_POSTGRES',
};

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

/** A server that could not be had, with what each source said. */
export interface MissingServer {
  readonly name: ServerName;
  readonly reason: string;
}

/**
 * Kafka, Cassandra and PostgreSQL, ready to answer. Disposing stops them and removes their data.
 *
 * A server that is missing throws the reason as soon as it is used.
 */
export interface Stack extends AsyncDisposable {
  readonly profile: StackProfile;
  readonly kafka: StackServer;
  readonly cassandra: CassandraServer;
  readonly postgres: StackServer;
  readonly sources: Readonly<Partial<Record<ServerName, StackSource>>>;
  readonly missing: readonly MissingServer[];
  /** Present on a secured stack: SCRAM-SHA-256 users and Cassandra roles. */
  readonly logins: Logins | undefined;
  /** Folders with data and logs of the servers that run on this machine, Kafka's first. */
  readonly folders: readonly string[];
  /** Keeps the folders when the stack is disposed, to look into after a failure. */
  keepFolders(): void;
}

/** One server that answers. Disposing stops it, if it is ours, and removes its data. */
export interface OpenServer extends AsyncDisposable {
  readonly server: StackServer;
  readonly folder: string | undefined;
  keepFolder(): void;
}

/** One way to have a server. */
export interface ServerSource {
  readonly name: StackSource;
  /** Why it cannot offer such a server here, found out without starting anything. */
  problem(options: OpenOptions): Promise<string | undefined>;
  open(options: OpenOptions): Promise<OpenServer>;
}

export interface OpenOptions extends StackOptions {
  /** Present when the stack is secured. */
  readonly logins: Logins | undefined;
}

export interface StackOptions {
  readonly profile: StackProfile;
  /** Users and grants on Kafka and Cassandra; only processes offer this. */
  readonly secured?: boolean;
  /** Begins the names of the folders. */
  readonly name?: string;
  /** Leaves the servers running when this process ends; `down` stops them. */
  readonly detached?: boolean;
  /** Ends the start early. */
  readonly signal?: AbortSignal;
  /** Receives a line for a source that was tried and passed over. */
  readonly note?: (line: string) => void;
}
