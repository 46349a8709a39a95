import type { PurgeExpiredSettings } from '../src/config/settings/purge-expired-settings.ts';
import type { ReplicatorSettings } from '../src/config/settings/replicator-settings.ts';
import type { Offset, Partition, Topic } from '../src/model/position.ts';
import type { Logger } from '../src/observability/logger.ts';
import type { ActionProducer } from '../src/ports/action-producer.ts';
import type { ReplicatedJournal } from '../src/ports/replicated-journal.ts';
import type { TopicConsumers } from '../src/ports/topic-consumer.ts';
import type { Clock } from '../src/runtime/clock.ts';
import type { Quarantine, QuarantineRules } from './apply/quarantine.ts';
import type { QuarantineFile } from './apply/quarantine-file.ts';
import type { Pacer } from './expiry/pacer.ts';
import type { WorkInFlight } from './topic/work-in-flight.ts';

/** How a replicator works: its settings without those that say what to open for it. */
export interface ReplicationSettings
  extends Omit<ReplicatorSettings, 'kafka' | 'eventual' | 'quarantine'> {
  readonly quarantine: QuarantineRules;
}

/** Told when a partition's replicated offset was stored; `offset` is inclusive. */
export type ReplicatedListener = (topic: Topic, partition: Partition, offset: Offset) => void;

/** What a replicator works with; all of it stays the caller's, who closes it after `stop`. */
export interface ReplicatorDeps {
  readonly consumers: TopicConsumers;
  readonly store: ReplicatedJournal;
  /** What the store is called in log lines, such as "Cassandra"; "the store" unless given. */
  readonly storeName?: string;
  /** Where purges of expired journals are produced; needed with `settings.purgeExpired`. */
  readonly producer?: ActionProducer | undefined;
  /** Where skipped records are written down; without it none is skipped. */
  readonly quarantineFile?: QuarantineFile | undefined;
  readonly settings: ReplicationSettings;
  readonly log: Logger;
  readonly clock: Clock;
  /** 0 <= value < 1; spreads retries. `Math.random` unless given. */
  readonly random?: () => number;
  /** Called at least once for each stored offset; what it throws is logged and changes nothing. */
  readonly onReplicated?: ReplicatedListener;
}

/** What the flows of all topics of a process share. */
export interface FlowDeps {
  readonly store: ReplicatedJournal;
  readonly storeName: string;
  /** Bounds the keys worked on at one moment. */
  readonly inFlight: WorkInFlight;
  readonly quarantine: Quarantine;
  /** Absent = expired journals stay. */
  readonly expiry?: ExpiryDeps | undefined;
  readonly log: Logger;
  readonly clock: Clock;
  readonly random: () => number;
  /** A journal not written for so long is loaded again when it is. */
  readonly cacheExpireAfterMs: number;
  readonly onReplicated: ReplicatedListener | undefined;
}

/** What purges expired journals. */
export interface ExpiryDeps {
  readonly producer: ActionProducer;
  readonly settings: PurgeExpiredSettings;
  /** One for the whole process. */
  readonly pacer: Pacer;
}
