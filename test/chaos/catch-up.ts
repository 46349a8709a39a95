import { partitionOf } from '../../src/codec/java-hash.ts';
import { encodeAction } from '../../src/codec/record/action-record-codec.ts';
import { encodeEvents } from '../../src/codec/record/events-codec.ts';
import { Events } from '../../src/model/event.ts';
import { Topic } from '../../src/model/position.ts';
import { SeqNr } from '../../src/model/seq-nr.ts';
import { libraryVersion } from '../../src/runtime/library-version.ts';
import { payloadOf } from '../bench/bench-world.ts';
import { throughput } from '../bench/figures.ts';
import { openRawProducer, type RawProducer } from '../bench/raw-kafka.ts';
import { type ChaosWorld, partitionCount, setUp, withWorld } from './chaos-world.ts';
import { noDamage } from './ledger.ts';
import { type MemoryCourse, MemoryWatch } from './memory-watch.ts';
import { withStores } from './open-stores.ts';
import { waitUntilReplicated } from './recovered.ts';
import { replicatorProcess, stopLimitMs } from './replicator-process.ts';
import type { ScenarioResult } from './scenario.ts';
import type { ScenarioOptions } from './scenarios.ts';

const keyCount = 1_000;
const eventsPerAppend = 10;
const sampledKeys = 50;
const recordsInFlight = 2_000;
const pointersAtOnce = 32;
/**
 * Of the replicator's heap. The engine would let garbage grow in a larger one, and what is kept
 * could not be told from it; a replicator that keeps what it has replicated ends in a smaller one.
 */
const heapLimitMb = 128;
/** Memory that grows by more between the first and the last quarter is not flat. */
const maxGrowth = 1.3;
const judgedFromEvents = 300_000;
/** Slower than this is as good as not at all. */
const slowestEventsPerSecond = 500;

export interface CatchUp {
  readonly events: number;
  readonly eventsPerSecond: number;
  readonly memory: MemoryCourse;
  readonly problems: readonly string[];
}

/**
 * A backlog, and a replicator that starts when none of it is replicated: its memory must not grow
 * with the backlog.
 */
export async function catchUp(options: ScenarioOptions): Promise<ScenarioResult> {
  const { events, eventsPerSecond, memory, problems } = await measureCatchUp(options);
  return {
    counts: {
      events,
      'events a second': Math.round(eventsPerSecond),
      'memory, first quarter, MB': Math.round(memory.firstMb),
      'memory, last quarter, MB': Math.round(memory.lastMb),
      'memory, peak, MB': Math.round(memory.peakMb),
      'memory, samples': memory.samples,
    },
    damages: { 'rows counted': { ...noDamage, missing: problems.length } },
    problems: [...problems, ...growthProblem(memory, events)],
  };
}

export function measureCatchUp(
  options: Pick<ScenarioOptions, 'stack' | 'note' | 'events'>,
): Promise<CatchUp> {
  return withWorld(options, (world) => run(world, options.events));
}

async function run(world: ChaosWorld, wanted: number): Promise<CatchUp> {
  const { config, topic, note } = world;
  // Whole rounds over all keys, so that all journals end alike.
  const perKey = Math.max(1, Math.round(wanted / keyCount / eventsPerAppend)) * eventsPerAppend;
  const events = perKey * keyCount;
  await setUp(world);
  await fill(world, perKey);
  note(`${events} events wait in Kafka; the replicator starts`);
  const replicator = replicatorProcess(world, {
    execArgv: [`--max-old-space-size=${heapLimitMb}`],
  });
  const startMs = Date.now();
  replicator.start();
  try {
    const memoryWatch = new MemoryWatch(replicator.pid);
    const limitMs = 60_000 + (events / slowestEventsPerSecond) * 1_000;
    await waitUntilReplicated(config, topic, limitMs);
    const seconds = (Date.now() - startMs) / 1_000;
    const memory = memoryWatch.stop();
    note(`replicated in ${seconds.toFixed(1)} s; counting`);
    const problems = await countProblems(world, perKey);
    return { events, eventsPerSecond: events / seconds, memory, problems };
  } finally {
    await replicator.stop(stopLimitMs);
  }
}

/** Records as our appends write them, without the journal in between. */
async function fill({ stack, topic }: ChaosWorld, perKey: number): Promise<void> {
  const raw = await openRawProducer(stack.kafka.address, topic);
  try {
    const appends = (perKey * keyCount) / eventsPerAppend;
    await throughput(appends, recordsInFlight, (append) => raw.send(messageOf(topic, append)));
  } finally {
    await raw[Symbol.asyncDispose]();
  }
}

function messageOf(topic: string, append: number): Parameters<RawProducer['send']>[0] {
  const id = idOf(append % keyCount);
  const from = Math.floor(append / keyCount) * eventsPerAppend + 1;
  const { payloadType, value } = encodeEvents(eventsFrom(from), {});
  const encoded = encodeAction({
    key: { topic: Topic.of(topic), id },
    timestampMs: Date.now(),
    header: {
      type: 'append',
      range: { from: SeqNr.of(from), to: SeqNr.of(from + eventsPerAppend - 1) },
      origin: 'catch-up',
      version: libraryVersion,
      payloadType,
      metadata: {},
    },
    value,
    headers: {},
  });
  const partition = partitionOf(encoded.key, partitionCount);
  return { ...encoded, timestamp: String(encoded.timestampMs), partition };
}

function eventsFrom(from: number): Events {
  const numbers = Array.from({ length: eventsPerAppend }, (_, index) => from + index);
  return Events.of(
    numbers.map((number) => ({
      seqNr: SeqNr.of(number),
      tags: [],
      payload: { type: 'json', value: payloadOf(number) },
    })),
  );
}

/** The row of every journal, and every event of some, as the store has them. */
function countProblems({ config, topic }: ChaosWorld, perKey: number): Promise<string[]> {
  return withStores(config, topic, async ({ store, topic: name }) => {
    const problems: string[] = [];
    await throughput(keyCount, pointersAtOnce, async (index) => {
      const pointer = await store.pointer({ topic: name, id: idOf(index) });
      if (pointer?.seqNr !== perKey)
        problems.push(`row of ${idOf(index)} is at ${pointer?.seqNr}, not ${perKey}`);
    });
    for (let index = 0; index < keyCount; index += keyCount / sampledKeys) {
      const key = { topic: name, id: idOf(index) };
      const { segmentSize = 0 } = (await store.pointer(key)) ?? {};
      const range = { from: SeqNr.min, to: SeqNr.of(perKey + 1), segmentSize };
      let next = 1;
      for await (const page of store.read(key, range))
        for (const { event } of page) if (event.seqNr === next) next++;
      if (next !== perKey + 1) problems.push(`${key.id} has ${next - 1} of ${perKey} events`);
    }
    return problems;
  });
}

function idOf(index: number): string {
  return `key-${index}`;
}

/** A short run is all start-up, which says nothing about growth. */
function growthProblem({ firstMb, lastMb }: MemoryCourse, events: number): readonly string[] {
  if (events < judgedFromEvents || lastMb <= firstMb * maxGrowth) return [];
  return [`memory grew from ${Math.round(firstMb)} to ${Math.round(lastMb)} MB`];
}
