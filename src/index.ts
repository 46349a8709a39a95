/** Public API of kafka-journal: persistent actors, their journals, and the values they speak in. */
export type { AskResult } from './actor/ask.ts';
export type { BehaviorLogic, BehaviorOptions, BehaviorSnapshot } from './actor/behavior.ts';
export type { ActorHost } from './actor/create-actor-host.ts';
export type {
  Decision,
  EntityOptions,
  PersistenceSignal,
  RestartBackoff,
} from './actor/entity-options.ts';
export type { AskOptions, EntityRegistry, EntityRegistryOptions } from './actor/entity-registry.ts';
export { isReady, type PersistenceInfo } from './actor/persistence-info.ts';
export type { PersistentLogic, PersistentOptions, PersistentSnapshot } from './actor/persistent.ts';
export {
  createPersistence,
  type Persistence,
  type PersistenceOptions,
} from './create-persistence.ts';
export * from './model/errors.ts';
export type { LogFields, Logger } from './observability/logger.ts';
