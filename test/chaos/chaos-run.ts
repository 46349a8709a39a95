import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { kafkaConfig } from '../support/kafka/kafka-config.ts';
import type { Stack } from '../support/stack/stack.ts';
import { RestartableProcess } from './child-process.ts';
import { type Acknowledged, type Damage, damageOf } from './ledger.ts';
import { seededRandom } from './random.ts';
import { readJournals, recordsBehind, waitUntilReplicated } from './recovered.ts';

export interface ChaosOptions {
  readonly stack: Stack;
  readonly kills: number;
  readonly seed: number;
  /** Receives a line for each step. */
  readonly note: (line: string) => void;
}

export interface ChaosResult {
  readonly acknowledged: number;
  readonly kills: Readonly<Record<Victim, number>>;
  /** From Cassandra and what Kafka has beyond it. */
  readonly atLag: Damage;
  /** Once everything is in Cassandra. */
  readonly replicated: Damage;
}

type Victim = 'actors' | 'replicator' | 'broker';

const victims: readonly Victim[] = ['actors', 'replicator', 'broker'];
const keys = 40;
const minPauseMs = 300;
const maxPauseMs = 1_500;
/** Longest time without any acknowledgement after a kill. */
const progressLimitMs = 60_000;
const stopLimitMs = 40_000;

/**
 * Actors append under load while one of their process, the replicator and the broker is killed at
 * random moments and started again; then every journal is compared with what was acknowledged.
 */
export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const folder = await mkdtemp(join(tmpdir(), 'kafka-journal-chaos-'));
  try {
    return await runIn(folder, options);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function runIn(folder: string, options: ChaosOptions): Promise<ChaosResult> {
  const { stack, note } = options;
  const name = `chaos-${randomUUID().slice(0, 8)}`;
  const names = { topic: name, keyspace: name.replace('-', '_') };
  const config = kafkaConfig({
    kafka: stack.kafka.address,
    cassandra: stack.cassandra.address,
    ...names,
  });
  const file = join(folder, 'application.conf');
  await writeFile(file, config);

  const acknowledged: Acknowledged[] = [];
  const processes = startProcesses(file, acknowledged);
  try {
    const kills = await killInTurn(options, processes, acknowledged);
    // From here on nothing is replicated, so that the first comparison needs both stores.
    await processes.replicator.stop((child) => child.kill('SIGTERM'), stopLimitMs);
    await progressBeyond(acknowledged, acknowledged.length + keys);
    await processes.actors.stop((child) => child.send('stop'), stopLimitMs);
    note(`load ended with ${acknowledged.length} acknowledged appends; reading all journals`);
    const keyNames = [...new Set(acknowledged.map(({ key }) => key))];
    const atLag = damageOf(acknowledged, await readJournals(config, keyNames));
    const behind = await recordsBehind(config, names.topic);
    if (behind === 0) throw new Error('everything was replicated: the first comparison is void');
    note(`${behind} records were read from Kafka; replicating them`);
    processes.replicator.start();
    await waitUntilReplicated(config, names.topic);
    note('all replicated; reading all journals again');
    const replicated = damageOf(acknowledged, await readJournals(config, keyNames));
    return { acknowledged: acknowledged.length, kills, atLag, replicated };
  } finally {
    await processes.actors.stop((child) => child.kill('SIGKILL'), stopLimitMs);
    await processes.replicator.stop((child) => child.kill('SIGTERM'), stopLimitMs);
  }
}

interface Processes {
  readonly actors: RestartableProcess;
  readonly replicator: RestartableProcess;
}

function startProcesses(file: string, acknowledged: Acknowledged[]): Processes {
  const actors = new RestartableProcess(
    new URL('actors-process.ts', import.meta.url),
    () => [file, randomUUID().slice(0, 8), String(keys)],
    (message) => acknowledged.push(...(message as Acknowledged[])),
  );
  const replicator = new RestartableProcess(
    new URL('../../src/cli/main.ts', import.meta.url),
    () => ['replicator', '--config', file],
  );
  actors.start();
  replicator.start();
  return { actors, replicator };
}

async function killInTurn(
  { stack, kills, seed, note }: ChaosOptions,
  processes: Processes,
  acknowledged: readonly Acknowledged[],
): Promise<Record<Victim, number>> {
  const random = seededRandom(seed);
  const count: Record<Victim, number> = { actors: 0, replicator: 0, broker: 0 };
  await progressBeyond(acknowledged, 0);
  for (let kill = 1; kill <= kills; kill++) {
    await sleep(minPauseMs + random() * (maxPauseMs - minPauseMs));
    const victim = victims[Math.floor(random() * victims.length)] ?? 'actors';
    count[victim]++;
    note(`kill ${kill} of ${kills}: ${victim}, after ${acknowledged.length} appends`);
    if (victim === 'broker') {
      await stack.kafka.kill('SIGKILL');
      await stack.kafka.start();
    } else await processes[victim].restart();
    await progressBeyond(acknowledged, acknowledged.length);
  }
  return count;
}

async function progressBeyond(acknowledged: readonly Acknowledged[], count: number): Promise<void> {
  const limit = Date.now() + progressLimitMs;
  while (acknowledged.length <= count) {
    if (Date.now() > limit) throw new Error(`no append acknowledged for ${progressLimitMs} ms`);
    await sleep(20);
  }
}
