import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { openJournals } from '../../src/compose/open-journals.ts';
import { kafkaConfig } from '../support/kafka/kafka-config.ts';
import type { Stack } from '../support/stack/stack.ts';
import { withConfigFile } from './replicator-process.ts';

/** Partitions of a run's topic, as `kafkaConfig` makes it. */
export const partitionCount = 4;

export type StoreName = 'cassandra' | 'postgres';

/**
 * A topic of one run, a keyspace or schema, and the configuration that names them, as text and as a
 * file.
 */
export interface ChaosWorld {
  readonly stack: Stack;
  readonly topic: string;
  /** Other runs of this process have their topics in it, too. */
  readonly keyspace: string;
  readonly config: string;
  readonly file: string;
  /** Receives a line for each step. */
  readonly note: (line: string) => void;
}

export interface WorldOptions {
  readonly stack: Stack;
  readonly note: (line: string) => void;
  /** Absent = Cassandra. */
  readonly store?: StoreName | undefined;
  /** More HOCON. */
  readonly more?: string;
}

/** One for all runs of a process: topics keep them apart, and its tables take seconds to make. */
const keyspace = `chaos_${randomUUID().slice(0, 8)}`;

/** Runs with a topic of its own; the configuration file goes away afterwards. */
export async function withWorld<T>(
  { stack, note, store, more }: WorldOptions,
  run: (world: ChaosWorld) => Promise<T>,
): Promise<T> {
  const topic = `chaos-${randomUUID().slice(0, 8)}`;
  const addresses = { kafka: stack.kafka.address, cassandra: stack.cassandra.address };
  const postgres = store === 'postgres' ? stack.postgres.address : undefined;
  const names = { ...addresses, postgres, topic, keyspace };
  const config = kafkaConfig({ ...names, ...(more && { more }) });
  return await withConfigFile(config, (file) =>
    run({ stack, topic, keyspace, config, file, note }),
  );
}

/** Makes topic and tables, as an operator does before anything runs. */
export async function setUp({ config }: ChaosWorld): Promise<void> {
  await (await openJournals({ config }))[Symbol.asyncDispose]();
}

/** For scenarios in which the group has to notice soon who comes and who is gone. */
export const shortSession = `evolutiongaming.kafka-journal.replicator.kafka.consumer {
  session-timeout = 2s
  heartbeat-interval = 100ms
}`;

/**
 * Waits until something is so.
 *
 * @throws naming it, when it is not so within the limit
 */
export async function until(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  limitMs: number,
): Promise<void> {
  const limit = Date.now() + limitMs;
  while (!(await isSo())) {
    if (Date.now() > limit) throw new Error(`not within ${limitMs} ms: ${what}`);
    await sleep(20);
  }
}
