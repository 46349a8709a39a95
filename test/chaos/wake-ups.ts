import { setTimeout as sleep } from 'node:timers/promises';
import { partitionOf } from '../../src/codec/java-hash.ts';
import { openJournals } from '../../src/compose/open-journals.ts';
import { Offset } from '../../src/model/position.ts';
import { percentile } from '../bench/figures.ts';
import { type ChaosWorld, partitionCount, setUp, until, withWorld } from './chaos-world.ts';
import { fleetConfig } from './fleet.ts';
import { MemoryWatch } from './memory-watch.ts';
import { withStores } from './open-stores.ts';
import { seededRandom } from './random.ts';
import { replicatorProcess, stopLimitMs } from './replicator-process.ts';
import type { ScenarioResult } from './scenario.ts';
import type { ScenarioOptions } from './scenarios.ts';
import { type Armed, timers, type WakePlan } from './wake-protocol.ts';
import { addFarWakeUps } from './wake-rows.ts';
import { readWaited, type Waited, WakeService, wrongIn } from './wake-service.ts';

/** How much waits, and how soon it has to happen. */
export interface WakeUpsSize {
  /** Timers of the minute; three to an entity. */
  readonly timers: number;
  /** Over so long a time, ms. */
  readonly spreadMs: number;
  /** Time in which all of them are armed, the processes die, and start again, ms. */
  readonly leadMs: number;
  /** How long before the end of that time they start again, ms. */
  readonly headStartMs: number;
  /** The session time-out of the fleet, ms. */
  readonly sessionMs: number;
  /** Further wake-ups that are due a day later. */
  readonly farAhead: number;
  readonly p99Ms: number;
  /** From the owner's opening mark to the first timer that was overdue. */
  readonly readyMs: number;
}

/** What a machine that does nothing else has to keep. */
export const largeWakeUps: WakeUpsSize = {
  timers: 10_000,
  spreadMs: 60_000,
  leadMs: 75_000,
  headStartMs: 20_000,
  sessionMs: 10_000,
  farAhead: 1_000_000,
  p99Ms: 1_000,
  readyMs: 5_000,
};

const journal = 'evolutiongaming.kafka-journal.persistence.journal';
const instances = 2;
const timersEach = 3;
const workers = 20;
const poisoned = 5;
/** Every how many entities one has a timer that is due while all processes are dead. */
const overdueEvery = 10;
const doneLimitMs = 60_000;
const lookAgainMs = 1_000;

/**
 * Entities with timers and with work under way lose all their processes, and get new ones when some
 * timers are long due. Nobody asks them for anything: each timer fires once, in order, and soon;
 * all work ends once. Entities that nobody can recover are among them.
 */
export function wakeUps(options: ScenarioOptions): Promise<ScenarioResult> {
  const more = fleetConfig(journal, options.wakeUps.sessionMs);
  return withWorld({ ...options, more }, async (world) => {
    await setUp(world);
    const replicator = replicatorProcess(world);
    replicator.start();
    try {
      return await run(world, options);
    } finally {
      await replicator.stop(stopLimitMs);
    }
  });
}

async function run(world: ChaosWorld, options: ScenarioOptions): Promise<ScenarioResult> {
  const { wakeUps: size, note } = options;
  if (size.farAhead > 0) {
    const startMs = Date.now();
    await addFarWakeUps(world, size.farAhead);
    note(`${size.farAhead} wake-ups far ahead are in the store after ${since(startMs)} s`);
  }
  const armed = plansOf(size, seededRandom(options.seed));
  const plans = [...armed].map(([id, command]): WakePlan => [id, [command]]);
  const first = await WakeService.start(world.file, 'first');
  const armedMs = Date.now();
  await first.arm(plans);
  await first.kill();
  const armingMs = Date.now() - armedMs;
  note(`${plans.length} entities wait, and their only process is dead, after ${since(armedMs)} s`);
  await sleep(Math.max(0, armedMs + size.leadMs - size.headStartMs - Date.now()));
  const bornMs = Date.now();
  const later = await Promise.all(
    Array.from({ length: instances }, () => WakeService.start(world.file, 'later')),
  );
  const memory = later.map(({ process }) => new MemoryWatch(process.pid));
  note(`${instances} new ones have started`);
  const healthy = new Map([...armed].filter(([, { isPoison }]) => !isPoison));
  let waited: readonly Waited[];
  const courses = () => memory.map((watch) => watch.stop());
  try {
    await sleep(Math.max(0, armedMs + armingMs + size.leadMs + size.spreadMs - Date.now()));
    waited = await allDone(world, healthy);
  } finally {
    await Promise.all(later.map((service) => service.stop()));
  }
  return resultOf(
    { waited, armed: healthy, owners: await ownersSince(world, bornMs), courses: courses() },
    size,
  );
}

