import { CodecError, JournalError } from '../../model/errors.ts';
import type { LogRecord } from '../../model/log-record.ts';
import { Offset, type Partition } from '../../model/position.ts';
import type { Ownership, TopicSubscriber } from '../../ports/topic-consumer.ts';
import { decompress } from '../driver/wire/compression.ts';
import { type RecordBatch, RecordCursor } from '../record-batches.ts';

/** A fetched piece of a partition. */
export interface Chunk {
  readonly batches: readonly RecordBatch[];
  readonly nextOffset: number;
  /** The offset after the newest record of the log at that time. */
  readonly endOffset: number;
  /** Size as fetched. */
  readonly bytes: number;
}

/** What the log cannot give. */
export interface Blockage {
  readonly offset: number;
  /** Where delivery goes on when it is passed over; `undefined` = nowhere. */
  readonly nextOffset: number | undefined;
  readonly error: JournalError;
}

/** What a partition tells its session. */
export interface PartitionEvents {
  /** There is room for another chunk. */
  readonly onRoom: () => void;
  readonly onError: (error: unknown) => void;
  readonly nowMs: () => number;
  readonly isOwned: Ownership;
}

export interface PartitionStart {
  readonly partition: Partition;
  readonly offset: number;
  readonly topic: string;
  /** Most records in a slice. */
  readonly sliceRecords: number;
  /** Fetched ahead while the subscriber is busy, in bytes; one chunk may go beyond. */
  readonly aheadBytes: number;
}

/** Keys and values in one slice, so that large records make small slices. */
const maxSliceBytes = 8 * 1024 * 1024;

/**
 * One partition while it is ours: what is fetched ahead waits in a queue of bounded size, and the
 * subscriber gets slices of bounded size, one at a time. Slices adapt by themselves: all that came
 * while the last one was in hand is delivered together, so a subscriber that is behind gets large
 * slices, and one that is not gets each chunk as it arrives.
 */
export class AssignedPartition {
  readonly partition: Partition;
  readonly #start: PartitionStart;
  readonly #subscriber: TopicSubscriber;
  readonly #events: PartitionEvents;
  readonly #stop = new AbortController();
  #ahead: Chunk[] = [];
  #aheadBytes = 0;
  #blockage: Blockage | undefined;
  #working: Promise<void> | undefined;
  #callSinceMs: number | undefined;
  /** First offset that the subscriber wants and was not fetched yet. */
  next: number;
  /** First offset of the chunks in hand that the subscriber wants. */
  #wanted: number;

  constructor(start: PartitionStart, subscriber: TopicSubscriber, events: PartitionEvents) {
    this.partition = start.partition;
    this.#start = start;
    this.next = start.offset;
    this.#wanted = start.offset;
    this.#subscriber = subscriber;
    this.#events = events;
  }

