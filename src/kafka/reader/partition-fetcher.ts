import { DeadlineExceededError } from '../../model/errors.ts';
import type { Topic } from '../../model/position.ts';
import type { FetchedPartition } from '../driver/wire/fetch.ts';
import { fetchErrors, isDriverError } from '../driver-errors.ts';
import type { LogCluster } from '../log-cluster.ts';
import { locating, type RecordBatch, recordBatchesOf } from '../record-batches.ts';

/** Records that one fetch brought. */
export interface FetchedRecords {
  readonly type: 'records';
  readonly batches: readonly RecordBatch[];
  /** Everything below was fetched. */
  readonly nextOffset: number;
  /** One above the last offset that may be read. */
  readonly endOffset: number;
}

/** What one fetch brought. */
export type FetchedChunk =
  | FetchedRecords
  /** The log does not keep the offset: `start` is the first one that it keeps, `end` the next. */
  | { readonly type: 'outside'; readonly start: number; readonly end: number };

/** A bounded read asks for what is there, so the broker never has a reason to wait long. */
const maxWaitMs = 100;
const retryPauseMs = 50;
const maxRetryPauseMs = 500;

/**
 * Fetches one partition upwards, the next piece while the current one is worked on. A moved leader,
 * a lost connection and the like are retried, with fresh metadata, until nothing came for the read
 * deadline.
 */
export class PartitionFetcher {
  readonly topic: Topic;
  readonly partition: number;
  readonly #cluster: LogCluster;
  readonly #deadlineMs: number;
  #ahead:
    | { readonly offset: number; readonly fetched: Promise<FetchedPartition | Error> }
    | undefined;

  constructor(cluster: LogCluster, topic: Topic, partition: number) {
    this.#cluster = cluster;
    this.topic = topic;
    this.partition = partition;
    this.#deadlineMs = cluster.settings.requestTimeoutMs;
  }

  /**
   * What the log has from `offset` on; begins to fetch what follows when that is below `wantedTo`.
   * `undefined` when a try has failed and nobody wants the records any more.
   *
   * @throws {CodecError} the bytes of the log are broken
   * @throws {DeadlineExceededError} no answer within the read deadline
   * @throws {LogUnavailableError} no broker to ask within the read deadline
   * @throws {ClosedError} the cluster is closed
   * @throws other errors of the log that time does not heal, mapped
   */
  async next(
    offset: number,
    wantedTo: number,
    isWanted: () => boolean,
  ): Promise<FetchedChunk | undefined> {
    const { clock } = this.#cluster.deps;
    const startedMs = clock.steadyMs();
    for (let pauseMs = retryPauseMs; ; pauseMs = Math.min(pauseMs * 2, maxRetryPauseMs)) {
      const ahead = this.#ahead;
      this.#ahead = undefined;
      const fetched = await (ahead?.offset === offset ? ahead.fetched : this.#fetch(offset));
      const chunk = await this.#chunkOf(fetched, offset, wantedTo);
      if (!(chunk instanceof Error)) return chunk;
      if (clock.steadyMs() - startedMs > this.#deadlineMs) throw this.#gaveUp(chunk);
      await this.#cluster.pause(pauseMs);
      if (!isWanted()) return undefined;
      await this.#cluster.driver.refreshMetadata().catch(() => undefined);
    }
  }

  /** An error that may be retried comes as a value; all others are thrown. */
  async #chunkOf(
    fetched: FetchedPartition | Error,
    offset: number,
    wantedTo: number,
  ): Promise<FetchedChunk | Error> {
    if (fetched instanceof Error) {
      const error = this.#cluster.errorOf(fetched, { topic: this.topic, right: 'READ' });
      if (!error.retryable) throw error;
      return fetched;
    }
    const { errorCode, records, endOffset } = fetched;
    if (errorCode === fetchErrors.offsetOutOfRange) return this.#outside(offset);
    if (errorCode !== 0) {
      const error = this.#cluster.errorOfCode(errorCode, { topic: this.topic, right: 'READ' });
      if (error.retryable || errorCode === fetchErrors.unknownTopic) return error;
      throw error;
    }
    const batches = this.locating(offset, () => recordBatchesOf(records));
    const last = batches.at(-1);
    const nextOffset = last === undefined ? offset : Math.max(offset, last.lastOffset + 1);
    if (last !== undefined && nextOffset < wantedTo) {
      this.#ahead = { offset: nextOffset, fetched: this.#fetch(nextOffset) };
    }
    return { type: 'records', batches, nextOffset, endOffset };
  }

  /** The broker says that it does not keep the offset: asks what it keeps. */
  async #outside(offset: number): Promise<FetchedChunk | Error> {
    try {
      const { start, end } = await this.#cluster.offsetRange(this.topic, this.partition);
      if (offset >= start && offset <= end) return new Error('the offset was outside a moment ago');
      return { type: 'outside', start, end };
    } catch (error) {
      return asError(error);
    }
  }

  /** One request; an error comes as a value, since nobody may be waiting for it yet. */
  async #fetch(offset: number): Promise<FetchedPartition | Error> {
    const { consumer } = this.#cluster.settings;
    try {
      // Metadata without the topic, as of a broker that has just started, would end the read.
      await this.#cluster.learnTopic(this.topic);
      const node = this.#cluster.leaderOf(this.topic, this.partition);
      const [answer] = await this.#cluster.fetch(node, {
        topic: this.topic,
        partitions: [{ partition: this.partition, offset }],
        maxWaitMs,
        minBytes: 1,
        maxBytes: consumer.fetchMaxBytes,
        maxPartitionBytes: consumer.maxPartitionFetchBytes,
      });
      return answer ?? new Error('the broker answered without the partition');
    } catch (error) {
      return asError(error);
    }
  }

  /**
   * Runs `work` on bytes at `offset`.
   *
   * @throws {CodecError} they break the record format; names the place
   */
  locating<T>(offset: number, work: () => T): T {
    return locating({ topic: this.topic, partition: this.partition, offset }, work);
  }

  /** What the read fails with when the last try of many failed so. */
  #gaveUp(error: Error): Error {
    if (!isDriverError(error, 'KafkaJSRequestTimeoutError')) {
      return this.#cluster.errorOf(error, { topic: this.topic, right: 'READ' });
    }
    const place = `topic ${this.topic}, partition ${this.partition}`;
    const text = `no answer for ${place} within ${this.#deadlineMs} ms`;
    return new DeadlineExceededError(`${text} (Kafka at ${this.#cluster.address})`, {
      cause: error,
    });
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
