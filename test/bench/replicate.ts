import type { ReplicatedListener } from '../../replicator/replicator-deps.ts';
import { Events } from '../../src/model/event.ts';
import { SeqNr } from '../../src/model/seq-nr.ts';
import { unlessAborted } from '../../src/runtime/waiting.ts';
import { setUpCassandra } from '../../src/stores/cassandra/schema/create-schema.ts';
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
import { alternate, elapsedMs, type Figure, figure, throughput } from './figures.ts';
import {
  openRawCassandra,
  type RecordedCall,
  renamed,
  replayWrites,
  watchWrites,
} from './raw-cassandra.ts';

const eventsPerAppend = 10;
const atOnce = 64;
/**
 * Until Cassandra's compiler has done its work on what replication asks of it: up to half of a core
 * goes into it during the first fifteen rounds, and next to nothing into what the raw client sends.
 */
const warmUpRounds = 16;
/** On servers that are warm. */
const furtherWarmUpRounds = 2;
const rounds = 7;
const replicationLimitMs = 120_000;

/** A store, and its plain driver, which sends the same writes without us. */
export interface RawStore<Call> {
  readonly newNames: () => BenchNames;
  /** Tells of each write of this process, until it is ended by what it answers. */
  readonly watch: (note: (call: Call) => void) => () => void;
  /**
   * Sends writes again, to tables of their own beside those of `names`, dropped after; answers the
   * milliseconds.
   */
  readonly replay: (names: BenchNames, calls: readonly Call[]) => Promise<number>;
  /** Removes the tables: those of earlier rounds would take the memory of later ones. */
  readonly drop: (names: BenchNames) => Promise<void>;
}

/** From a backlog in Kafka into Cassandra, against the same statements from memory. */
export async function benchReplicate(servers: Servers): Promise<readonly Figure[]> {
  return await benchBacklogs<RecordedCall>('replicate', {
    newNames: () => newNames(servers),
    watch: watchWrites,
    replay: rawWrites,
    async drop({ cassandra, keyspace }) {
      const client = await openRawCassandra(cassandra);
      await client.execute(`DROP KEYSPACE ${keyspace}`);
      await client.shutdown();
    },
  });
}

/** Figures of a store: many keys, and few long ones. */
export async function benchBacklogs<Call>(
  name: string,
  store: RawStore<Call>,
): Promise<readonly Figure[]> {
  return [
    await measure(store, { name, keys: 1_000, eventsPerKey: 100, warmUpRounds }),
    await measure(store, {
      name: `${name}.1000-a-key`,
      keys: 100,
      eventsPerKey: 1_000,
      warmUpRounds: furtherWarmUpRounds,
    }),
  ];
}

interface Backlog {
  readonly name: string;
  readonly keys: number;
  readonly eventsPerKey: number;
  readonly warmUpRounds: number;
}

async function measure<Call>(store: RawStore<Call>, backlog: Backlog): Promise<Figure> {
  const events = backlog.keys * backlog.eventsPerKey;
  const perSecond = (ms: number): number => (events / ms) * 1_000;
  const recorded = await recordOnce(store, backlog);
  const raw = (): Promise<number> => store.replay(recorded.names, recorded.calls).then(perSecond);
  const ours = (): Promise<number> => replicateOnce(store, backlog).then(perSecond);
  await alternate(backlog.warmUpRounds, ours, raw);
  const { a, b } = await alternate(rounds, ours, raw);
  return figure(backlog.name, 'events/s', [a, b]);
}

interface Recorded<Call> {
  readonly names: BenchNames;
  readonly calls: readonly Call[];
}

/** The writes of a replicator, in a round of their own: to keep them costs time. */
async function recordOnce<Call>(store: RawStore<Call>, backlog: Backlog): Promise<Recorded<Call>> {
  const names = store.newNames();
  await fill(names, backlog);
  const calls: Call[] = [];
  const stop = store.watch((call) => calls.push(call));
  await replicateAll(names).finally(stop);
  await store.drop(names);
  return { names, calls };
}

/**
 * Milliseconds from the first write on: the raw client is connected and has its statements prepared
 * as well.
 */
async function replicateOnce<Call>(store: RawStore<Call>, backlog: Backlog): Promise<number> {
  const names = store.newNames();
  await fill(names, backlog);
  let sinceMs: number | undefined;
  const stop = store.watch(() => {
    sinceMs ??= performance.now();
  });
  const doneMs = await replicateAll(names).finally(stop);
  await store.drop(names);
  return doneMs - (sinceMs ?? doneMs);
}

/** Appends of ten events, key by key in turn. */
export async function fill(
  names: BenchNames,
  { keys, eventsPerKey }: Pick<Backlog, 'keys' | 'eventsPerKey'>,
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

/**
 * Runs a replicator until everything is in the store; answers when that was, as `performance.now`
 * did then.
 */
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

async function rawWrites(names: BenchNames, calls: readonly RecordedCall[]): Promise<number> {
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
