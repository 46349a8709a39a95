import type { CassandraSettings } from './cassandra-settings.ts';
import type { KafkaSettings } from './kafka-settings.ts';

/** The Kafka journal plugin: section `evolutiongaming.kafka-journal.persistence.journal`. */
export interface KafkaJournalSettings {
  readonly persistenceIdToKey: PersistenceIdToKeySettings;
  readonly startTimeoutMs: number;
  readonly stopTimeoutMs: number;
  /** Events put in one record when several atomic writes are grouped; at most 0 = no limit. */
  readonly maxEventsInBatch: number;
  readonly callTimeThresholdsMs: CallTimeThresholds;
  readonly dataIntegrity: DataIntegritySettings;
  /** Longest time a recovery may take to read its journal. */
  readonly readTimeoutMs: number;
  readonly kafka: KafkaSettings;
  readonly eventual: { readonly type: 'cassandra'; readonly cassandra: CassandraSettings };
}

/** The embedded journal plugin: section `evolutiongaming.kafka-journal.embedded.journal`. */
export interface EmbeddedJournalSettings {
  readonly persistenceIdToKey: PersistenceIdToKeySettings;
  /** Path, relative to the working directory, or `:memory:`. */
  readonly file: string;
  readonly maxEventsInBatch: number;
  readonly callTimeThresholdsMs: CallTimeThresholds;
  readonly dataIntegrity: DataIntegritySettings;
  readonly segmentSize: number;
  readonly partitions: number;
  readonly readTimeoutMs: number;
}

export type PersistenceIdToKeySettings =
  | { readonly type: 'constant-topic'; readonly topic: string }
  | { readonly type: 'split'; readonly separator: string; readonly fallback: { readonly topic: string } };

/** A call that took at least so long is logged as a warning. */
export interface CallTimeThresholds {
  readonly append: number;
  readonly read: number;
  readonly pointer: number;
  readonly delete: number;
  readonly purge: number;
  readonly mark: number;
}

export interface DataIntegritySettings {
  /** Conflicting records fail the read (true) or lose whole and are reported (false). */
  readonly seqNrUniqueness: boolean;
  /** Rows of another generation than the journal's are dropped (true) or delivered with a warning. */
  readonly correlateEventsWithMeta: boolean;
}
