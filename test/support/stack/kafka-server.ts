import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { classPath } from './jars.ts';
import { jvmFlags, serverCommand } from './jvm-flags.ts';
import { freePort } from './ports.ts';
import { kafkaApiCount, kafkaBrokers } from './probes.ts';
import { ServerProcess } from './server-process.ts';
import type { Login, Logins, StackProfile } from './stack.ts';

/** Any 22 characters of base64url; one for all, since no cluster ever meets another. */
const clusterId = 'a2Fma2Etam91cm5hbC10ZQ';
const formatTimeoutMs = 60_000;
const run = promisify(execFile);

export interface KafkaServerOptions {
  readonly folder: string;
  readonly profile: StackProfile;
  /** SCRAM-SHA-256 users; without them the listener is open. */
  readonly logins: Logins | undefined;
  readonly detached: boolean;
  readonly signal: AbortSignal | undefined;
}

/** Prepares the folder of a Kafka broker that is its own controller; `start` runs it. */
export async function prepareKafka(options: KafkaServerOptions): Promise<ServerProcess> {
  const { folder, profile, logins, detached, signal } = options;
  const ports = { client: await freePort(), controller: await freePort() };
  const properties = kafkaProperties({
    ports,
    dataFolder: join(folder, 'data'),
    profile,
    logins,
  });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'server.properties'), lines(properties));
  writeFileSync(join(folder, 'log4j2.properties'), lines(loggingProperties(folder)));
  const java = [
    ...jvmFlags(profile),
    `-Dlog4j2.configurationFile=${join(folder, 'log4j2.properties')}`,
    '-cp',
    await classPath('kafka'),
  ];
  if (logins === undefined) writeFormat(join(folder, 'data'));
  else await formatWithUsers(folder, { java, logins });
  const address = `127.0.0.1:${ports.client}`;
  return new ServerProcess({
    name: 'kafka',
    address,
    folder,
    command: serverCommand(profile, [
      'java',
      ...java,
      'kafka.Kafka',
      join(folder, 'server.properties'),
    ]),
    ports: [ports.client, ports.controller],
    probe: () => (logins === undefined ? expectBroker(address) : kafkaApiCount(address)),
    detached,
    signal,
  });
}

/** @throws until the broker has registered with its controller */
export async function expectBroker(address: string): Promise<void> {
  const brokers = await kafkaBrokers(address);
  if (brokers.length === 0) throw new Error(`${address} has no registered broker yet`);
}

export interface KafkaPropertiesInput {
  readonly ports: { readonly client: number; readonly controller: number };
  readonly dataFolder: string;
  readonly profile: StackProfile;
  readonly logins?: Logins | undefined;
  /** Address that the listeners bind; clients are always told 127.0.0.1. */
  readonly bindHost?: string;
}

/** `server.properties` of one small broker that is its own controller. */
export function kafkaProperties(input: KafkaPropertiesInput): Record<string, string> {
  const { ports, dataFolder, profile, logins, bindHost = '127.0.0.1' } = input;
  const listener = logins === undefined ? 'PLAINTEXT' : 'SASL';
  return {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${ports.controller}`,
    'controller.listener.names': 'CONTROLLER',
    listeners: `${listener}://${bindHost}:${ports.client},CONTROLLER://127.0.0.1:${ports.controller}`,
    'advertised.listeners': `${listener}://127.0.0.1:${ports.client}`,
    'listener.security.protocol.map':
      'PLAINTEXT:PLAINTEXT,SASL:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT',
    'inter.broker.listener.name': listener,
    'log.dirs': dataFolder,
    'num.partitions': '4',
    'auto.create.topics.enable': 'false',
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '4',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'transaction.state.log.num.partitions': '4',
    'group.initial.rebalance.delay.ms': '0',
    // A member that is frozen is missed within a test's time; 6 s by default.
    'group.min.session.timeout.ms': '500',
    'log.cleaner.dedupe.buffer.size': '2097152',
    'log.cleaner.threads': '1',
    ...(profile === 'keep' ? quickReturn : {}),
    ...(logins === undefined ? {} : securityProperties(logins.admin)),
  };
}

/** A killed broker may register again when its old session has run out: 9 s by default. */
const quickReturn = { 'broker.session.timeout.ms': '2000', 'broker.heartbeat.interval.ms': '300' };

function securityProperties(admin: Login): Record<string, string> {
  const login = `username="${admin.username}" password="${admin.password}"`;
  const module = 'org.apache.kafka.common.security.scram.ScramLoginModule';
  return {
    'sasl.enabled.mechanisms': 'SCRAM-SHA-256',
    'sasl.mechanism.inter.broker.protocol': 'SCRAM-SHA-256',
    'listener.name.sasl.scram-sha-256.sasl.jaas.config': `${module} required ${login};`,
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'allow.everyone.if.no.acl.found': 'false',
    // ANONYMOUS is the controller's own listener; clients cannot come in without a login.
    'super.users': `User:${admin.username};User:ANONYMOUS`,
  };
}

/** What `format` would write for a fixed quorum; it saves the second of a Java start. */
function writeFormat(dataFolder: string): void {
  mkdirSync(dataFolder, { recursive: true });
  const directoryId = randomBytes(16).toString('base64url');
  const meta = {
    version: '1',
    'cluster.id': clusterId,
    'node.id': '1',
    'directory.id': directoryId,
  };
  writeFileSync(join(dataFolder, 'meta.properties'), lines(meta));
}

/** SCRAM users exist only if the folder was formatted with them. */
async function formatWithUsers(
  folder: string,
  { java, logins }: { readonly java: readonly string[]; readonly logins: Logins },
): Promise<void> {
  if (existsSync(join(folder, 'data', 'meta.properties'))) return;
  const users = Object.values(logins).flatMap(({ username, password }) => [
    '--add-scram',
    `SCRAM-SHA-256=[name=${username},password=${password}]`,
  ]);
  const files = ['-t', clusterId, '-c', join(folder, 'server.properties')];
  const args = [...java, 'kafka.tools.StorageTool', 'format', ...files, ...users];
  await run('java', args, { timeout: formatTimeoutMs });
}

function loggingProperties(folder: string): Record<string, string> {
  return {
    'rootLogger.level': 'WARN',
    'rootLogger.appenderRef.file.ref': 'File',
    'appender.file.type': 'File',
    'appender.file.name': 'File',
    'appender.file.fileName': join(folder, 'server.log'),
    'appender.file.layout.type': 'PatternLayout',
    'appender.file.layout.pattern': '%d %p %c %m%n',
  };
}

function lines(properties: Readonly<Record<string, string>>): string {
  return Object.entries(properties)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('');
}
