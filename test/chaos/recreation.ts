import { type ChaosWorld, partitionCount, until, withWorld } from './chaos-world.ts';
import { JournalLoad } from './journal-load.ts';
import { PositionWatch } from './position-watch.ts';
import { replicatedOffsets, tryJournals, waitUntilReplicated } from './recovered.ts';
import { ReplicatorLog } from './replicator-log.ts';
import { replicatorProcess, stopLimitMs } from './replicator-process.ts';
import { compare, countsOf, type ScenarioResult } from './scenario.ts';
import type { ScenarioOptions } from './scenarios.ts';
import { TopicSurgery } from './topic-surgery.ts';

const refusalLimitMs = 30_000;
const partitions = Array.from({ length: partitionCount }, (_, partition) => partition);

/**
 * The topic is deleted and created again under a running replicator: its offsets begin at 0 while the
 * store stands far above. Readers and the replicator refuse it; what is stored stays as it is.
 */
export function recreation(options: ScenarioOptions): Promise<ScenarioResult> {
  return withWorld(options, (world) => run(world, options));
}

async function run(world: ChaosWorld, { loadMs, note }: ScenarioOptions): Promise<ScenarioResult> {
  const { config, topic } = world;
  const load = new JournalLoad(world);
  const log = new ReplicatorLog();
  const replicator = replicatorProcess(world, { onLine: log.accept });
  await using stack = new AsyncDisposableStack();
  stack.defer(() => replicator.stop(stopLimitMs));
  stack.defer(() => load.stop());
  replicator.start();
  await load.runFor(loadMs);
  await waitUntilReplicated(config, topic);
  const whole = await compare(world, load);
  const before = await replicatedOffsets(config, topic);
  const surgery = stack.use(await TopicSurgery.open(world));
  const watch = stack.use(await PositionWatch.start(world));

  await surgery.recreate();
  note('the topic was deleted and created again');
  const problems: string[] = [];
  const outcomes = await tryJournals(config, load.keys);
  const silent = outcomes.filter((code) => code !== 'DATA_INTEGRITY').length;
  if (silent > 0) problems.push(`${silent} keys recovered as if nothing had happened`);
  const refused = (): number =>
    partitions.filter((partition) => log.refusalOf(partition) !== undefined).length;
  const all = `the replicator refuses all ${partitionCount} partitions`;
  await until(all, () => refused() === partitionCount, refusalLimitMs).catch((error: Error) =>
    problems.push(`${error.message}; it refused ${refused()}`),
  );
  const after = await replicatedOffsets(config, topic);
  for (const [partition, offset] of before) {
    if (after.get(partition) === offset) continue;
    problems.push(`partition ${partition} went from ${offset} to ${after.get(partition)}`);
  }
  return {
    counts: {
      ...countsOf(load),
      'keys refused': outcomes.length - silent,
      'keys recovered in silence': silent,
      'partitions refused by the replicator': refused(),
      'positions that went back': watch.wentBack.length,
    },
    damages: { 'before the topic was deleted': whole },
    problems: [...load.broken, ...watch.wentBack, ...problems],
  };
}
