/** Where a test's Kafka and Cassandra are, and the names that keep suites apart. */
export interface KafkaConfigOptions {
  readonly kafka: string;
  readonly cassandra: string;
  readonly topic: string;
  readonly keyspace: string;
  /**
   * URL of the PostgreSQL that is the store, with a schema of the keyspace's name. Absent =
   * Cassandra.
   */
  readonly postgres?: string | undefined;
  /** More HOCON, laid over the rest. */
  readonly more?: string;
}

/** An `application.conf` for actors and replicator on real servers, set up on first use. */
export function kafkaConfig(options: KafkaConfigOptions): string {
  const [host, port] = options.cassandra.split(':');
  const { postgres, keyspace, more = '' } = options;
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
${postgres === undefined ? '' : postgresConfig(postgres, keyspace)}
${more}
`;
}

/** Chooses PostgreSQL as the store of journals and replicator. */
export function postgresConfig(address: string, schema: string): string {
  const { hostname, port, pathname, username, password } = new URL(address);
  return `
evolutiongaming.kafka-journal {
  eventual = postgres
  postgres {
    host = "${hostname}", port = ${port}, database = "${pathname.slice(1)}"
    username = "${decodeURIComponent(username)}", password = "${decodeURIComponent(password)}"
    schema.name = ${schema}
  }
}`;
}
