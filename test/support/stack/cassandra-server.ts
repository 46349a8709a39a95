import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { classPath } from './jars.ts';
import { jvmFlags, serverCommand } from './jvm-flags.ts';
import { freePort } from './ports.ts';
import { cassandraState } from './probes.ts';
import { ServerProcess } from './server-process.ts';
import type { StackProfile } from './stack.ts';

export const datacenter = 'datacenter1';

/** Packages that Cassandra reaches into; its own options file is not part of the Maven artifact. */
const opens = [
  'java.base/java.io',
  'java.base/java.lang',
  'java.base/java.lang.module',
  'java.base/java.lang.reflect',
  'java.base/java.nio',
  'java.base/java.util',
  'java.base/java.util.concurrent',
  'java.base/java.util.concurrent.atomic',
  'java.base/jdk.internal.loader',
  'java.base/jdk.internal.math',
  'java.base/jdk.internal.module',
  'java.base/jdk.internal.ref',
  'java.base/jdk.internal.reflect',
  'java.base/jdk.internal.util.jar',
  'java.base/sun.nio.ch',
  'jdk.management/com.sun.management.internal',
];
const exported = [
  'java.base/java.lang.ref',
  'java.base/jdk.internal.misc',
  'java.management.rmi/com.sun.jmx.remote.internal.rmi',
  'java.rmi/sun.rmi.registry',
  'java.rmi/sun.rmi.server',
  'java.sql/java.sql',
  'jdk.attach/sun.tools.attach',
  'jdk.unsupported/sun.misc',
];

export interface CassandraServerOptions {
  readonly folder: string;
  readonly profile: StackProfile;
  /** Passwords and permissions; the first login is the default superuser's. */
  readonly secured: boolean;
  readonly detached: boolean;
  readonly signal: AbortSignal | undefined;
}

/** Prepares the folder of a single Cassandra node; `start` runs it. */
export async function prepareCassandra(options: CassandraServerOptions): Promise<ServerProcess> {
  const { folder, profile, secured, detached, signal } = options;
  const ports = { client: await freePort(), storage: await freePort() };
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'cassandra.yaml'), cassandraYaml({ folder, ports, profile, secured }));
  writeFileSync(join(folder, 'logback.xml'), logbackXml(join(folder, 'system.log')));
  const properties = { ...systemProperties(profile), ...fileProperties(folder) };
  const address = `127.0.0.1:${ports.client}`;
  return new ServerProcess({
    name: 'cassandra',
    address,
    folder,
    command: serverCommand(profile, [
      'java',
      ...jvmFlags(profile),
      ...opens.flatMap((name) => ['--add-opens', `${name}=ALL-UNNAMED`]),
      ...exported.flatMap((name) => ['--add-exports', `${name}=ALL-UNNAMED`]),
      ...Object.entries(properties).map(([key, value]) => `-D${key}=${value}`),
      '-cp',
      await classPath('cassandra'),
      'org.apache.cassandra.service.CassandraDaemon',
    ]),
    ports: [ports.client, ports.storage],
    probe: () => cassandraState(address),
    detached,
    signal,
  });
}

/** System properties of a profile; they are the same for Java processes and containers. */
export function systemProperties(profile: StackProfile): Record<string, string> {
  const keep = {
    'cassandra.auth_bcrypt_gensalt_log2_rounds': '4',
    'cassandra.memtable.row_overhead_size': '100',
    'cassandra.ring_delay_ms': '100',
    'cassandra.shutdown_announce_in_ms': '0',
    'cassandra.skip_sync': 'true',
    'cassandra.skip_wait_for_gossip_to_settle': '0',
    'cassandra.superuser_setup_delay_ms': '0',
    'cassandra.test.ignore_sigar': 'true',
  };
  if (profile !== 'quick') return keep;
  // Each of these two alone loses every table when the process is killed.
  return {
    ...keep,
    'cassandra.test.flush_local_schema_changes': 'false',
    'cassandra.unsafesystem': 'true',
  };
}

function fileProperties(folder: string): Record<string, string> {
  return {
    'cassandra-foreground': 'yes',
    'cassandra.config': `file://${folder}/cassandra.yaml`,
    'cassandra.storagedir': folder,
    'io.netty.tryReflectionSetAccessible': 'true',
    'jdk.attach.allowAttachSelf': 'true',
    'logback.configurationFile': join(folder, 'logback.xml'),
  };
}

export interface CassandraYamlInput {
  readonly folder: string;
  readonly ports: { readonly client: number; readonly storage: number };
  readonly profile: StackProfile;
  readonly secured: boolean;
  /** Address that CQL binds; clients are always told 127.0.0.1. */
  readonly bindHost?: string;
}

/** `cassandra.yaml` of one small node. */
export function cassandraYaml(input: CassandraYamlInput): string {
  const { folder, ports, profile, secured, bindHost = '127.0.0.1' } = input;
  return `cluster_name: kafka-journal-test
num_tokens: 1
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
endpoint_snitch: SimpleSnitch
listen_address: 127.0.0.1
storage_port: ${ports.storage}
rpc_address: ${bindHost}
broadcast_rpc_address: 127.0.0.1
native_transport_port: ${ports.client}
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters:
      - seeds: "127.0.0.1:${ports.storage}"
data_file_directories: [${folder}/data]
commitlog_directory: ${folder}/commitlog
saved_caches_directory: ${folder}/saved_caches
hints_directory: ${folder}/hints
cdc_raw_directory: ${folder}/cdc_raw
auto_snapshot: false
concurrent_compactors: 1
${profile === 'keep' ? safeLogYaml : installedLogYaml}${profile === 'bench' ? '' : smallYaml}${secured ? securityYaml : ''}`;
}

/** A periodic commit log loses acknowledged rows of a killed process. */
const safeLogYaml = `commitlog_sync: batch
`;

/**
 * The values that Cassandra is shipped with, where it has no default of its own. No row waits for
 * the log, which saves a server of tests much of its processor time.
 */
const installedLogYaml = `commitlog_sync: periodic
commitlog_sync_period: 10000ms
`;

const smallYaml = `commitlog_segment_size: 8MiB
commitlog_total_space: 64MiB
memtable_heap_space: 32MiB
memtable_offheap_space: 32MiB
file_cache_size: 32MiB
networking_cache_size: 16MiB
key_cache_size: 1MiB
prepared_statements_cache_size: 4MiB
concurrent_reads: 8
concurrent_writes: 8
`;

/** Grants show within 100 ms. */
const securityYaml = `authenticator: PasswordAuthenticator
authorizer: CassandraAuthorizer
role_manager: CassandraRoleManager
permissions_validity: 100ms
roles_validity: 100ms
credentials_validity: 100ms
`;

function logbackXml(file: string): string {
  return `<configuration>
  <appender name="FILE" class="ch.qos.logback.core.FileAppender">
    <file>${file}</file>
    <encoder><pattern>%-5level %date{ISO8601} %logger{20} %msg%n</pattern></encoder>
  </appender>
  <root level="WARN"><appender-ref ref="FILE"/></root>
</configuration>
`;
}
