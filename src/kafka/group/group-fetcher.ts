import { CodecError, DataIntegrityError } from '../../model/errors.ts';
import { Occasion } from '../../runtime/occasion.ts';
import type { FetchedPartition, FetchPlace } from '../driver/wire/fetch.ts';
import { fetchErrors } from '../driver-errors.ts';
import type { LogCluster, OffsetRange } from '../log-cluster.ts';
import { type RecordBatch, recordBatchesOf } from '../record-batches.ts';
import type { AssignedPartition, Blockage } from './assigned-partition.ts';

/**
 * While a partition has no room it is left out of the request. A broker with nothing new then
 * answers the others after this time: the partition must not wait long for the next request.
 */
const busyWaitMs = 10;
const retryPauseMs = 50;
const maxRetryPauseMs = 1_000;

/**
 * Fetches all partitions of a group member: one request a broker at a time, for those partitions
 * that have room. Runs until it is stopped; rejects when a right is missing, or no broker has
 * answered for the read deadline. A partition whose records are missing or broken is blocked; the
 * others go on.
 */
export class GroupFetcher {
  readonly #cluster: LogCluster;
  readonly #topic: string;
  readonly #partitions: ReadonlyMap<number, AssignedPartition>;
  readonly #deadlineMs: number;
  #stopped = false;
  readonly #room = new Occasion();

  constructor(
    cluster: LogCluster,
    topic: string,
    partitions: ReadonlyMap<number, AssignedPartition>,
  ) {
    this.#cluster = cluster;
    this.#topic = topic;
    this.#partitions = partitions;
    this.#deadlineMs = cluster.settings.requestTimeoutMs;
  }

  /** A partition has room, or the fetcher is to end. */
  wake(): void {
    this.#room.fire();
  }

  /** Final: `run` ends after the requests under way. */
  stop(): void {
    this.#stopped = true;
    this.wake();
  }

