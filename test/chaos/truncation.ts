import { partitionOf } from '../../src/codec/java-hash.ts';
import { Partition } from '../../src/model/position.ts';
import { type ChaosWorld, partitionCount, until } from './chaos-world.ts';
import type { JournalLoad } from './journal-load.ts';
import { damageOf } from './ledger.ts';
import { withStores } from './open-stores.ts';
import { readJournals, replicatedOffsets, tryJournals, waitUntilReplicated } from './recovered.ts';
import { stopLimitMs } from './replicator-process.ts';
import { compare, type ScenarioResult } from './scenario.ts';
import type { ScenarioOptions } from './scenarios.ts';
import type { TopicSurgery } from './topic-surgery.ts';
import { refusalLimitMs, type Tampering, withTampering } from './topic-tampering.ts';

/** The partition that loses records which the store does not have. */
const hurt = 1;

/**
 * The log loses its beginning: before the replicated offset nobody notices; beyond it the partition
 * is held and its keys are refused by name, while all other partitions go on.
 */
export function truncation(options: ScenarioOptions): Promise<ScenarioResult> {
  return withTampering(options, (tampering) => run(tampering, options));
}

async function run(
  tampering: Tampering,
  { loadMs, note }: ScenarioOptions,
): Promise<ScenarioResult> {
  const { world, load, replicator, log, surgery } = tampering;
  const { config, topic } = world;
  const deleted = await deleteReplicated(world, surgery);
  note(`${deleted} replicated records deleted from the log; the load goes on`);
  await load.runFor(loadMs);
  await waitUntilReplicated(config, topic);
  const harmless = await compare(world, load);

  await replicator.stop(stopLimitMs);
  await load.runFor(loadMs);
  const lost = await deleteBeyond(world, surgery);
  note(`${lost} records of partition ${hurt} deleted that are not replicated`);
  replicator.start();
  const problems = await expectHeld(tampering);
  return {
    counts: {
      'replicated records deleted': deleted,
      'other records deleted': lost,
      refused: String(log.refusalOf(hurt)?.['err'] && textOf(log.refusalOf(hurt)?.['err'])),
      ...(await recoveries(world, load, problems)),
    },
    damages: {
      'log cut before the replicated offset': harmless,
      'keys of the other partitions': await compareOthers(world, load),
    },
    problems,
  };
}

/** Cuts every partition in the middle of what is replicated. */
async function deleteReplicated(world: ChaosWorld, surgery: TopicSurgery): Promise<number> {
  const replicated = await replicatedOffsets(world.config, world.topic);
  const cuts = [...replicated].map(([partition, offset]) => ({
    partition,
    offset: Math.floor(offset / 2),
  }));
  await surgery.deleteBefore(cuts);
  return cuts.reduce((sum, { offset }) => sum + offset, 0);
}

/**
 * Cuts one partition after the first records that are not replicated; answers how many those are.
 */
async function deleteBeyond(world: ChaosWorld, surgery: TopicSurgery): Promise<number> {
  const replicated = (await replicatedOffsets(world.config, world.topic)).get(hurt) ?? -1;
  const end = (await surgery.ranges())[hurt]?.end ?? 0;
  const offset = Math.floor((replicated + 1 + end) / 2);
  if (offset <= replicated + 1) throw new Error('too little load to have anything to lose');
  await surgery.deleteBefore([{ partition: hurt, offset }]);
  return offset - (replicated + 1);
}

/** The hurt partition is refused by name and stands still; the others reach their ends. */
async function expectHeld({ world, surgery, log }: Tampering): Promise<string[]> {
  const { config, topic } = world;
  const problems: string[] = [];
  const before = (await replicatedOffsets(config, topic)).get(hurt);
  const attempt = async (what: string, isSo: () => boolean | Promise<boolean>): Promise<void> => {
    await until(what, isSo, refusalLimitMs).catch((error: Error) => problems.push(error.message));
  };
  await attempt(`partition ${hurt} is refused`, () => log.refusalOf(hurt) !== undefined);
  // Nothing is written any more: the ends stay where they are.
  const others = (await surgery.ranges()).filter(({ partition }) => partition !== hurt);
  await withStores(config, topic, async ({ store, topic: name }) => {
    const offsetOf = (partition: number) => store.offset(name, Partition.of(partition));
    await attempt('the other partitions go on to their ends', async () => {
      const offsets = await Promise.all(others.map(({ partition }) => offsetOf(partition)));
      return others.every(({ end }, index) => offsets[index] === end - 1);
    });
  });
  const after = (await replicatedOffsets(config, topic)).get(hurt);
  if (after !== before) problems.push(`partition ${hurt} went on from ${before} to ${after}`);
  return problems;
}

async function recoveries(
  { config }: ChaosWorld,
  load: JournalLoad,
  problems: string[],
): Promise<Readonly<Record<string, number>>> {
  const outcomes = await tryJournals(config, load.keys.filter(isHurt));
  const silent = outcomes.filter((code) => code === 'recovered').length;
  const otherwise = outcomes.filter((code) => code !== 'DATA_INTEGRITY' && code !== 'recovered');
  if (silent > 0) problems.push(`${silent} keys of partition ${hurt} recovered in silence`);
  if (otherwise.length > 0)
    problems.push(`failed otherwise: ${[...new Set(otherwise)].join(', ')}`);
  return {
    'keys refused': outcomes.length - silent - otherwise.length,
    'keys recovered in silence': silent,
  };
}

async function compareOthers({ config }: ChaosWorld, load: JournalLoad) {
  const keys = load.keys.filter((key) => !isHurt(key));
  const acknowledged = load.acknowledged.filter(({ key }) => !isHurt(key));
  return damageOf({ acknowledged, deleted: load.deleted }, await readJournals(config, keys));
}

function isHurt(key: string): boolean {
  return partitionOf(Buffer.from(key), partitionCount) === hurt;
}

function textOf(error: unknown): string {
  return error instanceof Object && 'message' in error ? String(error.message) : String(error);
}
