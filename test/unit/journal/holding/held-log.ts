import type { Action, ActionRecord } from '../../../../src/model/action.ts';
import type { CodecError } from '../../../../src/model/errors.ts';
import { Offset, Partition, type PartitionOffset } from '../../../../src/model/position.ts';
import type { ActionConsumer, FollowedBatch } from '../../../../src/ports/action-consumer.ts';
import type { ActionProducer, ProduceOptions } from '../../../../src/ports/action-producer.ts';
import { Occasion } from '../../../../src/runtime/occasion.ts';

const partition = Partition.of(0);

/** A call of a producer that the test answers. */
export interface Call {
  readonly action: Action;
  readonly options: ProduceOptions | undefined;
  /** The record is in the log from now on; the caller has no answer yet. */
  land(): Offset;
  /** It has landed, or lands now, and the caller is told. */
  ack(): Offset;
  fail(error: unknown): void;
}

/**
 * One partition in memory. Records land and are answered at once, unless a test holds the calls.
 */
export class HeldLog {
  readonly records: ActionRecord[] = [];
  readonly undecodable = new Map<number, { readonly id: string; readonly error: CodecError }>();
  partitions: number | undefined = 1;
  /** Followers see what is below it. */
  visibleTo = Number.POSITIVE_INFINITY;
  /** What the next attempts to follow fail with, one after another. */
  readonly followErrors: Error[] = [];
  readonly follows: Offset[] = [];
  /** Followers at the moment. */
  following = 0;
  #broken = new AbortController();
  readonly #changed = new Occasion();

  get end(): Offset {
    return Offset.of(this.records.length);
  }

  write(action: Action): Offset {
    const offset = this.end;
    this.records.push({ action, at: { partition, offset } } as ActionRecord);
    this.#changed.fire();
    return offset;
  }

  /** Followers see what is below `offset`, or all there is. */
  show(offset = Number.POSITIVE_INFINITY): void {
    this.visibleTo = offset;
    this.#changed.fire();
  }

  /** Whoever follows fails. */
  breakFollowers(error: Error): void {
    this.#broken.abort(error);
    this.#broken = new AbortController();
  }

  readonly consumer: ActionConsumer = {
    read: (range) => this.#read(range),
    follow: (start, options) => this.#follow(start.from, options?.signal),
    partitionCount: async (_, options) => {
      options?.signal?.throwIfAborted();
      return this.partitions;
    },
    endOffset: async () => this.end,
    [Symbol.asyncDispose]: async () => {},
  };

  async *#read({ key, from, to }: Parameters<ActionConsumer['read']>[0]) {
    const records = this.records.slice(from, to).filter(({ action }) => {
      return action.key.id === key.id || action.header.type === 'mark';
    });
    if (records.length > 0) yield records;
  }

  async *#follow(start: Offset, signal: AbortSignal | undefined): AsyncGenerator<FollowedBatch> {
    this.follows.push(start);
    const broken = this.#broken.signal;
    const ended = signal === undefined ? broken : AbortSignal.any([signal, broken]);
    const error = this.followErrors.shift();
    if (error !== undefined) throw error;
    this.following++;
    try {
      for (let from = start; ; ) {
        ended.throwIfAborted();
        const next = Offset.of(Math.max(from, Math.min(this.visibleTo, this.end)));
        if (next === from) {
          await this.#changed.wait(ended);
          continue;
        }
        const all = this.records.slice(from, next);
        const undecodable = all.flatMap(({ at: { offset } }) => {
          const broken = this.undecodable.get(offset);
          return broken === undefined ? [] : [{ ...broken, offset }];
        });
        const records = all.filter(({ at }) => !this.undecodable.has(at.offset));
        yield { records, undecodable, next };
        from = next;
      }
    } finally {
      this.following--;
    }
  }
}

/** The producer of one process. */
export class HeldProducer implements ActionProducer {
  readonly #log: HeldLog;
  /** Calls without an answer while the test holds them, in order. */
  readonly calls: Call[] = [];
  holds: (action: Action) => boolean = () => false;

  constructor(log: HeldLog) {
    this.#log = log;
  }

  produce(action: Action, options?: ProduceOptions): Promise<PartitionOffset> {
    if (options?.signal?.aborted) return Promise.reject(options.signal.reason);
    if (!this.holds(action)) return Promise.resolve({ partition, offset: this.#log.write(action) });
    return new Promise((resolve, reject) => {
      let offset: Offset | undefined;
      const land = (): Offset => {
        offset ??= this.#log.write(action);
        return offset;
      };
      this.calls.push({
        action,
        options,
        land,
        ack: () => {
          resolve({ partition, offset: land() });
          return land();
        },
        fail: reject,
      });
    });
  }

  /** The oldest call without an answer. */
  next(): Call {
    const call = this.calls.shift();
    if (call === undefined) throw new Error('nothing was produced');
    return call;
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
