import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Offset, Partition, Topic } from '../model/position.ts';
import type { TopicSubscriber } from '../ports/topic-consumer.ts';
import type { ForeignWrites } from './foreign-writes.ts';
import type { LogPartition, LogPartitions } from './log-partitions.ts';
import { type LogPage, type LogReader, refuseOutside } from './log-reader.ts';
import type { LogWriter } from './log-writer.ts';
import { logFailure, readOr } from './sqlite-database.ts';

/** Records in one batch end with the row that reaches this number. */
const maxBatchRecords = 1_000;

export interface SessionParts {
  readonly topic: Topic;
  readonly partitions: LogPartitions;
  readonly reader: LogReader;
  readonly writer: LogWriter;
  readonly foreignWrites: ForeignWrites;
}

/** Delivers all partitions of one topic side by side, each in order. */
export class TopicSession {
  readonly #parts: SessionParts;
  readonly #subscriber: TopicSubscriber;
  readonly #assigned: Partition[] = [];
  readonly #asleep = new Map<Partition, () => void>();

  constructor(parts: SessionParts, subscriber: TopicSubscriber) {
    this.#parts = parts;
    this.#subscriber = subscriber;
  }

  /**
   * Delivers until `signal` fires, and settles when no batch is in hand. A failure of one partition
   * ends the others through `fail`; the first one is thrown.
   */
  async deliver(signal: AbortSignal, fail: () => void): Promise<void> {
    const { topic, partitions, writer, foreignWrites } = this.#parts;
    const count = partitions.partitionCount(topic) ?? 0;
    const wakeAll = (): void => {
      for (const partition of this.#asleep.keys()) this.#wake(partition);
    };
    const forgets = [
      writer.listen((of, partition) => of === topic && this.#wake(partition)),
      foreignWrites.listen(wakeAll),
    ];
    signal.addEventListener('abort', wakeAll);
    try {
      const all = Array.from({ length: count }, (_, partition) =>
        this.#deliverPartition(partition as Partition, signal).catch((error: unknown) => {
          fail();
          throw error;
        }),
      );
      const results = await Promise.allSettled(all);
      const failed = results.find((result) => result.status === 'rejected');
      if (failed !== undefined) throw failed.reason;
    } finally {
      for (const forget of forgets) forget();
      signal.removeEventListener('abort', wakeAll);
    }
  }

  /** Gives the partitions back; `lost` when somebody else has them already. */
  async giveBack(how: 'revoked' | 'lost'): Promise<void> {
    await Promise.all(
      this.#assigned.splice(0).map((partition) => this.#subscriber[how](partition)),
    );
  }

  async #deliverPartition(partition: Partition, signal: AbortSignal): Promise<void> {
    const { topic } = this.#parts;
    this.#assigned.push(partition);
    const wanted = await this.#subscriber.assigned(partition);
    let next: number = wanted ?? this.#partition(partition)?.firstOffset ?? 0;
    refuseOutside({ topic, partition, from: next, to: next }, this.#partition(partition));
    while (!signal.aborted) {
      const page = this.#page(partition, next);
      if (page.records.length > 0) {
        const batch = { partition, records: page.records, nextOffset: page.next as Offset };
        await this.#subscriber.records(batch, signal);
        next = page.next;
        await nextTurn();
      } else {
        await new Promise<void>((resolve) => this.#asleep.set(partition, resolve));
      }
    }
  }

  #page(partition: Partition, from: number): LogPage {
    const { topic, reader } = this.#parts;
    return readOr(logFailure, `read ${topic}`, () => {
      const to = this.#partition(partition)?.nextOffset ?? 0;
      return reader.page({ topic, partition, from, to, maxRecords: maxBatchRecords });
    });
  }

  #partition(partition: Partition): LogPartition | undefined {
    return this.#parts.partitions.find(this.#parts.topic, partition);
  }

  #wake(partition: Partition): void {
    const wake = this.#asleep.get(partition);
    this.#asleep.delete(partition);
    wake?.();
  }
}
