/** Public API of `kafka-journal/journal`: journals without actors. `kafka-journal` has it, too. */

export {
  type OpenJournals,
  type OpenJournalsOptions,
  openJournals,
} from './compose/open-journals.ts';
export type { AppendOptions } from './journal/append-events.ts';
export type { HeadCacheStats } from './journal/head-cache/head-cache.ts';
export type { HeldJournal } from './journal/holding/held-journal.ts';
export type { Journal } from './journal/journal.ts';
export type { Journals } from './journal/journals.ts';
export * from './model/errors.ts';
export {
  type Event,
  type EventRecord,
  Events,
  type Headers,
  type PrintedEvent,
  type RecordInfo,
} from './model/event.ts';
export type { DurationUnit, ExpireAfter } from './model/expire-after.ts';
export { Key } from './model/key.ts';
export { JsonNumber, type JsonValue, type Payload } from './model/payload.ts';
export type { Offset, Partition, PartitionOffset, Topic } from './model/position.ts';
export type { HeaderMetadata, PayloadMetadata, RecordMetadata } from './model/record-metadata.ts';
export { SeqNr } from './model/seq-nr.ts';
export type { Tenure } from './model/tenure.ts';
export type { Wake } from './model/wake-up.ts';
export { consoleLogger, type LogFields, type Logger } from './observability/logger.ts';
export type { CallOptions } from './ports/call-options.ts';