/** Resolves when everything has happened, or when it does not. */
async function allDone(
  { config }: ChaosWorld,
  armed: ReadonlyMap<string, Armed>,
): Promise<readonly Waited[]> {
  await using journals = await openJournals({ config });
  const ids = [...armed.keys()];
  let waited: readonly Waited[] = [];
  const isDone = async (): Promise<boolean> => {
    waited = await readWaited(journals, ids);
    const isLeft = waited.some(({ id, fired, worked }) => {
      const { delays, hasWork } = armed.get(id) as Armed;
      return fired.length < delays.length || worked < Number(hasWork);
    });
    if (isLeft) await sleep(lookAgainMs);
    return !isLeft;
  };
  await until('everything has happened', isDone, doneLimitMs).catch(() => {});
  return waited;
}

function plansOf(
  { timers: count, spreadMs, leadMs }: WakeUpsSize,
  random: () => number,
): ReadonlyMap<string, Armed> {
  const plans = new Map<string, Armed>();
  const due = (): number => leadMs + Math.floor(random() * spreadMs);
  for (let entity = 0; entity * timersEach < count; entity++) {
    const delays = Array.from({ length: timersEach }, due);
    if (entity % overdueEvery === 0) delays[0] = Math.floor((leadMs / 2) * (1 + random()));
    plans.set(`t${entity}`, timers(...delays));
  }
  for (let worker = 0; worker < workers; worker++)
    plans.set(`w${worker}`, { ...timers(), hasWork: true });
  for (let poison = 0; poison < poisoned; poison++)
    plans.set(`p${poison}`, { ...timers(leadMs / 2), isPoison: true });
  return plans;
}

/** When each partition was first opened after that time, by its number. */
async function ownersSince(
  { config, topic }: ChaosWorld,
  sinceMs: number,
): Promise<ReadonlyMap<number, number>> {
  const owners = new Map<number, number>();
  await withStores(config, topic, async ({ log, topic: name, partitions }) => {
    for (const partition of partitions) {
      const end = await log.endOffset(name, partition);
      for await (const { records, next } of log.follow({
        topic: name,
        partition,
        from: Offset.of(0),
      })) {
        for (const { action } of records) {
          const { header, timestampMs } = action;
          const isOpening = header.type === 'mark' && header.opens !== undefined;
          if (!isOpening || timestampMs < sinceMs || owners.has(partition)) continue;
          owners.set(partition, timestampMs);
        }
        if (next >= end) break;
      }
    }
  });
  return owners;
}

interface Seen {
  readonly waited: readonly Waited[];
  readonly armed: ReadonlyMap<string, Armed>;
  readonly owners: ReadonlyMap<number, number>;
  readonly courses: readonly {
    readonly firstMb: number;
    readonly lastMb: number;
    readonly peakMb: number;
  }[];
}

function resultOf({ waited, armed, owners, courses }: Seen, size: WakeUpsSize): ScenarioResult {
  const late: number[] = [];
  const overdue: number[] = [];
  const ready = new Map<number, number>();
  for (const { id, times } of waited) {
    const partition = partitionOf(Buffer.from(`sleeper-${id}`), partitionCount);
    const ownedMs = owners.get(partition) ?? Number.NaN;
    for (const { dueMs, firedMs } of times) {
      if (firedMs < ownedMs) continue; // by the first process, which took long to arm all
      (dueMs < ownedMs ? overdue : late).push(firedMs - Math.max(dueMs, ownedMs));
      const readyMs = firedMs - ownedMs;
      if (dueMs < ownedMs) ready.set(partition, Math.min(ready.get(partition) ?? readyMs, readyMs));
    }
  }
  const p99 = percentile(late, 99);
  const longestReadyMs = Math.max(0, ...ready.values());
  const ms = (values: readonly number[], percent: number) => `${percentile(values, percent)} ms`;
  const shown = (values: readonly number[]): string =>
    `p50 ${ms(values, 50)}, p99 ${ms(values, 99)}, longest ${ms(values, 100)}`;
  const wrong = waited.flatMap((one) => wrongIn(one, armed.get(one.id) as Armed));
  const slow = [
    ...(p99 > size.p99Ms ? [`p99 of the delay is ${p99} ms, above ${size.p99Ms} ms`] : []),
    ...(longestReadyMs > size.readyMs ? [`an owner was ready after ${longestReadyMs} ms`] : []),
  ];
  return {
    counts: {
      'timers fired': waited.reduce((sum, { times }) => sum + times.length, 0),
      'work ended': waited.filter(({ worked }) => worked === 1).length,
      'wake-ups far ahead': size.farAhead,
      [`delay of ${late.length} timers after their time`]: shown(late),
      [`delay of ${overdue.length} overdue ones after their owner's start`]: shown(overdue),
      'owner ready after': `${longestReadyMs} ms at most`,
      'memory of the owners, MB, first quarter / last quarter / peak': courses
        .map((course) => [course.firstMb, course.lastMb, course.peakMb].map(Math.round).join(' / '))
        .join('; '),
    },
    damages: {},
    problems: [...wrong, ...slow],
  };
}

const since = (ms: number): string => ((Date.now() - ms) / 1_000).toFixed(1);
