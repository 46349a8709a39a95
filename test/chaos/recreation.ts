import { partitionCount, until } from './chaos-world.ts';
import { replicatedOffsets, tryJournals } from './recovered.ts';
import { compare, type ScenarioResult } from './scenario.ts';
import type { ScenarioOptions } from './scenarios.ts';
import { refusalLimitMs, type Tampering, withTampering } from './topic-tampering.ts';

const partitions = Array.from({ length: partitionCount }, (_, partition) => partition);

/**
 * The topic is deleted and created again under a running replicator: its offsets begin at 0 while
 * the store stands far above. Readers and the replicator refuse it; what is stored stays as it is.
 */
export function recreation(options: ScenarioOptions): Promise<ScenarioResult> {
  return withTampering(options, (tampering) => run(tampering, options));
}

async function run(
  { world, load, log, surgery }: Tampering,
  { note }: ScenarioOptions,
): Promise<ScenarioResult> {
  const { config, topic } = world;
  const whole = await compare(world, load);
  const before = await replicatedOffsets(config, topic);
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
      'keys refused': outcomes.length - silent,
      'keys recovered in silence': silent,
      'partitions refused by the replicator': refused(),
    },
    damages: { 'before the topic was deleted': whole },
    problems,
  };
}
