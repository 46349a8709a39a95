import {
  GenericContainer,
  getContainerRuntimeClient,
  type StartedTestContainer,
  Wait,
} from 'testcontainers';

import { cassandraYaml, systemProperties } from './cassandra-server.ts';
import { engineAnswers } from './container-engine.ts';
import { expectBroker, kafkaProperties } from './kafka-server.ts';
import { freePort } from './ports.ts';
import { cassandraState, postgresAnswers } from './probes.ts';
import type { OpenOptions, OpenServer, ServerSource, StackServer } from './stack.ts';
import { untilAnswers } from './until-answers.ts';

const images = {
  kafka: 'apache/kafka:4.1.1',
  cassandra: 'cassandra:5.0.6',
  postgres: 'postgres:18',
};
const startTimeoutMs = 120_000;

/** Why a container cannot serve as such a server here; `undefined` when it can. */
async function containersProblem({ detached }: OpenOptions): Promise<string | undefined> {
  if (detached === true) return 'containers end with the process that started them';
  return (await engineAnswers()) ? undefined : 'no container engine answers';
}

async function openProblem(options: OpenOptions): Promise<string | undefined> {
  if (options.secured === true) return 'Kafka users need a formatted folder, which images lack';
  return await containersProblem(options);
}

export const kafkaContainer: ServerSource = {
  name: 'containers',
  problem: openProblem,
  open: openKafka,
};

/** Not secured either: its users would know no names on a Kafka from elsewhere. */
export const cassandraContainer: ServerSource = {
  name: 'containers',
  problem: openProblem,
  open: openCassandra,
};

export const postgresContainer: ServerSource = {
  name: 'containers',
  problem: containersProblem,
  open: openPostgres,
};

/** Inside and outside the port has one number: the broker must reach what it advertises. */
async function openKafka({ profile }: OpenOptions): Promise<OpenServer> {
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
  return opened(await readyServer(container, { port: ports.client, probe: expectBroker }));
}

/** The image's own way to set a property: `log.dirs` is `KAFKA_LOG_DIRS`. */
function kafkaEnvironment(properties: Readonly<Record<string, string>>): Record<string, string> {
  const variable = (key: string): string => `KAFKA_${key.toUpperCase().replaceAll('.', '_')}`;
  const entries = Object.entries(properties).map(([key, value]) => [variable(key), value]);
  return Object.fromEntries([...entries, ['KAFKA_HEAP_OPTS', '-Xms64m -Xmx256m']]);
}

async function openCassandra({ profile }: OpenOptions): Promise<OpenServer> {
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
  return opened(await readyServer(container, { port: ports.client, probe: cassandraState }));
}

/** A PostgreSQL in a container, on a port that stays the same over a restart. */
async function openPostgres({ profile }: OpenOptions): Promise<OpenServer> {
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
  const server = await readyServer(container, { port, probe: postgresAnswers });
  const address = `postgres://postgres:${password}@${server.address}/postgres`;
  return opened(Object.assign(server, { address }));
}

function opened(server: ContainerServer): OpenServer {
  return {
    server,
    folder: undefined,
    keepFolder: () => undefined,
    [Symbol.asyncDispose]: () => server.remove(),
  };
}

interface Answering {
  readonly port: number;
  readonly probe: (address: string) => Promise<unknown>;
}

async function readyServer(
  container: StartedTestContainer,
  answering: Answering,
): Promise<ContainerServer> {
  const server = new ContainerServer(container, answering);
  try {
    await server.untilReady();
    return server;
  } catch (error) {
    await server.remove();
    throw error;
  }
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
