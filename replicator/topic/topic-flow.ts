import { ClosedError, JournalError } from '../../src/model/errors.ts';
import type { Offset, Partition, Topic } from '../../src/model/position.ts';
import type { Logger } from '../../src/observability/logger.ts';
import type {
  BlockedStretch,
  PartitionBatch,
  TopicConsumer,
  TopicSubscriber,
} from '../../src/ports/topic-consumer.ts';
import { retry } from '../../src/runtime/retry.ts';
import { aborted } from '../../src/runtime/waiting.ts';
import { type ExpiryJob, openExpiryJob } from '../expiry/expiry-job.ts';
import type { FlowDeps } from '../replicator-deps.ts';
import { type FlowEnd, PartitionFlow } from './partition-flow.ts';
import { claimPartition } from './partition-tenures.ts';
import { TopicCommit } from './topic-commit.ts';
import { WakeUpsRebuild } from './wake-ups-rebuild.ts';

/** How often the group's offsets are committed, while there is something to commit. */
export const commitIntervalMs = 5_000;

/** Tries to claim a partition that was assigned, before the subscription fails. */
const assignAttempts = 6;
const assignBackoff = { initialMs: 100, maxMs: 2_000 };

const missingWakeUps =
  'wake-ups of entities are missing: some records of this partition, and perhaps of others of the topic, were ' +
  'replicated by a program that keeps none, or into a store without tables for them, which "kafka-journal setup" makes. ' +
  'Entities are woken by what was appended since; "kafka-journal wakeups rebuild" makes up for the others';

/** Told when the topic starts to have work in hand, and when it has none left. */
export interface WorkListener {
  workStarted(): void;
  workSettled(): void;
}

/** The group member whose partitions a flow replicates. The flow reports its work to it. */
export interface FlowMember {
  readonly consumer: TopicConsumer;
  readonly listener: WorkListener;
}

/**
 * One topic's records on their way into the store: a flow for each partition that is ours.
 *
 *     assigned   claim the partition, store W if it has none, start after its R (or W, if that is
 *                smaller), then allow commits
 *     records    replicate, store W and R, mark R + 1 for commit
 *     revoked    wait for the writes in hand, store R, drop the flow, then commit
 *     lost       start nothing more, drop the flow, commit nothing
 *     fenced     the same, found out by writing; the subscription ends and the member joins again
 *
 * Beside the flows, wake-ups that are missing are rebuilt where an operator asks for it. And beside
 * its flow a partition may have a job that purges its share of the expired journals.
 */
export class TopicFlow implements TopicSubscriber {
  readonly #topic: Topic;
  readonly #deps: FlowDeps;
  readonly #consumer: TopicConsumer;
  readonly #listener: WorkListener;
  readonly #log: Logger;
  readonly #flows = new Map<Partition, PartitionFlow>();
  readonly #expiryJobs = new Map<Partition, ExpiryJob>();
  readonly #commit = new TopicCommit();
  readonly #closing = new AbortController();
  #committing: Promise<void> | undefined;
  #batchesInHand = 0;
  readonly #rebuild: WakeUpsRebuild;
  #hasNotedWakeUps = false;

  constructor(topic: Topic, deps: FlowDeps, member: FlowMember) {
    this.#topic = topic;
    this.#deps = deps;
    this.#consumer = member.consumer;
    this.#listener = member.listener;
    this.#log = deps.log.child({ topic });
    this.#rebuild = new WakeUpsRebuild(topic, deps, this.#flows);
  }

