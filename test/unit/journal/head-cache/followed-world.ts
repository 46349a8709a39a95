import {
  type HeadCache,
  type HeadCacheSettings,
  openHeadCache,
} from '../../../../src/journal/head-cache/head-cache.ts';
import type { ActionRecord } from '../../../../src/model/action.ts';
import { Offset, Partition, type PartitionOffset } from '../../../../src/model/position.ts';
import type { LastTenure, TenurePlace } from '../../../../src/model/tenure.ts';
import type { FollowedBatch, FollowStart } from '../../../../src/ports/action-consumer.ts';
import { recordKey } from '../../../support/journal/action-records.ts';
import { RecordingLogger } from '../../../support/recording-logger.ts';
import { ManualClock } from '../../../support/replicator/manual-clock.ts';

export const expiryMs = 60_000;
export const getTimeoutMs = 1_000;

/** One follow of the log under test: what the test feeds it, and whether it still runs. */
export class Follow {
  readonly start: FollowStart;
  #batches: FollowedBatch[] = [];
  #error: unknown;
  #wake: (() => void) | undefined;
  running = true;

  constructor(start: FollowStart) {
    this.start = start;
  }

  feed(...records: ActionRecord[]): void {
    const next = Offset.of((records.at(-1)?.at.offset ?? -1) + 1);
    this.#batches.push({ records, undecodable: [], next });
    this.#wake?.();
  }

  fail(error: unknown): void {
    this.#error = error;
    this.#wake?.();
  }

  async *run(signal: AbortSignal | undefined): AsyncGenerator<FollowedBatch> {
    signal?.addEventListener('abort', () => this.fail(signal.reason));
    try {
      for (;;) {
        const batch = this.#batches.shift();
        if (batch !== undefined) yield batch;
        else if (this.#error !== undefined) throw this.#error;
        else
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
      }
    } finally {
      this.running = false;
    }
  }
}

/** A head cache over a log and a store that do what the test says, in its time. */
export class World {
  readonly clock = new ManualClock();
  readonly follows: Follow[] = [];
  readonly logger = new RecordingLogger();
  replicated: Offset | undefined;
  offsetReads = 0;
  offsetError: unknown;
  readonly tenureReads: string[] = [];
  lastTenure: (upTo: Offset) => Promise<LastTenure> = async () => undefined;
  readonly cache: HeadCache;

  constructor(changes: Partial<HeadCacheSettings> = {}) {
    const settings = { getTimeoutMs, expiryMs, removalIntervalMs: 100, maxIds: 10, maxBytes: 1e6 };
    const parts = {
      clock: this.clock,
      log: this.logger,
      consumer: {
        follow: (start: FollowStart, options?: { readonly signal?: AbortSignal | undefined }) => {
          const follow = new Follow(start);
          this.follows.push(follow);
          return follow.run(options?.signal);
        },
        endOffset: async () => Offset.min,
      },
      eventual: {
        offset: async () => {
          this.offsetReads += 1;
          if (this.offsetError !== undefined) throw this.offsetError;
          return this.replicated;
        },
        lastTenure: async (place: TenurePlace, upTo: Offset) => {
          this.tenureReads.push(`${place.partition} ${place.scope} ${upTo}`);
          return await this.lastTenure(upTo);
        },
      },
    };
    this.cache = openHeadCache(parts, { ...settings, ...changes });
  }

  get last(): Follow {
    const last = this.follows.at(-1);
    if (last === undefined) throw new Error('nothing was followed');
    return last;
  }

  /** What the cache answers, in short. */
  async ask(end: number, partition = 0, signal?: AbortSignal): Promise<unknown> {
    const answer = await this.cache.lookup(recordKey, at(end, partition), { signal });
    if (answer === undefined) return 'miss';
    const { appends } = answer.head.fold(undefined);
    return appends.map((record) => record.at.offset);
  }
}

export function at(offset: number, partition = 0): PartitionOffset {
  return { partition: Partition.of(partition), offset: Offset.of(offset) };
}
