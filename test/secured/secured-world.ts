import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseAddress } from '../support/stack/probes.ts';
import { requireVariable } from '../support/stack/server-variables.ts';
import type { Login, Logins } from '../support/stack/stack.ts';

/** The servers as the environment describes them; each party has the same login on both. */
export interface SecuredServers {
  readonly kafka: { readonly address: string; readonly mechanism: string; readonly logins: Logins };
  readonly cassandra: {
    readonly address: string;
    readonly datacenter: string;
    readonly logins: Logins;
  };
}

/** Who logs in where; a topic and a keyspace that differ from those of the world. */
export interface ConfigChange {
  readonly kafka?: Login;
  readonly cassandra?: Login;
  readonly topic?: string;
  readonly keyspace?: string;
  /** More HOCON, at the end. */
  readonly more?: string;
}

/** A topic and a keyspace of one suite, and configuration files for it that live as long. */
export interface SecuredWorld extends Disposable {
  readonly servers: SecuredServers;
  readonly logins: Logins;
  readonly topic: string;
  readonly keyspace: string;
  /** An `application.conf` that creates nothing, in a file that only we can read. */
  configFile(login: Login, change?: ConfigChange): string;
}

export function securedWorld(): SecuredWorld {
  const description = requireVariable('KAFKA_JOURNAL_TEST_SECURED');
  const servers = JSON.parse(readFileSync(description, 'utf8')) as SecuredServers;
  const name = `secured_${randomUUID().slice(0, 8)}`;
  // Beside the logs of the servers, with whose folder it goes if we are killed.
  const folder = mkdtempSync(join(dirname(description), 'config-'));
  return {
    servers,
    logins: servers.kafka.logins,
    topic: name,
    keyspace: name,
    configFile(login, change = {}) {
      const own = { topic: name, keyspace: name, more: '' };
      const party = { kafka: login, cassandra: login, ...own, ...change };
      const file = join(folder, `${randomUUID()}.conf`);
      writeFileSync(file, configText(servers, party), { mode: 0o600 });
      return file;
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function configText({ kafka, cassandra }: SecuredServers, party: Required<ConfigChange>): string {
  const { host, port } = parseAddress(cassandra.address);
  return `
akka.persistence.journal.plugin = "evolutiongaming.kafka-journal.persistence.journal"
evolutiongaming.kafka-journal {
  kafka {
    bootstrap-servers = ["${kafka.address}"]
    security-protocol = SASL_PLAINTEXT
    sasl-mechanism = ${kafka.mechanism.toUpperCase()}
    sasl-jaas-config { username = "${party.kafka.username}", password = "${party.kafka.password}" }
    topic { auto-create = off, partitions = 2, replication-factor = 1 }
  }
  cassandra {
    client {
      contact-points = ["${host}"]
      port = ${port}
      load-balancing.local-dc = "${cassandra.datacenter}"
      authentication {
        username = "${party.cassandra.username}"
        password = "${party.cassandra.password}"
      }
    }
    schema { auto-create = off, keyspace { name = "${party.keyspace}", auto-create = off } }
  }
  persistence.journal.persistence-id-to-key.constant-topic.topic = "${party.topic}"
  replicator { topic-prefixes = ["${party.topic}"], topic-discovery-interval = 500ms }
}
${party.more}
`;
}
