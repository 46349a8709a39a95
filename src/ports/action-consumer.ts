import type { ActionRecord } from '../model/action.ts';
import type { CodecError } from '../model/errors.ts';
import type { Key } from '../model/key.ts';
import type { Offset, Partition, Topic } from '../model/position.ts';
import type { CallOptions } from './call-options.ts';

/**
 * Which records of the log a reader wants: those with `from <= offset < to` of one key, and the
 * opening marks of all keys.
 */
export interface ActionRange {
  readonly key: Key;
  readonly partition: Partition;
  /** First offset, inclusive. */
  readonly from: Offset;
  /** End offset, exclusive; the read ends by position, so the last offsets may hold no record. */
  readonly to: Offset;
}

/** Where to begin to follow a partition. */
export interface FollowStart {
  readonly topic: Topic;
  readonly partition: Partition;
  /** First offset wanted. */
  readonly from: Offset;
  /**
   * Asked again and again: records below it are not wanted any more, and may be left out, which
   * saves decoding them.
   */
  readonly wantedFrom?: () => Offset;
}

/** A journal record that cannot be decoded: named, and passed over. */
export interface UndecodableRecord {
  /** Key of the record. */
  readonly id: string;
  readonly offset: Offset;
  readonly error: CodecError;
}

/** The next records of a followed partition, of all keys. */
export interface FollowedBatch {
  /** In offset order; the bytes are only lent until the next batch is asked for. */
  readonly records: readonly ActionRecord[];
  readonly undecodable: readonly UndecodableRecord[];
  /** Everything below it has been seen; above `from`, and grows from batch to batch. */
  readonly next: Offset;
}

/** Reads the log without a consumer group. Reads of one partition share one reader. */
export interface ActionConsumer extends AsyncDisposable {
  /**
   * Streams the actions of one key, and the opening marks of all other keys, since these say which
   * actions count (`Tenures`): in offset order, each once, in non-empty batches. Ends when every
   * offset below `to` has been seen. Records without a key or a `journal.action` header are
   * skipped, and so is what might be an opening mark of another key, but cannot be decoded. Leaving
   * the loop early releases the reader.
   *
   * @throws {DataIntegrityError} `from` is below the first offset kept by the log, or `to` above
   * its end: records are missing
   * @throws {CodecError} a record of this key cannot be decoded; names topic, partition, offset
   * @throws {LogUnavailableError} retryable
   * @throws {DeadlineExceededError} no progress within the adapter's read deadline
   */
  read(range: ActionRange, options?: CallOptions): AsyncIterable<readonly ActionRecord[]>;

  /**
   * Streams the actions of all keys of a partition in offset order, each once, and goes on with
   * those that will be produced: it ends only by its signal, by leaving the loop, or by an error.
   * Records that are no journal records only move `next`. A slow caller holds up nobody else.
   *
   * @throws {DataIntegrityError} `from` is below the first offset kept by the log, or above its
   * end
   * @throws {CodecError} the log's own bytes are broken at that place
   * @throws {LogUnavailableError} retryable: follow again from the last `next`
   */
  follow(start: FollowStart, options?: CallOptions): AsyncIterable<FollowedBatch>;

  /**
   * How many partitions the topic has at this moment, asked of the log; `undefined` when it does
   * not exist and is made with its first record.
   *
   * @throws {NotSetUpError} it does not exist, and records do not make it
   * @throws {LogUnavailableError} retryable
   */
  partitionCount(topic: Topic, options?: CallOptions): Promise<number | undefined>;

  /**
   * The offset that the next record of the partition will get.
   *
   * @throws {LogUnavailableError}
   */
  endOffset(topic: Topic, partition: Partition, options?: CallOptions): Promise<Offset>;
}
