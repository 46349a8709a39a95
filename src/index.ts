/** Public API of kafka-journal: persistent actors, their journals, and the values they speak in. */

export type { ActorHost } from './actor/actor-host.ts';
export type {
  BehaviorDecideArgs,
  BehaviorLogic,
  BehaviorOptions,
  BehaviorSnapshot,
  BehaviorState,
} from './actor/behavior.ts';
export {
  confirm,
  type DeliverOptions,
  deliver,
  type Given,
  type OutboxAction,
} from './actor/delivery/deliver.ts';
export type { AskResult, CommandTerms, WaitOptions } from './actor/entity/ask.ts';
export type {
  Delivered,
  Delivery,
  DeliveryAttempt,
  Destination,
  SendDelivery,
} from './actor/entity/delivery-options.ts';
export type {
  DecideArgs,
  Decision,
  DeliveryOptions,
  EntityOptions,
  PersistenceSignal,
  RestartBackoff,
  Retention,
  SnapshotAdapter,
  SnapshotWhenArgs,
  WriteArgs,
  XstateEvent,
} from './actor/entity/entity-options.ts';
export { type Attempt, attemptOf } from './actor/entity/invoked-work.ts';
export type { Moment } from './actor/entity/moment.ts';
export { isReady, type PersistenceInfo } from './actor/entity/persistence-info.ts';
export type {
  StashOverflow,
  StashOverflowStrategy,
  StashOverflowVerdict,
} from './actor/entity/stash-overflow.ts';
export type { EntityKeys } from './actor/evolution/entity-cipher.ts';
export type { EventAdapter, StoredEventPlace } from './actor/evolution/event-adapter.ts';
export type { UnknownEvent, UnknownStoredEvent } from './actor/evolution/event-coding.ts';
export type { EventSerializer, JsonCodec, Serializer } from './actor/evolution/event-serializer.ts';
export type { Renamed } from './actor/evolution/renamed.ts';
export type { EvolutionOptions } from './actor/evolution/resolve-evolution.ts';
export type { SchemaIssue, SchemaResult, StandardSchema } from './actor/evolution/schema.ts';
export { taggedJson } from './actor/evolution/tagged-json.ts';
export {
  type Upcast,
  type UpcasterAdapter,
  type UpcasterOptions,
  upcasters,
} from './actor/evolution/upcasters.ts';
export type { RetryPolicies, RetryPolicy } from './actor/machine/retry-policy.ts';
export type { PersistentLogic, PersistentOptions, PersistentSnapshot } from './actor/persistent.ts';
export type {
  AskOptions,
  EntityInput,
  EntityRegistry,
  EntityRegistryOptions,
} from './actor/registry/entities.ts';
export {
  createPersistence,
  type Persistence,
  type PersistenceOptions,
  type SharedJournals,
} from './compose/create-persistence.ts';
export {
  type OpenJournals,
  type OpenJournalsOptions,
  openJournals,
} from './compose/open-journals.ts';
export type { StashOverflowContext } from './compose/stash-overflow.ts';
export type { Config } from './config/config.ts';
export type { AppendOptions } from './journal/append-events.ts';
export type { HeldJournal } from './journal/holding/held-journal.ts';
export type { Journal } from './journal/journal.ts';
export type { Journals } from './journal/journals.ts';
export * from './model/errors.ts';
export { type Event, type EventRecord, Events, type RecordInfo } from './model/event.ts';
export type { Marker } from './model/journal-pointer.ts';
export { Key } from './model/key.ts';
export { JsonNumber, type JsonValue, type Payload } from './model/payload.ts';
export type { PartitionOffset } from './model/position.ts';
export type { RecordMetadata } from './model/record-metadata.ts';
export { SeqNr } from './model/seq-nr.ts';
export { SerializedPayload } from './model/serialized-payload.ts';
export type { Tenure } from './model/tenure.ts';
export { describeError } from './observability/describe-error.ts';
export { consoleLogger, type LogFields, type Logger } from './observability/logger.ts';
export type { PluginContext, PluginFactory, PluginSource } from './plugin/plugin-context.ts';
export type { CallOptions } from './ports/call-options.ts';
export type {
  AtomicWrite,
  BegunRecovery,
  DeliveryFact,
  EventFacts,
  HeldPlugin,
  JournalPlugin,
  PersistenceId,
  PersistentRepr,
  Recovery,
  ReplayRequest,
  WriteOutcome,
} from './ports/journal-plugin.ts';
export type { PersistenceIdToKey } from './ports/persistence-id-to-key.ts';
export type {
  SnapshotCriteria,
  SnapshotMetadata,
  SnapshotStorePlugin,
  StoredSnapshot,
} from './ports/snapshot-store.ts';
export type { Clock } from './runtime/clock.ts';
