import type PQueue from 'p-queue';
import type { Offset, Partition, Topic } from '../src/model/position.ts';
import type { Logger } from '../src/observability/logger.ts';
import type { ReplicatedJournal } from '../src/ports/replicated-journal.ts';
import type { TopicConsumers } from '../src/ports/topic-consumer.ts';
import type { Clock } from '../src/runtime/clock.ts';

/** How a replicator works; resolved from `evolutiongaming.kafka-journal.replicator`. */
export interface ReplicatorTuning {
  /** Topics to replicate: those that start with one of these. */
  readonly topicPrefixes: readonly string[];
  /** How often to look for new topics. */
  readonly topicDiscoveryIntervalMs: number;
  /** A journal not written for so long is loaded again when it is. */
  readonly cacheExpireAfterMs: number;
  /** Keys worked on at one moment, over all topics of the process. */
  readonly maxKeysInFlight: number;
}

/** Told when a partition's replicated offset was stored; `offset` is inclusive. */
export type ReplicatedListener = (topic: Topic, partition: Partition, offset: Offset) => void;

/** What a replicator reports of its work; every member may be called often and must be cheap. */
export interface ReplicatorMetrics {
  /** One round of a partition ended, whole or in part. */
  roundEnded(round: {
    readonly topic: Topic;
    readonly partition: Partition;
    readonly records: number;
    readonly keys: number;
    readonly durationMs: number;
    /** Keys that failed or hold an unreadable record; 0 = the round is done. */
    readonly heldKeys: number;
  }): void;
}

export interface ReplicatorParts {
  readonly consumers: TopicConsumers;
  readonly store: ReplicatedJournal;
  readonly settings: ReplicatorTuning;
  readonly log: Logger;
  readonly clock: Clock;
  /** 0 <= value < 1; spreads retries. */
  readonly random?: () => number;
  readonly metrics?: ReplicatorMetrics;
  /** Called at least once for each stored offset; what it throws is logged and changes nothing. */
  readonly onReplicated?: ReplicatedListener;
}

/** What the flows of one topic share with those of the other topics. */
export interface FlowParts {
  readonly store: ReplicatedJournal;
  /** Bounds the keys worked on at one moment. */
  readonly pool: PQueue;
  readonly log: Logger;
  readonly clock: Clock;
  readonly random: () => number;
  readonly cacheExpireAfterMs: number;
  readonly metrics: ReplicatorMetrics | undefined;
  readonly onReplicated: ReplicatedListener | undefined;
}
