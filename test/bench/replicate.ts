import type { ReplicatedListener } from '../../replicator/replicator-parts.ts';
import { setUpCassandra } from '../../src/cassandra/schema/create-schema.ts';
import { Events } from '../../src/model/event.ts';
import { SeqNr } from '../../src/model/seq-nr.ts';
import { unlessAborted } from '../../src/runtime/concurrency.ts';
import { logEnds } from '../chaos/recovered.ts';
import { runReplicator } from '../support/kafka/in-process-replicator.ts';
import {
  type BenchNames,
  deps,
  newNames,
  openBenchJournals,
  payloadOf,
  type Servers,
  settingsOf,
} from './bench-world.ts';
import { elapsedMs, type Figure, figure, median, throughput } from './figures.ts';
import { openRawCassandra, recordWrites, renamed, replayWrites } from './raw-cassandra.ts';

const eventsPerAppend = 10;
const atOnce = 64;
/** Until the JVM's compilers have seen what runs. */
const warmUpRounds = 3;
const rounds = 5;
const replicationLimitMs = 120_000;

/** The same writes without us. */
export interface RawStore {
  readonly newNames: () => BenchNames;
  /** Notes the writes of this process from now on. */
  readonly record: () => Recording;
  /** Removes the tables: those of earlier rounds would take the memory of later ones. */
  readonly drop: (names: BenchNames) => Promise<void>;
}

export interface Recording {
  /** When the first of them was sent, on the clock of `performance.now`. */
  sinceMs(): number;
  stop(): void;
  /** Sends them again, to tables of their own beside those of `names`, dropped after; answers the milliseconds. */
  replay(names: BenchNames): Promise<number>;
}

/** From a backlog in Kafka into Cassandra, against the same statements from memory. */
export async function benchReplicate(servers: Servers): Promise<readonly Figure[]> {
  const record = (): Recording => {
    const recording = recordWrites();
    const replay = (names: BenchNames): Promise<number> => rawWrites(names, recording.calls);
    return { ...recording, replay };
  };
  const drop = async ({ cassandra, keyspace }: BenchNames): Promise<void> => {
    const client = await openRawCassandra(cassandra);
    await client.execute(`DROP KEYSPACE ${keyspace}`);
    await client.shutdown();
  };
  return await benchBacklogs('replicate', { newNames: () => newNames(servers), record, drop });
}

/** Figures of a store: many keys, and few long ones. */
export async function benchBacklogs(name: string, store: RawStore): Promise<readonly Figure[]> {
  return [
    await measure(store, { name, keys: 1_000, eventsPerKey: 100 }),
    await measure(store, { name: `${name}.1000-a-key`, keys: 100, eventsPerKey: 1_000 }),
  ];
}

interface Backlog {
  readonly name: string;
  readonly keys: number;
  readonly eventsPerKey: number;
}

async function measure(store: RawStore, backlog: Backlog): Promise<Figure> {
  const events = backlog.keys * backlog.eventsPerKey;
  const perSecond = (ms: number): number => (events / ms) * 1_000;
  const ours: number[] = [];
  const raw: number[] = [];
  for (let round = -warmUpRounds; round < rounds; round++) {
    const names = store.newNames();
    await fill(names, backlog);
    const recording = store.record();
    const doneMs = await replicateAll(names).finally(() => recording.stop());
    // From the first write on: the raw client is connected and has its statements prepared as well.
    const ourMs = doneMs - recording.sinceMs();
    const rawMs = await recording.replay(names);
    await store.drop(names);
    if (round < 0) continue;
    ours.push(perSecond(ourMs));
    raw.push(perSecond(rawMs));
  }
  return figure(backlog.name, 'events/s', [median(ours), median(raw)]);
}

/** Appends of ten events, key by key in turn. */
export async function fill(
  names: BenchNames,
  { keys, eventsPerKey }: Omit<Backlog, 'name'>,
): Promise<void> {
  const journals = await openBenchJournals(names);
  try {
    const open = Array.from({ length: keys }, (_, index) =>
      journals.of(journals.keyOf(`key-${index}`)),
    );
    const last = Array.from({ length: keys }, () => 0);
    await throughput(
      (keys * eventsPerKey) / eventsPerAppend,
      Math.min(keys, 256),
      async (append) => {
        const key = append % keys;
        const from = last[key] ?? 0;
        last[key] = from + eventsPerAppend;
        await open[key]?.append(tenEvents(from));
      },
    );
  } finally {
    await journals[Symbol.asyncDispose]();
  }
}

function tenEvents(after: number): Events {
  const numbers = Array.from({ length: eventsPerAppend }, (_, index) => after + index + 1);
  return Events.of(
    numbers.map((number) => ({
      seqNr: SeqNr.of(number),
      tags: [],
      payload: { type: 'json', value: { writerUuid: 'bench', payload: payloadOf(number) } },
    })),
  );
}

/** Runs a replicator until everything is in the store; answers when that was, as `performance.now` did then. */
export async function replicateAll({ configText, topic }: BenchNames): Promise<number> {
  const ends = await logEnds(configText, topic);
  const left = new Set([...ends].filter(([, end]) => end > 0).map(([partition]) => partition));
  const { promise: done, resolve } = Promise.withResolvers<void>();
  const onReplicated: ReplicatedListener = (_, partition, offset) => {
    if (offset + 1 === ends.get(partition)) left.delete(partition);
    if (left.size === 0) resolve();
  };
  await using _replicator = await runReplicator(configText, { onReplicated });
  await unlessAborted(done, AbortSignal.timeout(replicationLimitMs));
  return performance.now();
}

async function rawWrites(
  names: BenchNames,
  calls: ReturnType<typeof recordWrites>['calls'],
): Promise<number> {
  const { eventual } = await settingsOf(names);
  if (eventual.type !== 'cassandra') throw new Error('this figure is about Cassandra');
  const { cassandra } = eventual;
  const keyspace = `${names.keyspace}_raw`;
  const schema = {
    ...cassandra.schema,
    keyspace: { ...cassandra.schema.keyspace, name: keyspace },
  };
  await setUpCassandra({ ...cassandra, schema }, deps, { mode: 'create' });
  const client = await openRawCassandra(names.cassandra);
  const rename = (cql: string): string => cql.replaceAll(`${names.keyspace}.`, `${keyspace}.`);
  try {
    const prepared = renamed(calls, rename);
    await replayWrites(client, prepared.slice(0, atOnce), atOnce);
    return await elapsedMs(() => replayWrites(client, prepared, atOnce));
  } finally {
    await client.execute(`DROP KEYSPACE ${keyspace}`);
    await client.shutdown();
  }
}
