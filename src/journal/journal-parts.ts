import type { Logger } from '../observability/logger.ts';
import type { ActionConsumer } from '../ports/action-consumer.ts';
import type { ActionProducer } from '../ports/action-producer.ts';
import type { EventualJournal } from '../ports/eventual-journal.ts';
import type { Clock } from '../runtime/clock.ts';
import type { HeadCache } from './head-cache/head-cache.ts';
import type { ReadEnd } from './read/read-end.ts';

/** What every journal of one log and one store is made of. */
export interface JournalParts {
  readonly producer: ActionProducer;
  readonly consumer: ActionConsumer;
  readonly eventual: EventualJournal;
  /** How a read finds its end; by a marker unless given. */
  readonly readEnd?: ReadEnd | undefined;
  /** What is not replicated yet, without reading the log; a read does as well without. */
  readonly headCache?: HeadCache | undefined;
  readonly settings: JournalSettings;
  readonly log: Logger;
  readonly clock: Clock;
  /** Host or application name put into every record. */
  readonly origin: string | undefined;
  /** A random UUID, for marker ids. */
  readonly randomUuid: () => string;
}

export interface JournalSettings {
  /** Longest silence of the log or the store that a read tolerates. */
  readonly readTimeoutMs: number;
  readonly dataIntegrity: {
    /** Conflicting records fail the read (true) or lose whole and are reported (false). */
    readonly seqNrUniqueness: boolean;
    /** Rows that name no generation are dropped when the journal names one. */
    readonly correlateEventsWithMeta: boolean;
    /** A missing number between two events fails the read or is logged. */
    readonly gaps: 'fail' | 'warn';
  };
}
