import type { AcceptedKeys } from './accepted-key-types.ts';

const everySection = ['kafka', 'kafka producer', 'kafka consumer'] as const;

/** Settings of the Java client. A `!` stands for `.ms` in Kafka's own spelling. */
export const acceptedKafkaKeys: readonly AcceptedKeys[] = [
  ...everySection.flatMap((section) => [
    row(
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
    row(
      section,
      'metadata, reconnects and retries follow the bounds of this program',
      `metadata-max-age! metadata-max-idle! reconnect-backoff! reconnect-backoff-max! retry-backoff!
      retry-backoff-max!`,
    ),
    row(section, 'host names are always verified', 'ssl-endpoint-identification-algorithm'),
    row(section, 'PEM certificates need no password', 'ssl-truststore-password'),
  ]),
  row(
    'kafka producer',
    'the producer is idempotent, with one request in flight and its own group commit',
    `linger! batch-size idempotence enable-idempotence retries max-in-flight-requests-per-connection
    buffer-memory max-block! transactional-id transaction-timeout! partitioner-class
    partitioner-ignore-keys partitioner-adaptive-partitioning-enable
    partitioner-availability-timeout! compression-gzip-level compression-lz4-level
    compression-zstd-level key-serializer value-serializer`,
  ),
  row(
    'kafka consumer',
    'offsets are committed by this program, and reads start where the store ends',
    `auto-commit enable-auto-commit auto-commit-interval! auto-offset-reset
    partition-assignment-strategy allow-auto-create-topics group-instance-id group-protocol
    internal-leave-group-on-close`,
  ),
  row(
    'kafka consumer',
    'the Kafka client for Node has no such setting',
    `poll-timeout default-api-timeout! check-crcs isolation-level client-rack
    exclude-internal-topics key-deserializer value-deserializer`,
  ),
];

function row(section: AcceptedKeys['section'], why: string, names: string): AcceptedKeys {
  const keys = names.split(/\s+/).flatMap((name) => {
    const hyphenated = name.replace('!', '');
    return [hyphenated, name.replaceAll('-', '.').replace('!', '.ms')];
  });
  return { section, keys: [...new Set(keys)], why, isPromised: false };
}
