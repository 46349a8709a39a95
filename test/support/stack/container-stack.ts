import {
  GenericContainer,
  getContainerRuntimeClient,
  type StartedTestContainer,
  Wait,
} from 'testcontainers';

import { cassandraYaml, datacenter, systemProperties } from './cassandra-server.ts';
import { engineAnswers } from './container-engine.ts';
import { expectBroker, kafkaProperties } from './kafka-server.ts';
import type { PostgresStack } from './open-postgres.ts';
import { freePort } from './ports.ts';
import { cassandraState, postgresAnswers } from './probes.ts';
import type { CassandraServer, ServerPair, StackOptions, StackServer } from './stack.ts';
import { untilAnswers } from './until-answers.ts';

const images = {
  kafka: 'apache/kafka:4.1.1',
  cassandra: 'cassandra:5.0.6',
  postgres: 'postgres:18',
};
const startTimeoutMs = 120_000;

/** Why containers cannot serve as such a stack here; `undefined` when they can. */
export async function containersProblem(options: StackOptions): Promise<string | undefined> {
  if (options.secured === true) return 'Kafka users need a formatted folder, which images lack';
  if (options.detached === true) return 'containers end with the process that started them';
  return (await engineAnswers()) ? undefined : 'no container engine answers';
}

/** Both servers in containers, on ports that stay the same over a restart. */
export async function openContainerStack(options: StackOptions): Promise<ServerPair> {
  const outcomes = await Promise.allSettled([openKafka(options), openCassandra(options)]);
  const [kafka, cassandra] = outcomes;
  if (kafka.status === 'fulfilled' && cassandra.status === 'fulfilled') {
    return containerStack(options, { kafka: kafka.value, cassandra: cassandra.value });
  }
  for (const outcome of outcomes) if (outcome.status === 'fulfilled') await outcome.value.remove();
  throw outcomes.find((outcome) => outcome.status === 'rejected')?.reason;
}

function containerStack(
  { profile }: StackOptions,
  { kafka, cassandra }: { readonly kafka: ContainerServer; readonly cassandra: ContainerServer },
): ServerPair {
  return {
    source: 'containers',
    profile,
    kafka,
    cassandra: Object.assign(cassandra, { datacenter }) satisfies CassandraServer,
    logins: undefined,
    folder: undefined,
    keepFolder: () => undefined,
    async [Symbol.asyncDispose]() {
      await Promise.all([kafka.remove(), cassandra.remove()]);
    },
  };
}

/** Inside and outside the port has one number: the broker must reach what it advertises. */
async function openKafka({ profile }: StackOptions): Promise<ContainerServer> {
  const ports = { client: await freePort(), controller: 9093 };
  const properties = kafkaProperties({
    ports,
    dataFolder: '/var/lib/kafka/data',
    profile,
    bindHost: '0.0.0.0',
  });
  const container = await new GenericContainer(images.kafka)
    .withEnvironment(kafkaEnvironment(properties))
    .withTmpFs({ '/var/lib/kafka/data': 'rw' })
    .withExposedPorts({ container: ports.client, host: ports.client })
    .withWaitStrategy(Wait.forLogMessage(/Kafka Server started/))
    .withStartupTimeout(startTimeoutMs)
    .start();
  return openServer(container, { port: ports.client, probe: expectBroker });
}

/** The image's own way to set a property: `log.dirs` is `KAFKA_LOG_DIRS`. */
function kafkaEnvironment(properties: Readonly<Record<string, string>>): Record<string, string> {
  const variable = (key: string): string => `KAFKA_${key.toUpperCase().replaceAll('.', '_')}`;
  const entries = Object.entries(properties).map(([key, value]) => [variable(key), value]);
  return Object.fromEntries([...entries, ['KAFKA_HEAP_OPTS', '-Xms64m -Xmx256m']]);
}

async function openCassandra({ profile }: StackOptions): Promise<ContainerServer> {
  const ports = { client: await freePort(), storage: 7000 };
  const file = '/etc/cassandra/kafka-journal.yaml';
  const folder = '/var/lib/cassandra';
  const yaml = cassandraYaml({ folder, ports, profile, secured: false, bindHost: '0.0.0.0' });
  const properties = { ...systemProperties(profile), 'cassandra.config': `file://${file}` };
  const flags = Object.entries(properties).map(([key, value]) => `-D${key}=${value}`);
  const container = await new GenericContainer(images.cassandra)
    .withCopyContentToContainer([{ content: yaml, target: file, mode: 0o644 }])
    .withEnvironment({
      MAX_HEAP_SIZE: '256M',
      HEAP_NEWSIZE: '64M',
      JVM_EXTRA_OPTS: flags.join(' '),
    })
    .withExposedPorts({ container: ports.client, host: ports.client })
    .withWaitStrategy(Wait.forLogMessage(/Startup complete/))
    .withStartupTimeout(startTimeoutMs)
    .start();
  return openServer(container, { port: ports.client, probe: cassandraState });
}

/** A PostgreSQL in a container, on a port that stays the same over a restart. */
export async function openPostgresContainer({ profile }: StackOptions): Promise<PostgresStack> {
  const port = await freePort();
  const password = 'container';
  const lost = profile === 'quick' ? ['-c', 'fsync=off', '-c', 'synchronous_commit=off'] : [];
  const container = await new GenericContainer(images.postgres)
    .withEnvironment({ POSTGRES_PASSWORD: password })
    .withCommand(['postgres', '-c', 'max_connections=200', ...lost])
    .withExposedPorts({ container: 5432, host: port })
    // The first time it says so it serves its own set-up.
    .withWaitStrategy(Wait.forLogMessage(/ready to accept connections/, 2))
    .withStartupTimeout(startTimeoutMs)
    .start();
  const server = await openServer(container, { port, probe: postgresAnswers });
  const address = `postgres://postgres:${password}@${server.address}/postgres`;
  return {
    server: Object.assign(server, { address }),
    folder: undefined,
    keepFolder: () => undefined,
    [Symbol.asyncDispose]: () => server.remove(),
  };
}

interface Answering {
  readonly port: number;
  readonly probe: (address: string) => Promise<unknown>;
}

async function openServer(
  container: StartedTestContainer,
  { port, probe }: Answering,
): Promise<ContainerServer> {
  const server = new ContainerServer(container, { port, probe });
  await server.untilReady();
  return server;
}

class ContainerServer implements StackServer {
  readonly address: string;
  readonly #container: StartedTestContainer;
  readonly #place: string;
  readonly #answering: Answering;

  constructor(container: StartedTestContainer, answering: Answering) {
    this.#container = container;
    this.#answering = answering;
    this.#place = `${container.getHost()}:${answering.port}`;
    this.address = this.#place;
  }

  async kill(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const container = await this.#handle();
    if (signal === 'SIGTERM') await container.stop();
    else await container.kill({ signal });
  }

  async start(): Promise<void> {
    await (await this.#handle()).start();
    await this.untilReady();
  }

  async pause(): Promise<void> {
    await (await this.#handle()).pause();
  }

  async resume(): Promise<void> {
    await (await this.#handle()).unpause();
  }

  untilReady(): Promise<void> {
    return untilAnswers(() => this.#answering.probe(this.#place), {
      name: this.#place,
      timeoutMs: startTimeoutMs,
    });
  }

  async remove(): Promise<void> {
    await this.#container.stop({ timeout: 0, remove: true, removeVolumes: true });
  }

  async #handle() {
    const client = await getContainerRuntimeClient();
    return client.container.getById(this.#container.getId());
  }
}
