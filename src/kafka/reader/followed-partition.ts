import { decodeAction } from '../../codec/record/action-record-codec.ts';
import { decodeUtf8Lenient } from '../../codec/utf8.ts';
import type { ActionRecord } from '../../model/action.ts';
import { CodecError } from '../../model/errors.ts';
import { Offset } from '../../model/position.ts';
import type { FollowedBatch, FollowStart, UndecodableRecord } from '../../ports/action-consumer.ts';
import { Occasion } from '../../runtime/occasion.ts';
import { decompress } from '../driver/wire/compression.ts';
import type { FetchPlace } from '../driver/wire/fetch.ts';
import { locating, type RecordBatch, RecordCursor, recordBatchesOf } from '../record-batches.ts';

/** Records decoded in one step, which holds the event loop. */
export const stepRecords = 500;

/** One partition that is followed: what was fetched waits here until the follower takes it. */
export class FollowedPartition implements FetchPlace {
  readonly topic: FollowStart['topic'];
  readonly partition: FollowStart['partition'];
  /** First offset that was not fetched yet. */
  offset: Offset;
  /** Fetches of the partition in a row that went to followers at other offsets. */
  passedOver = 0;
  /** First offset that was not handed over yet. */
  #taken: Offset;
  readonly #wantedFrom: () => number;
  #batches: readonly RecordBatch[] = [];
  #failed = false;
  #error: unknown;
  readonly #news = new Occasion();

  constructor({ topic, partition, from, wantedFrom }: FollowStart) {
    this.topic = topic;
    this.partition = partition;
    this.offset = from;
    this.#taken = from;
    this.#wantedFrom = wantedFrom ?? (() => from);
  }

  /** Nothing waits: it may be fetched again. */
  get hasRoom(): boolean {
    return !this.#failed && this.#batches.length === 0;
  }

  /**
   * The records of one fetch.
   *
   * @throws {CodecError} their bytes are broken
   */
  accept(records: Buffer): void {
    this.#locating(this.offset, () => {
      this.#batches = recordBatchesOf(records);
    });
    const last = this.#batches.at(-1);
    if (last === undefined) return;
    this.offset = Offset.of(Math.max(this.offset, last.lastOffset + 1));
    this.#news.fire();
  }

  /** Following ends with this error; the first one counts. What waits is not taken any more. */
  fail(error: unknown): void {
    this.#failed = true;
    this.#error ??= error;
    this.#news.fire();
  }

  /** Resolves when there is something to take, or following has failed; never rejects. */
  async changed(): Promise<void> {
    if (!this.hasRoom) return;
    await this.#news.wait();
  }

  /**
   * What waits, in steps of at most `stepRecords`; each one says where the next begins. Steps
   * without records follow offsets that hold no actions, such as transaction markers, or whole
   * batches that are not wanted any more: most are of the follower's own process.
   *
   * @throws {CodecError} bytes of a batch are broken
   * @throws what following ended with
   */
  *take(): Generator<FollowedBatch> {
    if (this.#failed) throw this.#error;
    for (const batch of this.#batches) {
      if (batch.lastOffset < this.#taken) continue;
      let step = new Step(this);
      if (!batch.control && batch.lastOffset >= this.#wantedFrom()) {
        const cursor = this.#locating(
          batch.baseOffset,
          () => new RecordCursor(batch, decompress(batch.compression, batch.body)),
        );
        while (this.#locating(batch.baseOffset, () => cursor.next())) {
          if (cursor.offset < this.#taken) continue;
          if (step.size === stepRecords) {
            yield this.#done(step, cursor.offset);
            step = new Step(this);
          }
          this.#locating(cursor.offset, () => step.add(cursor));
        }
      }
      yield this.#done(step, batch.lastOffset + 1);
    }
    this.#batches = [];
  }

  /** A step ends before `next`. */
  #done({ records, undecodable }: Step, next: number): FollowedBatch {
    this.#taken = Offset.of(next);
    return { records, undecodable, next: this.#taken };
  }

  /** Runs `work` on bytes at `offset`; if they break the format, its error names the place. */
  #locating<T>(offset: number, work: () => T): T {
    return locating({ topic: this.topic, partition: this.partition, offset }, work);
  }
}

/** Records on their way to the follower. */
class Step {
  readonly records: ActionRecord[] = [];
  readonly undecodable: UndecodableRecord[] = [];
  readonly #place: FollowedPartition;

  constructor(place: FollowedPartition) {
    this.#place = place;
  }

  get size(): number {
    return this.records.length + this.undecodable.length;
  }

  add(cursor: RecordCursor): void {
    const record = cursor.record();
    try {
      const action = decodeAction(this.#place.topic, this.#place.partition, record);
      if (action !== undefined) this.records.push(action);
    } catch (error) {
      if (!(error instanceof CodecError && record.key !== undefined)) throw error;
      const id = decodeUtf8Lenient(record.key);
      this.undecodable.push({ id, offset: record.offset, error });
    }
  }
}
