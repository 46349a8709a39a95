import type { Offset, Partition, Topic } from '../src/model/position.ts';
import type { Logger } from '../src/observability/logger.ts';
import type { ActionProducer } from '../src/ports/action-producer.ts';
import type { ReplicatedJournal } from '../src/ports/replicated-journal.ts';
import type { TopicConsumers } from '../src/ports/topic-consumer.ts';
import type { Clock } from '../src/runtime/clock.ts';
import type { Quarantine, QuarantineRules } from './apply/quarantine.ts';
import type { QuarantineFile } from './apply/quarantine-file.ts';
import type { Pacer } from './expiry/pacer.ts';
import type { PurgeExpiredTuning } from './expiry/purge-expired.ts';
import type { WorkInFlight } from './topic/work-in-flight.ts';

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
  /** Absent = `fail`: what cannot be decoded holds its partition. */
  readonly quarantine?: QuarantineRules;
  /** Absent = expired journals stay. */
  readonly purgeExpired?: PurgeExpiredTuning | undefined;
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
    /** Records of the log that are not replicated yet; `undefined` = not known. */
    readonly lag: number | undefined;
  }): void;
}

export interface ReplicatorParts {
  readonly consumers: TopicConsumers;
  readonly store: ReplicatedJournal;
  /** What the store is called in log lines, such as "Cassandra"; "the store" unless given. */
  readonly storeName?: string;
  /** Where purges of expired journals are produced; needed with `settings.purgeExpired`. */
  readonly producer?: ActionProducer | undefined;
  /** Where skipped records are written down; without it none is skipped. */
  readonly quarantineFile?: QuarantineFile | undefined;
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
  readonly storeName: string;
  /** Bounds the keys worked on at one moment. */
  readonly inFlight: WorkInFlight;
  readonly quarantine: Quarantine;
  /** Absent = expired journals stay. */
  readonly expiry?: ExpiryParts | undefined;
  readonly log: Logger;
  readonly clock: Clock;
  readonly random: () => number;
  readonly cacheExpireAfterMs: number;
  readonly metrics: ReplicatorMetrics | undefined;
  readonly onReplicated: ReplicatedListener | undefined;
}

/** What purges expired journals. */
export interface ExpiryParts {
  readonly producer: ActionProducer;
  readonly tuning: PurgeExpiredTuning;
  /** One for the whole process. */
  readonly pacer: Pacer;
}
