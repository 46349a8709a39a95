import { acceptedKafkaKeys } from './accepted-kafka-keys.ts';
import type { AcceptedKeys, SectionKind } from './accepted-key-types.ts';

const dispatchers = 'Node has no dispatchers';
const cassandraLacks = 'the Cassandra driver for Node has no such setting';

/**
 * Settings that are to have an effect and have none yet: whoever sets them is warned.
 * `docs/configuration.md` lists both tables; a test compares them.
 */
export const promised: readonly AcceptedKeys[] = [
  row('root', 'there is no persistence query yet', 'query.**'),
  row('persistence', 'there is no persistence query yet', 'query.**'),
  row(
    'persistence',
    'there are no snapshots yet',
    `snapshot-store.** snapshot-store-plugin-fallback.** no-snapshot-store.**
    typed.snapshot-on-recovery`,
  ),
  row('persistence', 'there is no at-least-once delivery yet', 'at-least-once-delivery.**'),
  ...everyPlugin('there is no circuit breaker yet', 'circuit-breaker.**'),
  ...everyPlugin('there is no replay filter yet', 'replay-filter.**'),
  ...everyPlugin('there are no event adapters yet', 'event-adapters.** event-adapter-bindings.**'),
].map((accepted) => ({ ...accepted, isPromised: true }));

/** Settings that mean nothing in Node. */
export const ignored: readonly AcceptedKeys[] = [
  row('root', dispatchers, 'persistence.dispatcher.**'),

  row('persistence', dispatchers, 'dispatchers.**'),
  row(
    'persistence',
    'belongs to classic actors; here typed.stash-overflow-strategy counts',
    'internal-stash-overflow-strategy',
  ),
  row('persistence', 'machines are xstate machines here', 'fsm.** view.**'),
  row(
    'persistence',
    'logging is set where the logger is made',
    'typed.log-stashing typed.use-context-logger-for-internal-logging',
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
  row('persistence', 'tests use their own test kit', 'testkit.**'),
  row(
    'persistence',
    'there are no durable state stores here',
    'state.** state-plugin-fallback.** durable-state-plugin-fallback.**',
  ),
  row('persistence', 'payload serializers are chosen in code', 'serialization.**'),
  row('persistence', 'events are published by applications themselves', 'publish-plugin-commands'),
  row(
    'persistence',
    'a journal of the JVM that does not exist here',
    'journal.inmem.** journal.leveldb.** journal.leveldb-shared.** journal.proxy.**',
  ),
  row('persistence', 'every section has a class of its own', 'journal-plugin-fallback.class'),

  ...everyPlugin(dispatchers, 'plugin-dispatcher replay-dispatcher'),
  ...everyPlugin(
    'batches are sized by the plugin itself',
    'max-message-batch-size replay-batch-size write-response-global-order',
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
  row('journal plugin', 'metrics are wired in code', 'metrics.**'),
  row('replicator', dispatchers, 'dispatcher.**'),

  ...acceptedKafkaKeys,

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
  const fallback = keys.replaceAll(/(?<=^|\s)(?=\S)/g, 'journal-plugin-fallback.');
  return [
    row('persistence', why, fallback),
    row('journal plugin', why, keys),
    row('embedded', why, keys),
  ];
}
