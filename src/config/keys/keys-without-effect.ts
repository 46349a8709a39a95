/** Keys of the JVM system that are accepted and have no effect in Node. */
export interface AcceptedKeys {
  /** The kind of section they are in. */
  readonly section: SectionKind;
  /** Relative to the section; `*` is one element, a closing `.**` everything inside. */
  readonly keys: readonly string[];
  /** Why it has no effect, to follow the key in a note. */
  readonly why: string;
  /** It is to have an effect one day. */
  readonly isPromised: boolean;
}

/** Which keys a section may hold: each kind has its own rows below, and a reader of its own. */
export type SectionKind =
  | 'root'
  | 'persistence'
  | 'journal plugin'
  | 'embedded'
  | 'snapshot store'
  | 'in memory'
  | 'replicator'
  | 'kafka'
  | 'kafka producer'
  | 'kafka consumer'
  | 'cassandra'
  | 'postgres'
  | 'sqlite';

const dispatchers = 'Node has no dispatchers';
const breaker = 'every failure counts, and the plugin is tried again after reset-timeout';
const breakerKeys = `circuit-breaker.max-reset-timeout circuit-breaker.exponential-backoff
  circuit-breaker.random-factor circuit-breaker.exception-allowlist`;
const cassandraLacks = 'the Cassandra driver for Node has no such setting';

/**
 * Settings that are to have an effect and have none yet: whoever sets them is warned.
 * `docs/configuration.md` lists both tables; a test compares them.
 */
export const promised: readonly AcceptedKeys[] = [
  row('root', 'there is no persistence query yet', 'query.**'),
  row('persistence', 'there is no persistence query yet', 'query.**'),
].map((accepted) => ({ ...accepted, isPromised: true }));

const everySection = ['kafka', 'kafka producer', 'kafka consumer'] as const;

/** Settings of the Java client. A `!` stands for `.ms` in Kafka's own spelling. */
const javaClientKeys: readonly AcceptedKeys[] = [
  ...everySection.flatMap((section) => [
    javaClientRow(
      section,
      'the Kafka client for Node has no such setting',
      `connections-max-idle! receive-buffer-bytes send-buffer-bytes client-dns-lookup
      socket-connection-setup-timeout-max! interceptor-classes metric-reporters metrics-num-samples
      metrics-recording-level metrics-sample-window! enable-metrics-push auto-include-jmx-reporter
      security-providers ssl-provider ssl-protocol ssl-enabled-protocols ssl-cipher-suites
      ssl-secure-random-implementation ssl-trustmanager-algorithm ssl-keymanager-algorithm
      ssl-engine-factory-class sasl-kerberos-service-name sasl-client-callback-handler-class
      sasl-login-class sasl-login-callback-handler-class sasl-login-connect-timeout!
      sasl-login-read-timeout!`,
    ),
    javaClientRow(
      section,
      'metadata, reconnects and retries follow the bounds of this program',
      `metadata-max-age! metadata-max-idle! reconnect-backoff! reconnect-backoff-max! retry-backoff!
      retry-backoff-max!`,
    ),
    javaClientRow(
      section,
      'host names are always verified',
      'ssl-endpoint-identification-algorithm',
    ),
    javaClientRow(section, 'PEM certificates need no password', 'ssl-truststore-password'),
  ]),
  javaClientRow(
    'kafka producer',
    'the producer is idempotent, with one request in flight and its own group commit',
    `linger! batch-size idempotence enable-idempotence retries max-in-flight-requests-per-connection
    buffer-memory max-block! transactional-id transaction-timeout! partitioner-class
    partitioner-ignore-keys partitioner-adaptive-partitioning-enable
    partitioner-availability-timeout! compression-gzip-level compression-lz4-level
    compression-zstd-level key-serializer value-serializer`,
  ),
  javaClientRow(
    'kafka consumer',
    'offsets are committed by this program, and reads start where the store ends',
    `auto-commit enable-auto-commit auto-commit-interval! auto-offset-reset
    partition-assignment-strategy allow-auto-create-topics group-instance-id group-protocol
    internal-leave-group-on-close`,
  ),
  javaClientRow(
    'kafka consumer',
    'the Kafka client for Node has no such setting',
    `poll-timeout default-api-timeout! check-crcs isolation-level client-rack
    exclude-internal-topics key-deserializer value-deserializer`,
  ),
];

