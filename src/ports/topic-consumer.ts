import type { JournalError } from '../model/errors.ts';
import type { LogRecord } from '../model/log-record.ts';
import type { Offset, Partition, Topic } from '../model/position.ts';
import type { CallOptions } from './call-options.ts';

/**
 * Whether the partition is surely still ours. It is asked before every write, so it costs next to
 * nothing; it looks at a clock, so a process that stood still learns the truth before its timers
 * do. Once false, it stays false.
 */
export type Ownership = () => boolean;

/** Records of one partition in offset order, never empty. */
export interface PartitionBatch {
  readonly partition: Partition;
  readonly records: readonly LogRecord[];
  /** The offset after the last one fetched; it may skip control records. */
  readonly nextOffset: Offset;
  /** The offset after the newest record of the log when these were fetched; absent = not known. */
  readonly endOffset?: Offset | undefined;
  /** Absent = nobody else can become the owner. */
  readonly isOwned?: Ownership | undefined;
}

/** A stretch of one partition that the log cannot give. */
export interface BlockedStretch {
  readonly partition: Partition;
  /** The first offset that is wanted and cannot be had. */
  readonly offset: Offset;
  /** Where delivery goes on when the stretch is passed over; absent = nowhere. */
  readonly nextOffset: Offset | undefined;
  /**
   * `CodecError`: the bytes are no records. `DataIntegrityError`: the log does not keep the offset.
   */
  readonly error: JournalError;
  readonly isOwned?: Ownership | undefined;
}

/** What is known of a topic when one of its partitions is assigned. */
export interface AssignedTopic {
  /** How many partitions the topic has. */
  readonly partitions: number;
}

/** What a subscriber does. Calls for one partition never overlap; partitions run side by side. */
export interface TopicSubscriber {
  /**
   * A partition is ours from now on, one of as many as the topic has. Answers the first offset
   * wanted (the replicated offset + 1), or `undefined` for the oldest record kept.
   *
   * @throws an error that ends the subscription
   */
  assigned(partition: Partition, topic: AssignedTopic): Promise<Offset | undefined>;

  /**
   * The next batch of this partition comes when the promise has settled; a rejection ends the
   * subscription with that error. `signal` fires when the partition is about to be revoked or the
   * consumer stops: finish the unit in hand, start no further one.
   */
  records(batch: PartitionBatch, signal: AbortSignal): Promise<void>;

  /**
   * The partition cannot go on. Settles when the stretch may be passed over, or once the signal has
   * fired; a rejection ends the subscription. The other partitions go on meanwhile. Absent = such a
   * stretch ends the subscription with its error.
   */
  blocked?(stretch: BlockedStretch, signal: AbortSignal): Promise<void>;

  /**
   * The partition goes to another member: called after the batch in hand settled, awaited before
   * the group joins again.
   *
   * @throws an error that ends the subscription
   */
  revoked(partition: Partition): Promise<void>;

  /**
   * The partition is gone already (session expired): nothing may be written or committed for it any
   * more.
   *
   * @throws an error that ends the subscription
   */
  lost(partition: Partition): Promise<void>;

  /**
   * True while the batch in hand waits on purpose: the store is down, or a record cannot be
   * decoded. Such a batch has not hung, however long it takes. Absent = never.
   */
  isHeld?(partition: Partition): boolean;
}

/** How a subscription ends. */
export interface SubscriptionOptions {
  readonly signal: AbortSignal;
}

/** One member of the consumer group of one topic. */
export interface TopicConsumer extends AsyncDisposable {
  /**
   * Joins the group and delivers until `signal` fires (resolves after the work in hand has settled
   * and the member has left) or the subscription fails (rejects).
   *
   * @throws {DataIntegrityError} the wanted offset is outside what the log keeps, and the
   * subscriber has no `blocked`
   * @throws {CodecError} bytes of the log are no records, and the subscriber has no `blocked`
   * @throws {LogUnavailableError} retryable
   * @throws {AccessDeniedError} names the right that is missing
   */
  run(subscriber: TopicSubscriber, options: SubscriptionOptions): Promise<void>;

  /**
   * Commits the group's offset of one partition (the next one wanted). Only a hint where another
   * group member resumes: the replicated offset is the truth. A failed commit is logged and
   * forgotten.
   */
  commit(partition: Partition, nextOffset: Offset): Promise<void>;
}

/** Opens group members, and lists what there is to consume. */
export interface TopicConsumers extends AsyncDisposable {
  /**
   * All topics of the log that this user may see.
   *
   * @throws {LogUnavailableError}
   */
  topics(options?: CallOptions): Promise<readonly Topic[]>;

  /**
   * A member that has not joined yet: `run` joins.
   *
   * @throws {LogUnavailableError} retryable
   */
  open(topic: Topic, options?: CallOptions): Promise<TopicConsumer>;
}