  /**
   * Fetches until `stop`: one loop a broker; a partition whose leader moves is taken over by the
   * loop of the new one.
   *
   * @throws {AccessDeniedError} a right is missing
   * @throws {LogUnavailableError} no broker has answered for the read deadline
   * @throws {ClosedError} the cluster is closed
   * @throws what `learnTopic` of the cluster fails with
   */
  async run(): Promise<void> {
    while (!this.#stopped) {
      await this.#cluster.learnTopic(this.#topic);
      const leaders = new Set(
        [...this.#partitions.keys()].map((partition) => this.#leaderOf(partition)),
      );
      let moved = false;
      const isCurrent = (): boolean => !(this.#stopped || moved);
      const onMoved = (): void => {
        moved = true;
        this.wake();
      };
      const turn = { leaders, isCurrent, onMoved };
      const loops = [...leaders].map((node) => this.#runNode(node, turn));
      const settled = await Promise.allSettled(loops);
      for (const loop of settled) if (loop.status === 'rejected') throw loop.reason;
      if (leaders.size === 0) return;
    }
  }

  #leaderOf(partition: number): string {
    return this.#cluster.leaderOf(this.#topic, partition);
  }

  /** Asks one broker until the leaders have to be looked up again. */
  async #runNode(node: string, { leaders, isCurrent, onMoved }: Turn): Promise<void> {
    const { clock } = this.#cluster.deps;
    let failingSinceMs: number | undefined;
    let pauseMs = retryPauseMs;
    try {
      while (isCurrent()) {
        // A broker that has just started may not know the topic: it is learnt anew.
        if (!this.#cluster.knows(this.#topic)) return onMoved();
        const byLeader = Map.groupBy(this.#partitions.values(), ({ partition }) =>
          this.#leaderOf(partition),
        );
        const own = byLeader.get(node);
        // A leader that no loop asks is new: it may have one partition, and this node keep others.
        if (own === undefined || ![...byLeader.keys()].every((leader) => leaders.has(leader)))
          return onMoved();
        const ready = own.filter((partition) => partition.hasRoom);
        if (ready.length === 0) {
          await this.#room.wait();
          continue;
        }
        const error = await this.#fetch(node, ready, ready.length < own.length);
        if (error === undefined) {
          failingSinceMs = undefined;
          pauseMs = retryPauseMs;
          continue;
        }
        // From the first failure, not from the last answer: while all partitions were busy,
        // nothing was asked.
        failingSinceMs ??= clock.steadyMs();
        if (clock.steadyMs() - failingSinceMs > this.#deadlineMs) throw this.#mapped(error);
        await this.#cluster.pause(pauseMs);
        pauseMs = Math.min(pauseMs * 2, maxRetryPauseMs);
        await this.#cluster.driver.refreshMetadata().catch(() => undefined);
      }
    } catch (error) {
      onMoved();
      throw error;
    }
  }

  /** An error that may be retried comes as a value; all others are thrown. */
  async #fetch(
    node: string,
    ready: readonly AssignedPartition[],
    busy: boolean,
  ): Promise<Error | undefined> {
    const { consumer } = this.#cluster.settings;
    let answers: readonly FetchedPartition[];
    const wanted = new Map(ready.map(({ partition, next }) => [partition as number, next]));
    try {
      answers = await this.#cluster.fetch(node, {
        topic: this.#topic,
        partitions: [...wanted].map(([partition, offset]) => ({ partition, offset })),
        maxWaitMs: busy ? Math.min(busyWaitMs, consumer.fetchMaxWaitMs) : consumer.fetchMaxWaitMs,
        minBytes: consumer.fetchMinBytes,
        maxBytes: consumer.fetchMaxBytes,
        maxPartitionBytes: consumer.maxPartitionFetchBytes,
      });
    } catch (error) {
      const mapped = this.#mapped(error);
      if (!mapped.retryable) throw mapped;
      return error as Error;
    }
    let retryable: Error | undefined;
    for (const answer of answers) {
      const offset = wanted.get(answer.partition);
      retryable = (await this.#accept(answer, offset)) ?? retryable;
    }
    return retryable;
  }

  /**
   * Hands an answer to its partition. An error that may be retried comes as a value. When the
   * leader has moved, both brokers may have been asked, and one of the answers comes late: its
   * records would be replicated twice, and the second time out of order.
   *
   * @param offset the one that was asked for
   */
  async #accept(answer: FetchedPartition, offset: number | undefined): Promise<Error | undefined> {
    const partition = this.#partitions.get(answer.partition);
    if (partition === undefined || this.#stopped || partition.next !== offset) return undefined;
    const { errorCode, records, endOffset } = answer;
    if (errorCode === fetchErrors.offsetOutOfRange) return this.#outside(partition);
    if (errorCode !== 0) {
      const error = this.#cluster.errorOfCode(errorCode, { topic: this.#topic, right: 'READ' });
      if (!error.retryable && errorCode !== fetchErrors.unknownTopic) throw error;
      return error;
    }
    let batches: readonly RecordBatch[];
    try {
      batches = recordBatchesOf(records);
    } catch (cause) {
      // The bytes are no batches, so it is unknown where the next one would begin.
      const place = { topic: this.#topic, partition: partition.partition, offset };
      const error = new CodecError('records of the log cannot be decoded', { cause, place });
      partition.block({ offset, nextOffset: undefined, error });
      return undefined;
    }
    const last = batches.at(-1);
    if (last === undefined) return undefined;
    const nextOffset = last.lastOffset + 1;
    partition.accept({ batches, nextOffset, endOffset, bytes: records.length });
    return undefined;
  }

  /** The broker says that it does not keep the offset: asks what it keeps, and blocks if so. */
  async #outside(assigned: AssignedPartition): Promise<Error | undefined> {
    const { partition, next } = assigned;
    let range: OffsetRange;
    try {
      range = await this.#cluster.offsetRange(this.#topic, partition);
    } catch (error) {
      return error as Error;
    }
    const missing = missingRecords({ topic: this.#topic, partition, offset: next }, range);
    if (missing === undefined) return new Error('the offset was outside a moment ago');
    assigned.block(missing);
    return undefined;
  }

  #mapped(error: unknown) {
    return this.#cluster.errorOf(error, { topic: this.#topic, right: 'READ' });
  }
}

/** What the loops of all leaders share until one of them finds that partitions have moved. */
interface Turn {
  /** The brokers that are asked. */
  readonly leaders: ReadonlySet<string>;
  readonly isCurrent: () => boolean;
  readonly onMoved: () => void;
}

/**
 * A wanted offset that the log does not have means that records are lost. kafkajs would jump
 * silently; here the partition is blocked. Before the first offset kept, delivery could go on
 * there; after the end it is unknown where. `undefined` when the log has the offset.
 */
export function missingRecords(
  place: FetchPlace,
  { start, end }: OffsetRange,
): Blockage | undefined {
  const { offset } = place;
  if (offset >= start && offset <= end) return undefined;
  const fact =
    offset < start
      ? `the log begins at ${start}: retention or an operator deleted what was not replicated yet`
      : `the log ends at ${end}: the topic was made anew, or lost its newest records`;
  const text = `records are missing: offset ${offset} was wanted, but ${fact}`;
  const error = new DataIntegrityError(text, { place });
  return { offset, nextOffset: offset < start ? start : undefined, error };
}