/** Settings that mean nothing in Node. */
export const ignored: readonly AcceptedKeys[] = [
  row('root', dispatchers, 'persistence.dispatcher.**'),

  row('persistence', dispatchers, 'dispatchers.**'),
  row('persistence', 'machines are xstate machines here', 'fsm.** view.**'),
  row(
    'persistence',
    'logging is set where the logger is made',
    'typed.use-context-logger-for-internal-logging',
  ),
  row(
    'persistence',
    'stashed commands are never handled recursively',
    'typed.recurse-when-unstashing-read-only-commands',
  ),
  row(
    'persistence',
    'there is no event writer here: actors write themselves',
    'typed.event-writer.**',
  ),
  row(
    'persistence',
    'a recovery that applied as many events as snapshotEvery says always takes a snapshot',
    'typed.snapshot-on-recovery',
  ),
  row('persistence', 'tests use their own test kit', 'testkit.**'),
  row(
    'persistence',
    'there are no durable state stores here',
    'state.** state-plugin-fallback.** durable-state-plugin-fallback.**',
  ),
  row(
    'persistence',
    'an identifier belongs to its serializer',
    'serialization.serialization-identifiers.**',
  ),
  row(
    'persistence',
    'JSON refuses what it cannot give back; bind "builtin#TaggedJson" where events hold such values',
    'serialization.json.**',
  ),
  row('persistence', 'events are published by applications themselves', 'publish-plugin-commands'),
  row(
    'persistence',
    'a journal of the JVM that does not exist here',
    'journal.leveldb.** journal.leveldb-shared.** journal.proxy.**',
  ),
  row(
    'persistence',
    'every section has a class of its own',
    'journal-plugin-fallback.class snapshot-store-plugin-fallback.class',
  ),
  row(
    'persistence',
    'a snapshot store of the JVM that does not exist here',
    'snapshot-store.proxy.**',
  ),
  row('persistence', dispatchers, 'snapshot-store-plugin-fallback.plugin-dispatcher'),
  row('persistence', 'snapshots have one format', 'snapshot-store.auto-migrate-manifest'),
  row('persistence', breaker, below('snapshot-store-plugin-fallback.', breakerKeys)),
  ...everyPlugin(breaker, breakerKeys),

  row('snapshot store', dispatchers, 'plugin-dispatcher stream-dispatcher'),
  ...everyPlugin(dispatchers, 'plugin-dispatcher replay-dispatcher'),
  ...everyPlugin(
    'batches are sized by the plugin itself',
    'max-message-batch-size write-response-global-order',
  ),
  row(
    'journal plugin',
    'closing lets writes under way go out for 5 s; the JVM does not read this either',
    'stop-timeout',
  ),
  row(
    'journal plugin',
    'recoveries share one reader a partition, there is no pool',
    'consumer-pool.**',
  ),
  row('journal plugin', 'one codec reads and writes the bytes of all of them', 'json-codec'),
  row('journal plugin', 'reads wait for the broker, they do not poll', 'poll-timeout'),
  row(
    'journal plugin',
    'there are no metrics; the log has the time of each call at level debug',
    'metrics.**',
  ),
  row('replicator', dispatchers, 'dispatcher.**'),

  ...javaClientKeys,

  row(
    'cassandra',
    cassandraLacks,
    `client.query.default-idempotence client.query.max-pending-refresh-node-list-requests
    client.query.max-pending-refresh-node-requests client.query.max-pending-refresh-schema-requests
    client.query.refresh-node-interval client.query.refresh-node-list-interval
    client.query.refresh-schema-interval client.query.metadata client.query.re-prepare-on-up
    client.query.prepare-on-all-hosts`,
  ),
  row(
    'cassandra',
    cassandraLacks,
    `client.pooling.local.** client.pooling.remote.** client.pooling.pool-timeout
    client.pooling.idle-timeout client.pooling.max-queue-size client.socket.keep-alive
    client.socket.reuse-address client.socket.so-linger client.socket.tcp-no-delay
    client.socket.receive-buffer-size client.socket.send-buffer-size
    client.load-balancing.allow-remote-dcs-for-local-consistency-level
    client.speculative-execution.** client.compression client.log-queries client.protocol-version
    client.jmx-reporting`,
  ),
  row(
    'cassandra',
    'belongs into client; here it has no effect, as on the JVM',
    'contact-points port name',
  ),
  row('cassandra', 'a table of old versions', 'schema.metadata-table schema.pointer-table'),
];

/** The rows of both tables for one kind of section. */
export function acceptedFor(section: SectionKind): readonly AcceptedKeys[] {
  return [...promised, ...ignored].filter((accepted) => accepted.section === section);
}

/** Whether a key of the table means the key at `path`. */
export function matchesKey(pattern: string, path: readonly string[]): boolean {
  const elements = pattern.split('.');
  const open = elements.at(-1) === '**';
  const fixed = open ? elements.slice(0, -1) : elements;
  if (open ? path.length < fixed.length : path.length !== fixed.length) return false;
  return fixed.every((element, index) => element === '*' || element === path[index]);
}

function row(section: SectionKind, why: string, keys: string): AcceptedKeys {
  return { section, keys: keys.split(/\s+/), why, isPromised: false };
}

/** Keys of every journal section, and of what is laid under all of them. */
function everyPlugin(why: string, keys: string): AcceptedKeys[] {
  return [
    row('persistence', why, below('journal-plugin-fallback.', keys)),
    row('journal plugin', why, keys),
    row('embedded', why, keys),
    row('in memory', why, keys),
  ];
}

function below(prefix: string, keys: string): string {
  return keys.replaceAll(/(?<=^|\s)(?=\S)/g, prefix);
}

/** Each name in both spellings: `linger` stands for `linger` and `linger.ms`. */
function javaClientRow(section: AcceptedKeys['section'], why: string, names: string): AcceptedKeys {
  const keys = names.split(/\s+/).flatMap((name) => {
    const hyphenated = name.replace('!', '');
    return [hyphenated, name.replaceAll('-', '.').replace('!', '.ms')];
  });
  return { section, keys: [...new Set(keys)], why, isPromised: false };
}
