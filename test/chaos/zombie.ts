import { setTimeout as sleep } from 'node:timers/promises';
import {
  type ChaosWorld,
  partitionCount,
  setUp,
  shortSession,
  until,
  withWorld,
} from './chaos-world.ts';
import type { RestartableProcess } from './child-process.ts';
import { JournalLoad } from './journal-load.ts';
import { PositionWatch } from './position-watch.ts';
import { waitUntilReplicated } from './recovered.ts';
import { ReplicatorLog } from './replicator-log.ts';
import { replicatorProcess, stopLimitMs } from './replicator-process.ts';
import { compare, countsOf, type ScenarioResult } from './scenario.ts';
import type { ScenarioOptions } from './scenarios.ts';

const takeOverLimitMs = 30_000;
/** Time for the other one to get ahead, and for the zombie to finish what it had begun. */
const aheadMs = 800;
const wokenMs = 1_500;
/** Long enough for writes to be under way and unanswered when the replicator freezes. */
const storeFrozenMs = 150;

/**
 * One of two replicators freezes beyond its session, with writes in hand; the other takes its
 * partitions over and gets ahead; then the first one wakes and must not write what it had in mind.
 */
export function zombie(options: ScenarioOptions): Promise<ScenarioResult> {
  return withWorld({ ...options, more: shortSession }, (world) => run(world, options));
}

interface Member {
  readonly process: RestartableProcess;
  readonly log: ReplicatorLog;
}

async function run(world: ChaosWorld, { rounds }: ScenarioOptions): Promise<ScenarioResult> {
  const load = new JournalLoad(world);
  const members = [memberOf(world), memberOf(world)];
  await setUp(world);
  try {
    for (const { process } of members) process.start();
    await load.start();
    await using watch = await PositionWatch.start(world);
    for (let round = 0; round < rounds; round++) {
      const [frozen, other] = round % 2 === 0 ? members : members.toReversed();
      if (frozen === undefined || other === undefined) break;
      await bothHavePartitions(members);
      await freeze(world, frozen);
      await until('the other takes over', () => ownsAll(other), takeOverLimitMs);
      await sleep(aheadMs);
      world.note(
        `zombie ${round + 1} of ${rounds} wakes after ${load.acknowledged.length} appends`,
      );
      frozen.process.resume();
      await sleep(wokenMs);
    }
    await load.stop();
    await waitUntilReplicated(world.config, world.topic);
    const replicated = await compare(world, load);
    return {
      counts: {
        ...countsOf(load),
        zombies: rounds,
        'partitions that a zombie gave up': members.reduce(
          (sum, { log }) => sum + log.displaced,
          0,
        ),
        'samples of positions': watch.samples,
        'positions that went back': watch.wentBack.length,
      },
      damages: { 'after full replication': replicated },
      problems: [...load.broken, ...watch.wentBack],
    };
  } finally {
    await load.stop();
    for (const { process } of members) process.resume();
    await Promise.all(members.map(({ process }) => process.stop(stopLimitMs)));
  }
}

function memberOf(world: ChaosWorld): Member {
  const log = new ReplicatorLog();
  return { process: replicatorProcess(world, { onLine: log.accept }), log };
}

function bothHavePartitions(members: readonly Member[]): Promise<void> {
  const share = partitionCount / members.length;
  const isShared = (): boolean => members.every(({ log }) => log.partitions.length === share);
  return until('both replicators have partitions', isShared, takeOverLimitMs);
}

function ownsAll({ log }: Member): boolean {
  return log.partitions.length === partitionCount;
}

/** The store stands still for a moment, so that the replicator freezes between two writes of a batch. */
async function freeze({ stack }: ChaosWorld, { process }: Member): Promise<void> {
  await stack.cassandra.pause();
  try {
    await sleep(storeFrozenMs);
    process.pause();
  } finally {
    await stack.cassandra.resume();
  }
}
