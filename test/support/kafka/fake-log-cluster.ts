import { setImmediate as nextTurn } from 'node:timers/promises';
import { encodeAction } from '../../../src/codec/record/action-record-codec.ts';
import type { KafkaSettings } from '../../../src/config/settings/kafka-settings.ts';
import { codecOf } from '../../../src/kafka/driver/wire/compression.ts';
import type {
  FetchedPartition,
  FetchPlace,
  FetchRequest,
} from '../../../src/kafka/driver/wire/fetch.ts';
import { recordBatchOf } from '../../../src/kafka/driver/wire/record-batch-writer.ts';
import { LogCluster } from '../../../src/kafka/log-cluster.ts';
import type { Action } from '../../../src/model/action.ts';
import { silentLogger } from '../../../src/observability/logger.ts';
import type { Clock } from '../../../src/runtime/clock.ts';

/** Waits for a turn instead of for a time; the time is the number of waits. */
const turns: Clock & { ms: number } = {
  ms: 0,
  nowMs: () => turns.ms,
  steadyMs: () => turns.ms,
  async sleep(_ms, options) {
    turns.ms += 1;
    options?.signal?.throwIfAborted();
    await nextTurn();
  },
};

export const settings = {
  bootstrapServers: ['fake:9092'],
  requestTimeoutMs: 1_000_000,
  consumer: { fetchMaxBytes: 1_000_000, maxPartitionFetchBytes: 100_000 },
} as unknown as KafkaSettings;
export const deps = { log: silentLogger, clock: turns };

/** Partitions as brokers hold them, and what is asked of the brokers. */
export class FakeBrokers {
  /** Batches of each partition, ready to send. */
  readonly #logs = new Map<number, { readonly end: number; readonly bytes: Buffer }[]>();
  /** Clusters that were opened and not closed. */
  open = 0;
  asking = 0;
  fetches = 0;
  /** Runs before each answer about a partition: may wait, throw, or name an error code. */
  answer: () => Promise<number | undefined> = async () => undefined;

  /** Adds one batch. */
  add(partition: number, actions: readonly [Action, ...Action[]]): void {
    const log = this.#logOf(partition);
    const first = this.end(partition);
    const records = actions.map((action) => {
      const { key, value, headers, timestampMs } = encodeAction(action);
      const asBuffers = Object.entries(headers).map(
        ([name, bytes]) => [name, Buffer.from(bytes)] as const,
      );
      return {
        key: Buffer.from(key),
        value: value === null ? null : Buffer.from(value),
        headers: Object.fromEntries(asBuffers),
        timestampMs,
        partition,
      };
    });
    const sender = { producerId: 1n, producerEpoch: 0, firstSequence: first };
    const bytes = recordBatchOf(records, sender, codecOf(0));
    bytes.writeBigInt64BE(BigInt(first), 0);
    log.push({ end: first + records.length, bytes });
  }

  end(partition: number): number {
    return this.#logOf(partition).at(-1)?.end ?? 0;
  }

  /** One more client; what it does not override would reach for a driver. */
  cluster(): LogCluster {
    this.open += 1;
    let isOpen = true;
    const members: Partial<LogCluster> = {
      settings,
      deps,
      address: 'fake:9092',
      learnTopic: async () => {},
      knows: () => true,
      pause: (ms, options) => turns.sleep(ms, options),
      leaderOf: (_topic, partition) => `broker-${partition % 2}`,
      fetch: (_node, { topic, partitions }: FetchRequest) =>
        this.#fetch(partitions.map((place) => ({ ...place, topic })).slice(0, 1)),
      fetchPlaces: (_node, places) => this.#fetch(places),
      offsetRange: async (_topic, partition) => ({ start: 0, end: this.end(partition) }),
      [Symbol.asyncDispose]: async () => {
        if (isOpen) this.open -= 1;
        isOpen = false;
      },
    };
    const driver = { refreshMetadata: async () => {} };
    return Object.assign(Object.create(LogCluster.prototype), members, { driver });
  }

  async #fetch(places: readonly FetchPlace[]): Promise<readonly FetchedPartition[]> {
    this.fetches += 1;
    this.asking += 1;
    try {
      await nextTurn();
      const answers: FetchedPartition[] = [];
      for (const place of places) answers.push(await this.#answerOf(place));
      return answers;
    } finally {
      this.asking -= 1;
    }
  }

  async #answerOf({ topic, partition, offset }: FetchPlace): Promise<FetchedPartition> {
    const errorCode = (await this.answer()) ?? 0;
    const next = this.#logOf(partition).find(({ end }) => end > offset);
    const records = errorCode === 0 && next !== undefined ? next.bytes : Buffer.alloc(0);
    const endOffset = this.end(partition);
    return { topic, partition, errorCode, endOffset, startOffset: 0, records };
  }

  #logOf(partition: number): { readonly end: number; readonly bytes: Buffer }[] {
    const log = this.#logs.get(partition) ?? [];
    this.#logs.set(partition, log);
    return log;
  }
}