  get hasRoom(): boolean {
    const isFull = this.#aheadBytes >= this.#start.aheadBytes;
    return !(isFull || this.#blockage !== undefined || this.#stop.signal.aborted);
  }

  /** Since when the subscriber has the slice in hand; `undefined` = it has none. */
  get callSinceMs(): number | undefined {
    return this.#callSinceMs;
  }

  accept(chunk: Chunk): void {
    this.next = Math.max(this.next, chunk.nextOffset);
    if (chunk.batches.length === 0 || this.#stop.signal.aborted) return;
    this.#ahead.push(chunk);
    this.#aheadBytes += chunk.bytes;
    this.#working ??= this.#work();
  }

  /** Nothing is fetched any more until the subscriber lets it be passed over. */
  block(blockage: Blockage): void {
    if (this.#stop.signal.aborted) return;
    this.#blockage = blockage;
    this.#working ??= this.#work();
  }

  /** The slice in hand is the last one; resolves when the subscriber has settled it. */
  async drain(): Promise<void> {
    this.#stop.abort('revoked');
    this.#ahead = [];
    await this.#working;
  }

  async #work(): Promise<void> {
    try {
      while (!this.#stop.signal.aborted) {
        if (this.#ahead.length > 0) await this.#deliver(this.#take());
        else if (this.#blockage !== undefined) await this.#passBlockage(this.#blockage);
        else return;
      }
    } catch (error) {
      this.#stop.abort('failed');
      this.#events.onError(error);
    } finally {
      this.#working = undefined;
    }
  }

  #take(): readonly Chunk[] {
    const chunks = this.#ahead;
    this.#ahead = [];
    this.#aheadBytes = 0;
    this.#events.onRoom();
    return chunks;
  }

  async #passBlockage(blockage: Blockage): Promise<void> {
    await this.#pass(blockage);
    if (this.#stop.signal.aborted) return;
    this.#blockage = undefined;
    this.next = Math.max(this.next, this.#wanted);
    this.#events.onRoom();
  }

  async #deliver(chunks: readonly Chunk[]): Promise<void> {
    const last = chunks.at(-1);
    if (last === undefined) return;
    const slice = new Slice(last.endOffset);
    for (const batch of chunks.flatMap(({ batches }) => batches)) {
      if (batch.control || batch.lastOffset < this.#wanted) continue;
      await this.#deliverBatch(batch, slice);
      if (this.#stop.signal.aborted) return;
    }
    await this.#call(slice, last.nextOffset);
  }

  async #deliverBatch(batch: RecordBatch, slice: Slice): Promise<void> {
    const records = this.#recordsOf(batch);
    if (!(records instanceof CodecError)) {
      for (const record of records) {
        if (this.#isFull(slice)) await this.#call(slice, record.offset);
        slice.add(record);
      }
      return;
    }
    await this.#call(slice, batch.baseOffset);
    const offset = Math.max(batch.baseOffset, this.#wanted);
    await this.#pass({ offset, nextOffset: batch.lastOffset + 1, error: records });
  }

  #isFull({ records, bytes }: Slice): boolean {
    return records.length >= this.#start.sliceRecords || bytes >= maxSliceBytes;
  }

  /** The error as a value: the bytes break the record format. */
  #recordsOf(batch: RecordBatch): LogRecord[] | CodecError {
    const records: LogRecord[] = [];
    try {
      const cursor = new RecordCursor(batch, decompress(batch.compression, batch.body));
      while (cursor.next()) if (cursor.offset >= this.#wanted) records.push(cursor.record());
    } catch (cause) {
      if (cause instanceof CodecError) return cause;
      if (cause instanceof JournalError) throw cause;
      const { topic, partition } = this.#start;
      const place = { topic, partition, offset: batch.baseOffset };
      return new CodecError('records of the log cannot be decoded', { cause, place });
    }
    return records;
  }

  /** Hands the slice over, unless it is empty or the partition is given up; then it is empty. */
  async #call(slice: Slice, nextOffset: number): Promise<void> {
    const records = slice.take();
    if (records.length === 0 || this.#stop.signal.aborted) return;
    const { partition } = this;
    const { isOwned } = this.#events;
    const [next, end] = [Offset.of(nextOffset), Offset.of(Math.max(nextOffset, slice.endOffset))];
    this.#callSinceMs = this.#events.nowMs();
    try {
      const batch = { partition, records, nextOffset: next, endOffset: end, isOwned };
      await this.#subscriber.records(batch, this.#stop.signal);
    } finally {
      this.#callSinceMs = undefined;
    }
    this.#wanted = nextOffset;
  }

  /** Settles when the subscriber lets the stretch be passed over, or the partition is given up. */
  async #pass({ offset, nextOffset, error }: Blockage): Promise<void> {
    const { signal } = this.#stop;
    if (signal.aborted) return;
    if (this.#subscriber.blocked === undefined) throw error;
    const stretch = {
      partition: this.partition,
      offset: Offset.of(offset),
      nextOffset: nextOffset === undefined ? undefined : Offset.of(nextOffset),
      error,
      isOwned: this.#events.isOwned,
    };
    await this.#subscriber.blocked(stretch, signal);
    // Without a way on, settling means that the partition is over.
    if (nextOffset === undefined) this.#stop.abort('blocked');
    else this.#wanted = nextOffset;
  }
}

/** Records on their way to the subscriber. */
class Slice {
  readonly endOffset: number;
  records: LogRecord[] = [];
  bytes = 0;

  constructor(endOffset: number) {
    this.endOffset = endOffset;
  }

  add(record: LogRecord): void {
    this.records.push(record);
    this.bytes += (record.key?.length ?? 0) + (record.value?.length ?? 0);
  }

  take(): readonly LogRecord[] {
    const { records } = this;
    this.records = [];
    this.bytes = 0;
    return records;
  }
}
