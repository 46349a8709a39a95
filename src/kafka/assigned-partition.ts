import { CodecError, JournalError } from '../model/errors.ts';
import type { LogRecord } from '../model/log-record.ts';
import { Offset, type Partition } from '../model/position.ts';
import type { TopicSubscriber } from '../ports/topic-consumer.ts';
import { decompress } from './driver/compression.ts';
import { type RecordBatch, RecordCursor } from './record-batches.ts';

/** A fetched piece of a partition. */
export interface Chunk {
  readonly batches: readonly RecordBatch[];
  readonly nextOffset: number;
}

/** What a partition tells its session. */
export interface PartitionEvents {
  /** There is room for another chunk. */
  readonly onRoom: () => void;
  readonly onError: (error: unknown) => void;
  readonly nowMs: () => number;
}

/**
 * One partition while it is ours: one chunk with the subscriber, one more fetched ahead. The
 * subscriber gets slices of bounded size, one at a time.
 */
export class AssignedPartition {
  readonly partition: Partition;
  readonly #topic: string;
  readonly #subscriber: TopicSubscriber;
  readonly #events: PartitionEvents;
  readonly #sliceRecords: number;
  readonly #stop = new AbortController();
  #ahead: Chunk | undefined;
  #working: Promise<void> | undefined;
  #callSinceMs: number | undefined;
  /** First offset that the subscriber wants and was not fetched yet. */
  next: number;
  /** First offset of the chunk in hand that the subscriber wants. */
  #wanted: number;

  constructor(
    start: {
      readonly partition: Partition;
      readonly offset: number;
      readonly sliceRecords: number;
      readonly topic: string;
    },
    subscriber: TopicSubscriber,
    events: PartitionEvents,
  ) {
    this.partition = start.partition;
    this.#topic = start.topic;
    this.next = start.offset;
    this.#wanted = start.offset;
    this.#sliceRecords = start.sliceRecords;
    this.#subscriber = subscriber;
    this.#events = events;
  }

  get hasRoom(): boolean {
    return this.#ahead === undefined && !this.#stop.signal.aborted;
  }

  /** Since when the subscriber has the slice in hand; `undefined` = it has none. */
  get callSinceMs(): number | undefined {
    return this.#callSinceMs;
  }

  accept(chunk: Chunk): void {
    this.next = Math.max(this.next, chunk.nextOffset);
    if (chunk.batches.length === 0 || this.#stop.signal.aborted) return;
    this.#ahead = chunk;
    this.#working ??= this.#work();
  }

  /** The slice in hand is the last one; resolves when the subscriber has settled it. */
  async drain(): Promise<void> {
    this.#stop.abort('revoked');
    this.#ahead = undefined;
    await this.#working;
  }

  async #work(): Promise<void> {
    try {
      while (this.#ahead !== undefined && !this.#stop.signal.aborted) {
        const chunk = this.#ahead;
        this.#ahead = undefined;
        this.#events.onRoom();
        await this.#deliver(chunk);
      }
    } catch (error) {
      this.#stop.abort('failed');
      this.#events.onError(error);
    } finally {
      this.#working = undefined;
    }
  }

  async #deliver({ batches, nextOffset }: Chunk): Promise<void> {
    let slice: LogRecord[] = [];
    for (const batch of batches) {
      if (batch.control || batch.lastOffset < this.#wanted) continue;
      for (const record of this.#recordsOf(batch)) {
        if (slice.length === this.#sliceRecords) {
          if (this.#stop.signal.aborted) return;
          await this.#call(slice, record.offset);
          slice = [];
        }
        slice.push(record);
      }
    }
    if (slice.length > 0 && !this.#stop.signal.aborted) await this.#call(slice, nextOffset);
  }

  /** @throws {CodecError} the bytes break the record format */
  #recordsOf(batch: RecordBatch): LogRecord[] {
    const records: LogRecord[] = [];
    try {
      const cursor = new RecordCursor(batch, decompress(batch.compression, batch.body));
      while (cursor.next()) if (cursor.offset >= this.#wanted) records.push(cursor.record());
    } catch (cause) {
      if (cause instanceof JournalError) throw cause;
      const place = { topic: this.#topic, partition: this.partition, offset: batch.baseOffset };
      throw new CodecError('records of the log cannot be decoded', { cause, place });
    }
    return records;
  }

  async #call(records: readonly LogRecord[], nextOffset: number): Promise<void> {
    this.#callSinceMs = this.#events.nowMs();
    const batch = { partition: this.partition, records, nextOffset: Offset.of(nextOffset) };
    try {
      await this.#subscriber.records(batch, this.#stop.signal);
    } finally {
      this.#callSinceMs = undefined;
    }
    this.#wanted = nextOffset;
  }
}
