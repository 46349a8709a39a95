import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'cassandra-driver';
import type { Event } from '../../src/model/event.ts';
import type { PartitionOffset } from '../../src/model/position.ts';
import { SeqNr } from '../../src/model/seq-nr.ts';
import { withReplicatorProcess } from '../chaos/replicator-process.ts';
import {
  type BenchNames,
  newNames,
  openBenchJournals,
  payloadOf,
  type Servers,
} from './bench-world.ts';
import { type Figure, figure, percentile } from './figures.ts';
import { openRawCassandra } from './raw-cassandra.ts';

const keys = 1_000;
const appendsPerSecond = 2_000;
/** Until the servers have compiled what runs often. */
const warmUpMs = 15_000;
const measuredMs = 15_000;
const alone = { warmUp: 100, measured: 300 };
const tickMs = 5;
/** Between two looks at the replicated offsets: how exact a lag can be. */
const lookEveryMs = 2;
const endLimitMs = 30_000;

/**
 * From an acknowledgement of Kafka to the moment at which the store can be read up to that record:
 * at a steady 2,000 appends a second of one event each, and with one append at a time, each begun
 * when the one before is replicated. The replicator is a process of its own.
 */
export async function benchReplicateLag(servers: Servers): Promise<readonly Figure[]> {
  const names = newNames(servers);
  const journals = await openBenchJournals(names);
  const client = await openRawCassandra(servers.cassandra);
  try {
    return await withReplicatorProcess(names.configText, async () => {
      const lag = new LagWatch(client, names);
      const watching = lag.watch();
      const append = appendsWith(journals, lag);
      await offerLoad(warmUpMs, append);
      await lag.caughtUp();
      lag.take();
      const rate = await offerLoad(measuredMs, append);
      await lag.caughtUp();
      const steady = lag.take();
      await oneAtATime(alone.warmUp, append, lag);
      lag.take();
      await oneAtATime(alone.measured, append, lag);
      lag.stop();
      await watching;
      return [
        ...figuresOf('replicate.lag', steady),
        figure('replicate.lag.offered', 'events/s', [rate]),
        ...figuresOf('replicate.lag.alone', lag.take()),
      ];
    });
  } finally {
    await client.shutdown();
    await journals[Symbol.asyncDispose]();
  }
}

function figuresOf(name: string, lagsMs: readonly number[]): readonly Figure[] {
  return [50, 99].map((percent) =>
    figure(`${name}.p${percent}`, 'ms', [percentile(lagsMs, percent)]),
  );
}

/** The next append of the next key in turn; noted when it is acknowledged. */
function appendsWith(
  journals: Awaited<ReturnType<typeof openBenchJournals>>,
  lag: LagWatch,
): () => Promise<void> {
  let appends = 0;
  return async () => {
    const index = appends++;
    const journal = journals.of(journals.keyOf(`key-${index % keys}`));
    lag.acknowledged(await journal.append([eventOf(index)]));
  };
}

function eventOf(index: number): Event {
  const seqNr = SeqNr.of(Math.floor(index / keys) + 1);
  return { seqNr, tags: [], payload: { type: 'json', value: payloadOf(index) } };
}

/** Starts calls at a steady rate, however long each takes; answers the rate that was reached. */
async function offerLoad(forMs: number, call: () => Promise<void>): Promise<number> {
  const startMs = performance.now();
  const calls: Promise<void>[] = [];
  for (let now = startMs; now < startMs + forMs; now = performance.now()) {
    const due = ((now - startMs) / 1_000) * appendsPerSecond;
    while (calls.length < due) calls.push(call());
    await sleep(tickMs);
  }
  await Promise.all(calls);
  return (calls.length / (performance.now() - startMs)) * 1_000;
}

async function oneAtATime(times: number, call: () => Promise<void>, lag: LagWatch): Promise<void> {
  for (let time = 0; time < times; time++) {
    await call();
    await lag.caughtUp(1);
  }
}

interface Waiting {
  readonly offset: number;
  readonly sinceMs: number;
}

/** Looks at the replicated offsets all the time, with one small query, and times each record. */
class LagWatch {
  #lagsMs: number[] = [];
  readonly #client: Client;
  readonly #names: BenchNames;
  readonly #waiting = new Map<number, Waiting[]>();
  #stopped = false;

  constructor(client: Client, names: BenchNames) {
    this.#client = client;
    this.#names = names;
  }

  acknowledged({ partition, offset }: PartitionOffset): void {
    const waiting = this.#waiting.get(partition) ?? [];
    this.#waiting.set(partition, waiting);
    waiting.push({ offset, sinceMs: performance.now() });
  }

  async watch(): Promise<void> {
    const query = `SELECT partition, offset FROM ${this.#names.keyspace}.pointer2
      WHERE topic = ? AND partition IN (0, 1, 2, 3)`;
    while (!this.#stopped) {
      const { rows } = await this.#client.execute(query, [this.#names.topic], { prepare: true });
      const nowMs = performance.now();
      for (const row of rows) this.#replicated(row['partition'], Number(row['offset']), nowMs);
      await sleep(lookEveryMs);
    }
  }

  #replicated(partition: number, offset: number, nowMs: number): void {
    const waiting = this.#waiting.get(partition) ?? [];
    const still = waiting.filter((record) => record.offset > offset);
    for (const record of waiting)
      if (record.offset <= offset) this.#lagsMs.push(nowMs - record.sinceMs);
    this.#waiting.set(partition, still);
  }

  async caughtUp(pollMs = tickMs): Promise<void> {
    const limitMs = performance.now() + endLimitMs;
    while ([...this.#waiting.values()].some((waiting) => waiting.length > 0)) {
      if (performance.now() > limitMs) throw new Error('the replicator does not keep up');
      await sleep(pollMs);
    }
  }

  /** What was measured since the last time. */
  take(): readonly number[] {
    const taken = this.#lagsMs;
    this.#lagsMs = [];
    return taken;
  }

  stop(): void {
    this.#stopped = true;
  }
}
