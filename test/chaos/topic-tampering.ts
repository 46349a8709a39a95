import { type ChaosWorld, withWorld } from './chaos-world.ts';
import type { RestartableProcess } from './child-process.ts';
import { JournalLoad } from './journal-load.ts';
import { PositionWatch } from './position-watch.ts';
import { waitUntilReplicated } from './recovered.ts';
import { ReplicatorLog } from './replicator-log.ts';
import { replicatorProcess, stopLimitMs } from './replicator-process.ts';
import { countsOf, type ScenarioResult } from './scenario.ts';
import type { ScenarioOptions } from './scenarios.ts';
import { TopicSurgery } from './topic-surgery.ts';

/** How soon a replicator has to refuse what the log has lost. */
export const refusalLimitMs = 30_000;

/** A topic with records that are all replicated, and who is about to notice what happens to it. */
export interface Tampering {
  readonly world: ChaosWorld;
  readonly load: JournalLoad;
  readonly replicator: RestartableProcess;
  /** What that replicator has logged. */
  readonly log: ReplicatorLog;
  readonly surgery: TopicSurgery;
}

/**
 * Runs after a first stretch of load, which has ended and is replicated. What breaks a rule under
 * any load, and positions that went back meanwhile, are added to the result.
 */
export function withTampering(
  options: ScenarioOptions,
  run: (tampering: Tampering) => Promise<ScenarioResult>,
): Promise<ScenarioResult> {
  return withWorld(options, async (world) => {
    const load = new JournalLoad(world);
    const log = new ReplicatorLog();
    const replicator = replicatorProcess(world, { onLine: log.accept });
    await using stack = new AsyncDisposableStack();
    stack.defer(() => replicator.stop(stopLimitMs));
    stack.defer(() => load.stop());
    replicator.start();
    await load.runFor(options.loadMs);
    await waitUntilReplicated(world.config, world.topic);
    const surgery = stack.use(await TopicSurgery.open(world));
    const watch = stack.use(await PositionWatch.start(world));
    const result = await run({ world, load, replicator, log, surgery });
    return {
      ...result,
      counts: {
        ...countsOf(load),
        ...result.counts,
        'positions that went back': watch.wentBack.length,
      },
      problems: [...load.broken, ...watch.wentBack, ...result.problems],
    };
  });
}