  async assigned(partition: Partition, { partitions }: AssignedTopic): Promise<Offset | undefined> {
    const topic = this.#topic;
    const { store, clock, random, expiry } = this.#deps;
    const { signal } = this.#closing;
    // What an earlier assignment left, which the group did not revoke.
    await this.#expiryJobs.get(partition)?.close();
    await this.#flows.get(partition)?.close('given up');
    const source = { topic, partition };
    const start = await retry(
      () => claimPartition(source, store, { nowMs: clock.nowMs(), signal }),
      {
        backoff: assignBackoff,
        attempts: assignAttempts,
        clock,
        random,
        retryable: (error) => error instanceof JournalError && error.retryable,
        onRetry: (err, attempt, retryInMs) =>
          this.#log.warn({ partition, err, attempt, retryInMs }, 'partition not claimed yet'),
        signal,
      },
    );
    const onStored = (next: Offset): void => {
      this.#commit.mark(partition, next);
      this.#committing ??= this.#commitLater();
    };
    const onWakeUpsMissing = (): void => {
      this.#rebuild.watch(this.#closing.signal);
      if (!this.#hasNotedWakeUps) this.#log.warn({ partition }, missingWakeUps);
      this.#hasNotedWakeUps = true;
    };
    const flow = new PartitionFlow(source, this.#deps, { ...start, onStored, onWakeUpsMissing });
    this.#flows.set(partition, flow);
    this.#commit.assign(partition);
    if (expiry !== undefined && !signal.aborted) {
      const share = { topic, partition, partitions };
      this.#expiryJobs.set(partition, openExpiryJob(share, { ...this.#deps, ...expiry }));
    }
    this.#log.info({ partition, ...start }, 'partition assigned');
    if (!flow.wakeUps.areComplete) onWakeUpsMissing();
    return flow.from;
  }

  records(batch: PartitionBatch, signal: AbortSignal): Promise<void> {
    return this.#inHand(batch.partition, (flow) => flow.replicate(batch, signal), signal);
  }

  blocked(stretch: BlockedStretch, signal: AbortSignal): Promise<void> {
    return this.#inHand(stretch.partition, (flow) => flow.blocked(stretch, signal), signal);
  }

  async #inHand(
    partition: Partition,
    work: (flow: PartitionFlow) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    // A flow that ends takes no more records: its consumer waits until it is told to leave.
    if (this.#closing.signal.aborted) return aborted(signal);
    const flow = this.#flows.get(partition);
    if (flow === undefined) throw new ClosedError(`partition ${partition} is not assigned`);
    this.#batchesInHand++;
    if (this.#batchesInHand === 1) this.#listener.workStarted();
    try {
      await work(flow);
      if (this.#batchesInHand === 1) this.#listener.workSettled();
    } finally {
      if (flow.isFenced) this.#commit.forget(partition);
      this.#batchesInHand--;
    }
    if (this.#closing.signal.aborted) await aborted(signal);
  }

  async revoked(partition: Partition): Promise<void> {
    await this.#drop(partition, 'given up');
    await this.#commitPartition(partition);
    this.#commit.forget(partition);
    this.#log.info({ partition }, 'partition revoked');
  }

  async lost(partition: Partition): Promise<void> {
    this.#commit.forget(partition);
    await this.#drop(partition, 'lost');
    this.#log.warn({ partition }, 'partition lost');
  }

  isHeld(partition: Partition): boolean {
    return this.#flows.get(partition)?.isHeld ?? false;
  }

  async #drop(partition: Partition, end: FlowEnd): Promise<void> {
    const flow = this.#flows.get(partition);
    await Promise.all([flow?.close(end), this.#expiryJobs.get(partition)?.close()]);
    this.#expiryJobs.delete(partition);
    if (flow?.isFenced) this.#commit.forget(partition);
    if (this.#flows.get(partition) === flow) this.#flows.delete(partition);
  }

  async #commitLater(): Promise<void> {
    try {
      do {
        await this.#deps.clock.sleep(commitIntervalMs, { signal: this.#closing.signal });
        await this.#commitAll();
      } while (this.#commit.duePartitions().length > 0);
    } catch {
      // Closing: the last commit is close()'s.
    } finally {
      this.#committing = undefined;
    }
  }

  async #commitAll(): Promise<void> {
    for (const partition of this.#commit.duePartitions()) await this.#commitPartition(partition);
  }

  /** A failed commit loses nothing: the next one makes up for it, or the next owner, at R. */
  async #commitPartition(partition: Partition): Promise<void> {
    const next = this.#commit.due(partition);
    if (next === undefined) return;
    try {
      await this.#consumer.commit(partition, next);
      this.#commit.committed(partition, next);
    } catch (err) {
      this.#log.warn({ partition, next, err }, 'group offset not committed');
    }
  }

  /**
   * Starts no further write, waits for those in hand, drops the flows, then commits. Call it before
   * the member leaves its group: later it may not commit. Never rejects.
   */
  async close(): Promise<void> {
    this.#closing.abort(new ClosedError(`replication of ${this.#topic} ends`));
    const partitions = [...this.#flows.keys()];
    await Promise.allSettled(partitions.map((partition) => this.#drop(partition, 'given up')));
    await Promise.all([this.#committing, this.#rebuild.settled()]);
    await this.#commitAll();
  }
}

interface AssignedTopic {
  readonly partitions: number;
}
