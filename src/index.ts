/** Public API of kafka-journal: persistent actors, and their journals (`journal-exports.ts`). */

export type { ActorHost, PersistentRef } from './actor/actor-host.ts';
export type {
  BehaviorDecideArgs,
  BehaviorLogic,
  BehaviorOptions,
  BehaviorSnapshot,
  BehaviorState,
  MakeBehavior,
} from './actor/behavior.ts';
export {
  confirm,
  type DeliverOptions,
  deliver,
  type Given,
  type OutboxAction,
} from './actor/delivery/deliver.ts';
export type { AskResult, CommandNames, CommandTerms, WaitOptions } from './actor/entity/ask.ts';
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
  Duration,
  EntityOptions,
  InputArgs,
  PersistenceSignal,
  RestartBackoff,
  Retention,
  SnapshotAdapter,
  SnapshotBounds,
  SnapshotWhenArgs,
  Tags,
  TransientArgs,
  WriteArgs,
  XstateEvent,
} from './actor/entity/entity-options.ts';
export { type Attempt, attemptOf } from './actor/entity/invoked-work.ts';
export type { Moment } from './actor/entity/moment.ts';
export {
  type EntitySnapshot,
  isReady,
  type PersistenceInfo,
  type Phase,
  type ReplyOf,
  type StoredEventOf,
} from './actor/entity/persistence-info.ts';
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
export type { SerializersOfActor } from './actor/evolution/stored-payload.ts';
export { taggedJson } from './actor/evolution/tagged-json.ts';
export {
  type Upcast,
  type UpcasterAdapter,
  type UpcasterOptions,
  upcasters,
} from './actor/evolution/upcasters.ts';
export type { RetryPolicies, RetryPolicy } from './actor/machine/retry-policy.ts';
export type {
  MakePersistent,
  PersistentLogic,
  PersistentOptions,
  PersistentSnapshot,
} from './actor/persistent.ts';
export type {
  AnyEntityLogic,
  AskOptions,
  EntityInput,
  EntityRegistry,
  EntityRegistryArgs,
  EntityRegistryOptions,
} from './actor/registry/entities.ts';
export {
  createPersistence,
  type Persistence,
  type PersistenceOptions,
  type SharedJournals,
} from './compose/create-persistence.ts';
export type { StashOverflowContext } from './compose/stash-overflow.ts';
export type { Config } from './config/config.ts';
export * from './journal-exports.ts';
export type { Marker } from './model/journal-pointer.ts';
export { SerializedPayload } from './model/serialized-payload.ts';
export { describeError } from './observability/describe-error.ts';
export type { PluginContext, PluginFactory, PluginSource } from './plugin/plugin-context.ts';
export type {
  AtomicWrite,
  BegunRecovery,
  BesideEvents,
  CommandFact,
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
export type { Clock, SleepOptions } from './runtime/clock.ts';
