import { ClosedError, DataIntegrityError, LogUnavailableError } from '../../model/errors.ts';
import type { FollowedBatch, FollowStart } from '../../ports/action-consumer.ts';
import { onAbort } from '../../runtime/on-abort.ts';
import { nextTurn, unlessAborted, within } from '../../runtime/waiting.ts';
import type { FetchedPartition, FetchPlace } from '../driver/wire/fetch.ts';
import { fetchErrors } from '../driver-errors.ts';
import { LogCluster } from '../log-cluster.ts';
import { FollowedPartition, stepRecords } from './followed-partition.ts';

/**
 * A broker that has nothing new answers after this time. A partition that joins meanwhile waits for
 * that answer; what is already in the log it has fetched before it joins.
 */
const maxWaitMs = 100;
/**
 * The same while a follower is busy, or waits for its turn, and is left out of the request: it must
 * not wait long for the next one.
 */
const busyWaitMs = 10;
/**
 * A fetch has one offset of a partition: the lowest that a follower wants. A follower with hours of
 * the log to read would hold up the others until it is as far. So one that was passed over by this
 * number of fetches in a row has the next turn.
 */
const maxPassedOver = 8;

/**
 * Follows partitions for as long as somebody wants them, over connections of its own, where waiting
 * for new records holds up nobody. Each broker gets one request at a time, for all partitions it
 * leads.
 */
export class LogFollower implements AsyncDisposable {
  readonly #main: LogCluster;
  readonly #partitions = new Set<FollowedPartition>();
  /** Nodes that are asked at the moment, each by one loop. */
  readonly #loops = new Map<string, Promise<void>>();
  #own: Promise<LogCluster> | undefined;
  readonly #closing = new AbortController();

  constructor(main: LogCluster) {
    this.#main = main;
  }

