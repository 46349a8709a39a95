import { setTimeout as sleep } from 'node:timers/promises';
import { type ChaosWorld, setUp, shortSession, until, withWorld } from './chaos-world.ts';
import { RestartableProcess } from './child-process.ts';
import { JournalLoad } from './journal-load.ts';
import { PositionWatch } from './position-watch.ts';
import { waitUntilReplicated } from './recovered.ts';
import { ReplicatorLog } from './replicator-log.ts';
import { replicatorProcess, stopLimitMs } from './replicator-process.ts';
import { compare, countsOf, type ScenarioResult } from './scenario.ts';
import type { ScenarioOptions } from './scenarios.ts';

const joinLimitMs = 30_000;
/** Enough for some batches of the partitions that it got. */
const stayMs = 100;

/**
 * Two replicators of one group, one of which comes and goes all the time: each coming and each
 * going makes the group share out its partitions anew, while both have work in hand.
 */
export function rebalance(options: ScenarioOptions): Promise<ScenarioResult> {
  return withWorld({ ...options, more: shortSession }, (world) => run(world, options));
}

async function run(world: ChaosWorld, { seconds }: ScenarioOptions): Promise<ScenarioResult> {
  const load = new JournalLoad(world);
  const [hostLog, visitorLog] = [new ReplicatorLog(), new ReplicatorLog()];
  const host = replicatorProcess(world, { onLine: hostLog.accept });
  const visitor = visitorProcess(world, visitorLog);
  await setUp(world);
  try {
    host.start();
    await load.start();
    await using watch = await PositionWatch.start(world);
    const joins = hostLog.joins;
    visitor.start();
    await receive(visitor, visitorLog, seconds);
    const rebalances = hostLog.joins - joins;
    await Promise.all([load.stop(), visitor.stop(stopLimitMs)]);
    await waitUntilReplicated(world.config, world.topic);
    const replicated = await compare(world, load);
    return {
      counts: {
        ...countsOf(load),
        rebalances,
        'rebalances a second': (rebalances / seconds).toFixed(2),
        'visits of the second replicator': visitorLog.joins,
        'samples of positions': watch.samples,
        'positions that went back': watch.wentBack.length,
      },
      damages: { 'after full replication': replicated },
      problems: [...load.broken, ...watch.wentBack],
    };
  } finally {
    await load.stop();
    await Promise.all([host.stop(stopLimitMs), visitor.stop(stopLimitMs)]);
  }
}

/** Tells the visitor to leave shortly after each time that it has joined. */
async function receive(
  visitor: RestartableProcess,
  log: ReplicatorLog,
  seconds: number,
): Promise<void> {
  const endMs = Date.now() + seconds * 1_000;
  for (let visits = 0; Date.now() < endMs; visits++) {
    await until('the second replicator joins', () => log.joins > visits, joinLimitMs);
    await sleep(stayMs);
    visitor.send('leave');
  }
}

function visitorProcess({ file }: ChaosWorld, log: ReplicatorLog): RestartableProcess {
  return new RestartableProcess({
    file: new URL('visitor-process.ts', import.meta.url),
    args: () => [file],
    onLine: log.accept,
  });
}
