import { CodecError, JournalError } from '../../model/errors.ts';
import type { LogRecord } from '../../model/log-record.ts';
import { Offset, type Partition } from '../../model/position.ts';
import type { Ownership, TopicSubscriber } from '../../ports/topic-consumer.ts';
import { Queue } from '../../runtime/queue.ts';
import { unlessAborted } from '../../runtime/waiting.ts';
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

/** Records that the log cannot give: lost, or not decodable. */
export interface Blockage {
  readonly offset: number;
  /** Where delivery goes on when the subscriber lets it be passed over; `undefined` = nowhere. */
  readonly nextOffset: number | undefined;
  readonly error: JournalError;
}

/** What a partition needs of its session. */
export interface PartitionEvents {
  /** There is room for another chunk. */
  readonly onRoom: () => void;
  /** The subscriber failed, or a blockage may not be passed over: delivery has ended. */
  readonly onError: (error: unknown) => void;
  readonly steadyMs: () => number;
  readonly isOwned: Ownership;
}

/** Where a partition begins, and how much of it is in memory at a time. */
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
 * One partition while it is ours. What is fetched ahead waits in a queue of bounded size, and the
 * subscriber gets slices of bounded size, one at a time. What came while the last slice was in hand
 * is delivered together: a slow subscriber gets large slices, a quick one gets each chunk as it
 * arrives.
 */
export class AssignedPartition {
  readonly partition: Partition;
  readonly #start: PartitionStart;
  readonly #subscriber: TopicSubscriber;
  readonly #events: PartitionEvents;
  readonly #stop = new AbortController();
  readonly #abandoned = new AbortController();
  readonly #ahead: Queue<Chunk>;
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
    this.#ahead = new Queue({ maxWeight: start.aheadBytes, weightOf: ({ bytes }) => bytes });
  }

  /** Whether another chunk may be fetched. */
  get hasRoom(): boolean {
    return !(this.#ahead.isFull || this.#blockage !== undefined || this.#stop.signal.aborted);
  }

  /** Since when the subscriber has the slice in hand; `undefined` = it has none. */
  get callSinceMs(): number | undefined {
    return this.#callSinceMs;
  }

  /** Takes what was fetched at `next`; delivers it when its turn comes. */
  accept(chunk: Chunk): void {
    this.next = Math.max(this.next, chunk.nextOffset);
    if (chunk.batches.length === 0 || this.#stop.signal.aborted) return;
    this.#ahead.push(chunk);
    this.#working ??= this.#work();
  }

  /** Nothing is fetched any more until the subscriber lets it be passed over. */
  block(blockage: Blockage): void {
    if (this.#stop.signal.aborted) return;
    this.#blockage = blockage;
    this.#working ??= this.#work();
  }

  /**
   * The slice in hand is the last one. Resolves when the subscriber has settled it, or when the
   * partition is abandoned. Never rejects.
   */
  async drain(): Promise<void> {
    this.#stop.abort('revoked');
    this.#ahead.drain();
    // `#working` never rejects; being abandoned is no failure either.
    const work = this.#working ?? Promise.resolve();
    await unlessAborted(work, this.#abandoned.signal).catch(() => undefined);
  }

  /** The subscriber hangs: nobody waits for it any more. */
  abandon(): void {
    this.#abandoned.abort('abandoned');
  }

  /** Whether the subscriber may still have a call in hand that nobody waits for. */
  get isAbandoned(): boolean {
    return this.#abandoned.signal.aborted;
  }

  /** Delivers until nothing waits. Never rejects: a failure goes to `onError`. */
  async #work(): Promise<void> {
    const { signal } = this.#stop;
    try {
      while (!signal.aborted) {
        if (this.#ahead.length > 0) {
          const chunks = this.#ahead.drain();
          this.#events.onRoom();
          await this.#deliver(chunks);
        } else if (this.#blockage !== undefined) {
          await this.#pass(this.#blockage);
          if (signal.aborted) return;
          this.#blockage = undefined;
          this.next = Math.max(this.next, this.#wanted);
          this.#events.onRoom();
        } else return;
      }
    } catch (error) {
      this.#stop.abort('failed');
      this.#events.onError(error);
    } finally {
      this.#working = undefined;
    }
  }

  /** Hands over the records in slices, and between them the stretches that cannot be decoded. */
  async #deliver(chunks: readonly Chunk[]): Promise<void> {
    const last = chunks.at(-1);
    if (last === undefined) return;
    const slice = new Slice(last.endOffset);
    for (const batch of chunks.flatMap(({ batches }) => batches)) {
      if (batch.control || batch.lastOffset < this.#wanted) continue;
      const records = this.#recordsOf(batch);
      if (records instanceof CodecError) {
        await this.#call(slice, batch.baseOffset);
        const offset = Math.max(batch.baseOffset, this.#wanted);
        await this.#pass({ offset, nextOffset: batch.lastOffset + 1, error: records });
      } else {
        for (const record of records) {
          const { length } = slice.records;
          if (length >= this.#start.sliceRecords || slice.bytes >= maxSliceBytes) {
            await this.#call(slice, record.offset);
          }
          slice.add(record);
        }
      }
      if (this.#stop.signal.aborted) return;
    }
    await this.#call(slice, last.nextOffset);
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
    this.#callSinceMs = this.#events.steadyMs();
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