  /**
   * Records from `start` on, without end; waits for those to come.
   *
   * @throws {DataIntegrityError} the log no longer has the records that are wanted
   * @throws {CodecError} bytes of the log are broken
   * @throws {ClosedError} the follower is closed
   * @throws other errors of the log, mapped: following has ended, and may begin again
   * @throws the abort reason when `signal` fires
   */
  async *follow(
    start: FollowStart,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<FollowedBatch, void> {
    signal?.throwIfAborted();
    const cluster = await unlessAborted(this.#cluster(), signal);
    const followed = new FollowedPartition(start);
    const stopListening = onAbort(signal, (reason) => followed.fail(reason));
    try {
      await unlessAborted(cluster.learnTopic(start.topic), signal);
      const { clock } = this.#main.deps;
      await unlessAborted(within(this.#fetchFirst(followed), maxWaitMs, clock), signal);
      this.#closing.signal.throwIfAborted();
      this.#partitions.add(followed);
      this.#ask(cluster);
      for (;;) {
        await followed.changed();
        for (const batch of followed.take()) {
          yield batch;
          if (batch.records.length >= stepRecords) await nextTurn();
        }
        this.#ask(cluster);
      }
    } catch (error) {
      signal?.throwIfAborted();
      throw cluster.errorOf(error, { topic: start.topic, right: 'READ' });
    } finally {
      stopListening();
      this.#partitions.delete(followed);
    }
  }

  /**
   * Fetches what the log has by now, over the connections of the reads: the own one of the broker
   * may wait for news of other partitions, and whoever opens a tenure waits for its mark. Never
   * rejects: the loop of the broker meets again what goes wrong here. It may also be first.
   */
  async #fetchFirst(followed: FollowedPartition): Promise<void> {
    if (this.#loops.size === 0) return;
    const { topic, partition, offset } = followed;
    const { consumer } = this.#main.settings;
    try {
      await this.#main.learnTopic(topic);
      const node = this.#main.leaderOf(topic, partition);
      const [answer] = await this.#main.fetchPlaces(node, [{ topic, partition, offset }], {
        maxWaitMs: 0,
        minBytes: 1,
        maxBytes: consumer.fetchMaxBytes,
        maxPartitionBytes: consumer.maxPartitionFetchBytes,
      });
      const isWanted = followed.hasRoom && followed.offset === offset;
      if (isWanted && answer?.errorCode === 0) followed.accept(answer.records);
    } catch {}
  }

  /** The own connections, opened by the first that needs them. */
  async #cluster(): Promise<LogCluster> {
    const { signal } = this.#closing;
    signal.throwIfAborted();
    const { settings, deps } = this.#main;
    this.#own ??= LogCluster.open(settings, deps, { signal }).catch((error: unknown) => {
      this.#own = undefined;
      throw error;
    });
    return await this.#own;
  }

  /** Sees that every node that leads a followed partition is asked. */
  #ask(cluster: LogCluster): void {
    for (const followed of this.#partitions) {
      if (!followed.hasRoom) continue;
      const node = this.#leaderOf(cluster, followed);
      if (node === undefined || this.#loops.has(node)) continue;
      const loop = this.#askNode(cluster, node).finally(() => {
        this.#loops.delete(node);
        if (!this.#closing.signal.aborted) this.#ask(cluster);
      });
      this.#loops.set(node, loop);
    }
  }

  /** `undefined` when the partition is not known; then following it has failed. */
  #leaderOf(cluster: LogCluster, followed: FollowedPartition): string | undefined {
    const { topic, partition } = followed;
    try {
      return cluster.leaderOf(topic, partition);
    } catch {
      followed.fail(notKnown(cluster, topic));
      return undefined;
    }
  }

  /** Ends when nothing of the node is wanted for now. Never rejects: following fails instead. */
  async #askNode(cluster: LogCluster, node: string): Promise<void> {
    const { consumer } = this.#main.settings;
    while (!this.#closing.signal.aborted) {
      const own = [...this.#partitions].filter(
        (followed) => this.#leaderOf(cluster, followed) === node,
      );
      const ready = own.filter((followed) => followed.hasRoom);
      if (ready.length === 0) return;
      const turns = turnsOf(ready);
      const places = [...turns.values()].map(({ place }) => place);
      const isServed = (followed: FollowedPartition): boolean =>
        followed.hasRoom && followed.passedOver === 0;
      try {
        const answers = await cluster.fetchPlaces(node, places, {
          maxWaitMs: own.every(isServed) ? maxWaitMs : busyWaitMs,
          minBytes: 1,
          maxBytes: consumer.fetchMaxBytes,
          maxPartitionBytes: consumer.maxPartitionFetchBytes,
        });
        for (const answer of answers) {
          const turn = turns.get(nameOf(answer));
          if (turn !== undefined) await this.#accept(cluster, turn, answer);
        }
        // Followers that take what came now are part of the next request.
        await nextTurn();
      } catch (error) {
        await cluster.driver.refreshMetadata().catch(() => undefined);
        for (const followed of ready) followed.fail(error);
      }
      // One of them may have another leader by now, which nobody asks yet.
      this.#ask(cluster);
    }
  }

  /**
   * Hands an answer to the followers that want what was asked for. When the leader of a partition
   * has moved, both brokers may have been asked, and one of the answers comes late: it would take
   * the place of what the other one has brought, and those records would be passed over.
   */
  async #accept(
    cluster: LogCluster,
    { place, followers }: Turn,
    { topic, errorCode, records }: FetchedPartition,
  ): Promise<void> {
    // Taken now: `accept` moves an offset on.
    const wanting = followers.filter((one) => one.hasRoom && one.offset === place.offset);
    for (const followed of wanting) {
      try {
        if (errorCode === fetchErrors.offsetOutOfRange) await this.#outside(cluster, followed);
        if (errorCode === fetchErrors.unknownTopic) throw notKnown(cluster, topic);
        if (errorCode !== 0) throw cluster.errorOfCode(errorCode, { topic, right: 'READ' });
        followed.accept(records);
      } catch (error) {
        if (errorCode !== 0) await cluster.driver.refreshMetadata().catch(() => undefined);
        followed.fail(error);
      }
    }
  }

  /** @throws {DataIntegrityError} the log no longer has the records that are wanted */
  async #outside(
    cluster: LogCluster,
    { topic, partition, offset }: FollowedPartition,
  ): Promise<void> {
    const { start, end } = await cluster.offsetRange(topic, partition);
    if (offset >= start && offset <= end) return;
    const fact = offset < start ? `begins at ${start}` : `ends at ${end}`;
    throw new DataIntegrityError(
      `records are missing: offset ${offset} was wanted, but the log ${fact}`,
      { place: { topic, partition, offset } },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new ClosedError('the Kafka consumer is closed');
    this.#closing.abort(closed);
    for (const followed of this.#partitions) followed.fail(closed);
    const own = await this.#own?.catch(() => undefined);
    await own?.[Symbol.asyncDispose]();
    await Promise.all(this.#loops.values());
  }
}

/** What one fetch asks of one partition. */
interface Turn {
  /** With the offset of the follower whose turn it is. */
  readonly place: FetchPlace;
  /** All followers of the partition that have room. */
  readonly followers: readonly FollowedPartition[];
}

/** A broker that has just started says so. A follower that begins anew asks for the topic first. */
function notKnown({ address }: LogCluster, topic: string): LogUnavailableError {
  return new LogUnavailableError(
    `Kafka at ${address} does not know topic ${topic}, or the partition, at the moment`,
  );
}

function nameOf({ topic, partition }: Pick<FetchPlace, 'topic' | 'partition'>): string {
  return `${partition}:${topic}`;
}

/** What is asked of each partition, by its name. */
function turnsOf(ready: readonly FollowedPartition[]): ReadonlyMap<string, Turn> {
  const turns = new Map<string, Turn>();
  for (const [name, followers] of Map.groupBy(ready, nameOf)) {
    const { topic, partition, offset } = followers.reduce((a, b) => (isBefore(b, a) ? b : a));
    for (const one of followers) one.passedOver = one.offset === offset ? 0 : one.passedOver + 1;
    turns.set(name, { place: { topic, partition, offset }, followers });
  }
  return turns;
}

function isBefore(one: FollowedPartition, other: FollowedPartition): boolean {
  const isLate = Math.max(one.passedOver, other.passedOver) >= maxPassedOver;
  return isLate ? one.passedOver > other.passedOver : one.offset < other.offset;
}
