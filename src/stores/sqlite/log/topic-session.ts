import { DataIntegrityError } from '../../../model/errors.ts';
import type { Offset, Partition, Topic } from '../../../model/position.ts';
import type { TopicSubscriber } from '../../../ports/topic-consumer.ts';
import { Occasion } from '../../../runtime/occasion.ts';
import { onAbort } from '../../../runtime/on-abort.ts';
import { nextTurn } from '../../../runtime/waiting.ts';
import { logFailure, readOr } from '../session.ts';
import type { ForeignWrites } from './foreign-writes.ts';
import type { LogPartition, LogPartitions } from './log-partitions.ts';
import { type LogReader, refuseOutside } from './log-reader.ts';
import type { LogWriter } from './log-writer.ts';

/** Records in one batch end with the row that reaches this number. */
const maxBatchRecords = 1_000;

/** What the delivery of one topic works with. */
export interface SessionDeps {
  readonly topic: Topic;
  readonly partitions: LogPartitions;
  readonly reader: LogReader;
  readonly writer: LogWriter;
  readonly foreignWrites: ForeignWrites;
}

/**
 * Delivers all partitions of one topic side by side, each in order. Batches say nothing of
 * ownership: every write of the store checks it in its own transaction.
 */
export class TopicSession {
  readonly #deps: SessionDeps;
  readonly #subscriber: TopicSubscriber;
  readonly #assigned: Partition[] = [];
  /** New records of each partition, or the end. */
  readonly #news = new Map<Partition, Occasion>();

  constructor(deps: SessionDeps, subscriber: TopicSubscriber) {
    this.#deps = deps;
    this.#subscriber = subscriber;
  }

  /**
   * Delivers until `signal` fires, and settles when no batch is in hand. A failure of one partition
   * ends the others through `fail`; the first one is thrown.
   */
  async deliver(signal: AbortSignal, fail: () => void): Promise<void> {
    const { topic, partitions, writer, foreignWrites } = this.#deps;
    const count = partitions.partitionCount(topic) ?? 0;
    const wakeAll = (): void => {
      for (const news of this.#news.values()) news.fire();
    };
    const forgets = [
      writer.listen((of, partition) => of === topic && this.#news.get(partition)?.fire()),
      foreignWrites.listen(wakeAll),
      onAbort(signal, wakeAll),
    ];
    try {
      const all = Array.from({ length: count }, (_, partition) =>
        this.#deliverPartition(partition as Partition, count, signal).catch((error: unknown) => {
          fail();
          throw error;
        }),
      );
      const results = await Promise.allSettled(all);
      const failed = results.find((result) => result.status === 'rejected');
      if (failed !== undefined) throw failed.reason;
    } finally {
      for (const forget of forgets) forget();
    }
  }

  /**
   * Gives the partitions back; `lost` when somebody else has them already.
   *
   * @throws what a subscriber throws, once all were told
   */
  async giveBack(how: 'revoked' | 'lost'): Promise<void> {
    await Promise.all(
      this.#assigned.splice(0).map((partition) => this.#subscriber[how](partition)),
    );
  }

  async #deliverPartition(
    partition: Partition,
    partitions: number,
    signal: AbortSignal,
  ): Promise<void> {
    const { topic, reader } = this.#deps;
    const news = new Occasion();
    this.#news.set(partition, news);
    this.#assigned.push(partition);
    const wanted = await this.#subscriber.assigned(partition, { partitions });
    let next: number = await this.#start(partition, wanted, signal);
    while (!signal.aborted) {
      const page = readOr(logFailure, `read ${topic}`, () => {
        const to = this.#partition(partition)?.nextOffset ?? 0;
        return reader.page({ topic, partition, from: next, to, maxRecords: maxBatchRecords });
      });
      if (page.records.length > 0) {
        const endOffset = (this.#partition(partition)?.nextOffset ?? page.next) as Offset;
        const nextOffset = page.next as Offset;
        const batch = { partition, records: page.records, nextOffset, endOffset };
        await this.#subscriber.records(batch, signal);
        next = page.next;
        await nextTurn();
      } else {
        await news.wait();
      }
    }
  }

  /** Where to begin; waits as long as the log does not have the offset that is wanted. */
  async #start(
    partition: Partition,
    wanted: Offset | undefined,
    signal: AbortSignal,
  ): Promise<number> {
    const { topic } = this.#deps;
    const found = this.#partition(partition);
    const first = found?.firstOffset ?? 0;
    const next = wanted ?? first;
    try {
      refuseOutside({ topic, partition, from: next, to: next }, found);
      return next;
    } catch (error) {
      if (!(error instanceof DataIntegrityError && this.#subscriber.blocked)) throw error;
      const nextOffset = next < first ? (first as Offset) : undefined;
      const stretch = { partition, offset: next as Offset, nextOffset, error };
      await this.#subscriber.blocked(stretch, signal);
      return nextOffset ?? next;
    }
  }

  #partition(partition: Partition): LogPartition | undefined {
    return this.#deps.partitions.find(this.#deps.topic, partition);
  }
}
