/** Where a test's Kafka and Cassandra are, and the names that keep suites apart. */
export interface KafkaConfigOptions {
  readonly kafka: string;
  readonly cassandra: string;
  readonly topic: string;
  readonly keyspace: string;
  /** More HOCON, laid over the rest. */
  readonly more?: string;
}

/** An `application.conf` for actors and replicator on real servers, set up on first use. */
export function kafkaConfig(options: KafkaConfigOptions): string {
  const [host, port] = options.cassandra.split(':');
  return `
akka.persistence.journal.plugin = "evolutiongaming.kafka-journal.persistence.journal"
evolutiongaming.kafka-journal {
  persistence.journal {
    persistence-id-to-key { impl = "constant-topic", constant-topic { topic = "${options.topic}" } }
    kafka {
      bootstrap-servers = ["${options.kafka}"]
      topic { auto-create = on, partitions = 4, replication-factor = 1 }
    }
    cassandra {
      client { contact-points = ["${host}"], port = ${port} }
      schema.keyspace.name = "${options.keyspace}"
    }
  }
  replicator {
    topic-prefixes = ["${options.topic}"]
    topic-discovery-interval = 500ms
    kafka.bootstrap-servers = ["${options.kafka}"]
    cassandra {
      client { contact-points = ["${host}"], port = ${port} }
      schema.keyspace.name = "${options.keyspace}"
    }
  }
}
${options.more ?? ''}
`;
}
