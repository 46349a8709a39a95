import type { Tenure } from '../model/tenure.ts';
import type { Logger } from '../observability/logger.ts';
import type { ActionConsumer } from '../ports/action-consumer.ts';
import type { ActionProducer } from '../ports/action-producer.ts';
import type { EventualJournal } from '../ports/eventual-journal.ts';
import type { Clock } from '../runtime/clock.ts';

/** What all journals over one log and one store share. The caller owns and closes it. */
export interface JournalDeps {
  readonly producer: ActionProducer;
  readonly consumer: ActionConsumer;
  readonly eventual: EventualJournal;
  readonly settings: JournalSettings;
  readonly log: Logger;
  readonly clock: Clock;
  /** Host or application name, put into every record. */
  readonly origin: string | undefined;
  /** A random UUID, for the ids of marks. */
  readonly randomUuid: () => string;
  /** The tenure that appends name; absent = none. */
  readonly tenure?: (() => Tenure) | undefined;
}

/** The settings of a journal that the algorithm itself looks at. */
export interface JournalSettings {
  /** Longest silence of the log or the store that a read tolerates, in milliseconds. */
  readonly readTimeoutMs: number;
  readonly dataIntegrity: {
    /** Conflicting records fail the read (true), or lose whole and are reported (false). */
    readonly seqNrUniqueness: boolean;
    /** Rows that name no generation are dropped when the journal names one. */
    readonly correlateEventsWithMeta: boolean;
    /** A missing number between two events fails the read, or is logged. */
    readonly gaps: 'fail' | 'warn';
  };
}
