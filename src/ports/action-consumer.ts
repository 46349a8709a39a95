import type { ActionRecord } from '../model/action.ts';
import type { Key } from '../model/key.ts';
import type { Offset, Partition, Topic } from '../model/position.ts';
import type { CallOptions } from './call-options.ts';

/** Which records of the log a reader wants: those of one key with `from <= offset < to`. */
export interface ActionRange {
  readonly key: Key;
  readonly partition: Partition;
  /** First offset, inclusive. */
  readonly from: Offset;
  /** End offset, exclusive; the read ends by position, so the last offsets may hold no record. */
  readonly to: Offset;
}

/** Reads the log without a consumer group. Reads of one partition share one reader. */
export interface ActionConsumer extends AsyncDisposable {
  /**
   * Streams the actions of one key in offset order, each once, in non-empty batches, and ends when
   * every offset below `to` has been seen. Records without a key or a `journal.action` header are
   * skipped. Leaving the loop early releases the reader.
   *
   * @throws {DataIntegrityError} `from` lies below the first offset kept by the log, or `to` above its end:
   *   records are missing
   * @throws {CodecError} a record of this key cannot be decoded; names topic, partition, offset
   * @throws {LogUnavailableError} retryable
   * @throws {DeadlineExceededError} no progress within the adapter's read deadline
   */
  read(range: ActionRange, options?: CallOptions): AsyncIterable<readonly ActionRecord[]>;

  /** The offset that the next record of the partition will get. @throws {LogUnavailableError} */
  endOffset(topic: Topic, partition: Partition, options?: CallOptions): Promise<Offset>;
}
