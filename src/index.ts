/** Public API of kafka-journal: persistent actors, their journals, and the values they speak in. */

export type { BehaviorLogic, BehaviorOptions, BehaviorSnapshot } from './actor/behavior.ts';
export type { ActorHost } from './actor/create-actor-host.ts';
export type { AskResult, WaitOptions } from './actor/entity/ask.ts';
export type {
  Decision,
  EntityOptions,
  PersistenceSignal,
  RestartBackoff,
  Retention,
  SnapshotAdapter,
  SnapshotWhenArgs,
} from './actor/entity/entity-options.ts';
export { isReady, type PersistenceInfo } from './actor/entity/persistence-info.ts';
export type { PersistentLogic, PersistentOptions, PersistentSnapshot } from './actor/persistent.ts';
export type {
  AskOptions,
  EntityRegistry,
  EntityRegistryOptions,
} from './actor/registry/entities.ts';
export {
  createPersistence,
  type Persistence,
  type PersistenceOptions,
} from './compose/create-persistence.ts';
export {
  type OpenJournals,
  type OpenJournalsOptions,
  openJournals,
} from './compose/open-journals.ts';
export type { AppendOptions } from './journal/append-events.ts';
export type { HeldJournal } from './journal/holding/held-journal.ts';
export type { Journal } from './journal/journal.ts';
export * from './model/errors.ts';
export { type Event, type EventRecord, Events, type RecordInfo } from './model/event.ts';
export type { Marker } from './model/journal-pointer.ts';
export { Key } from './model/key.ts';
export { JsonNumber, type JsonValue, type Payload } from './model/payload.ts';
export type { PartitionOffset } from './model/position.ts';
export type { RecordMetadata } from './model/record-metadata.ts';
export { SeqNr } from './model/seq-nr.ts';
export type { Tenure } from './model/tenure.ts';
export { describeError } from './observability/describe-error.ts';
export { consoleLogger, type LogFields, type Logger } from './observability/logger.ts';
