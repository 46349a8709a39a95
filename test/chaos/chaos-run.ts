import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Stack } from '../support/stack/stack.ts';
import { type ChaosWorld, type StoreName, until, withWorld } from './chaos-world.ts';
import { RestartableProcess } from './child-process.ts';
import { type Fault, faultsWith, inflict, startLimitMs, type Victims } from './faults.ts';
import { type Acknowledged, type Damage, damageOf, type Outcomes } from './ledger.ts';
import { seededRandom } from './random.ts';
import { readJournals, recordsBehind, waitUntilReplicated } from './recovered.ts';
import { ReplicatorLog } from './replicator-log.ts';
import { replicatorProcess, stopLimitMs } from './replicator-process.ts';

export interface ChaosOptions {
  readonly stack: Stack;
  /** Faults of all kinds together. */
  readonly kills: number;
  readonly seed: number;
  readonly store: StoreName;
  /** Kinds to choose from; absent = all that hit something. */
  readonly kinds?: readonly Fault[];
  /** Pause of a counter after each answer; 0 = the highest load there can be. */
  readonly restMs: number;
  /** Receives a line for each step. */
  readonly note: (line: string) => void;
}

export interface ChaosResult {
  readonly acknowledged: number;
  /** By kind. */
  readonly faults: Readonly<Record<string, number>>;
  /** From the store and what Kafka has beyond it. */
  readonly atLag: Damage;
  /** Once everything is in the store. */
  readonly replicated: Damage;
}

const keys = 40;
const minPauseMs = 300;
const maxPauseMs = 1_500;
/** Longest time without any acknowledgement after a fault. */
const progressLimitMs = 60_000;

/**
 * Actors append under load while one of their process, the replicator, the broker and the store is
 * killed or frozen at random moments and started again; then every journal is compared with what
 * was acknowledged.
 */
export function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  return withWorld(options, (world) => runIn(world, options));
}

async function runIn(world: ChaosWorld, options: ChaosOptions): Promise<ChaosResult> {
  const { config, topic, note } = world;
  const acknowledged: Acknowledged[] = [];
  const rejected: string[] = [];
  const victims = startProcesses(world, { acknowledged, rejected, restMs: options.restMs });
  const { actors, replicator } = victims;
  try {
    const happened = await inflictInTurn(options, victims, acknowledged);
    // From here on nothing is replicated, so that the first comparison needs both stores.
    await replicator.stop(stopLimitMs);
    await progressBeyond(acknowledged, acknowledged.length + keys);
    await actors.stop(stopLimitMs, (child) => child.send('stop'));
    note(`load ended with ${acknowledged.length} acknowledged appends; reading all journals`);
    const keyNames = [...new Set(acknowledged.map(({ key }) => key))];
    const atLag = damageOf({ acknowledged, rejected }, await readJournals(config, keyNames));
    const behind = await recordsBehind(config, topic);
    if (behind === 0) throw new Error('everything was replicated: the first comparison is void');
    note(`${behind} records were read from Kafka; replicating them`);
    replicator.start();
    await waitUntilReplicated(config, topic);
    note('all replicated; reading all journals again');
    const replicated = damageOf({ acknowledged, rejected }, await readJournals(config, keyNames));
    return { acknowledged: acknowledged.length, faults: happened, atLag, replicated };
  } finally {
    await actors.stop(stopLimitMs, (child) => child.kill('SIGKILL'));
    await replicator.stop(stopLimitMs);
  }
}

interface Load {
  readonly acknowledged: Acknowledged[];
  readonly rejected: string[];
  readonly restMs: number;
}

function startProcesses(world: ChaosWorld, { acknowledged, rejected, restMs }: Load): Victims {
  const actors = new RestartableProcess({
    file: new URL('actors-process.ts', import.meta.url),
    args: () => [world.file, randomUUID().slice(0, 8), String(keys), String(restMs)],
    onMessage: (message) => {
      const outcomes = message as Outcomes;
      acknowledged.push(...outcomes.acknowledged);
      rejected.push(...outcomes.rejected);
    },
  });
  const replicatorLog = new ReplicatorLog();
  const replicator = replicatorProcess(world, { onLine: replicatorLog.accept });
  actors.start();
  replicator.start();
  return { stack: world.stack, actors, replicator, replicatorLog };
}

async function inflictInTurn(
  { kills, seed, note, store, kinds = faultsWith(store) }: ChaosOptions,
  victims: Victims,
  acknowledged: readonly Acknowledged[],
): Promise<Record<string, number>> {
  const random = seededRandom(seed);
  const count = Object.fromEntries(kinds.map((kind) => [kind, 0]));
  await until('the replicator runs', () => victims.replicatorLog.starts > 0, startLimitMs);
  await progressBeyond(acknowledged, 0);
  for (let kill = 1; kill <= kills; kill++) {
    await sleep(minPauseMs + random() * (maxPauseMs - minPauseMs));
    const fault = kinds[Math.floor(random() * kinds.length)] ?? 'actors';
    count[fault] = (count[fault] ?? 0) + 1;
    note(`fault ${kill} of ${kills}: ${fault}, after ${acknowledged.length} appends`);
    await inflict(fault, victims, random);
    await progressBeyond(acknowledged, acknowledged.length);
  }
  return count;
}

function progressBeyond(acknowledged: readonly Acknowledged[], count: number): Promise<void> {
  return until('an append is acknowledged', () => acknowledged.length > count, progressLimitMs);
}
