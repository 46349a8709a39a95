import type { AnyActorLogic, AnyActorRef, SnapshotFrom } from 'xstate';
import type { Logger } from '../../observability/logger.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { AskResult, WaitOptions } from '../entity/ask.ts';
import type { JournalName } from '../entity/journal-answers.ts';
import type { Moment } from '../entity/moment.ts';
import type { SnapshotWire } from '../entity/snapshot-wire.ts';
import type { AskOptions, EntityRegistryOptions } from './entities.ts';
import type { EntityView } from './entity-view.ts';

/** A type of entities. */
export interface EntityType<L extends AnyActorLogic> {
  readonly type: string;
  readonly logic: L;
  readonly options: EntityRegistryOptions;
  /** What the logic knows of its entities. */
  readonly traits: EntityTraits<SnapshotFrom<L>>;
}

/** What the logic of a persistent actor knows before there is an actor. */
export interface EntityTraits<S> {
  readonly journalPluginId: string | undefined;
  readonly wire: SnapshotWire<S>;
  /** @throws {InvalidInputError} the input names no journal */
  persistenceIdOf(id: string, input: unknown): string;
  /** @throws {InvalidInputError} the input names no journal */
  nameOf(id: string, input: unknown): JournalName;
}

/** What a registry needs of the actors' host. */
export interface RegistryDeps {
  readonly log: Logger;
  readonly clock: Clock;
  /** @throws as `ask` of the host */
  ask(ref: AnyActorRef, command: unknown, options?: AskOptions): Promise<AskResult>;
  /**
   * What the journal says of the entity of an actor that is not started.
   *
   * @throws as `peek` of the registry
   */
  peek(ref: AnyActorRef, options?: WaitOptions, moment?: Moment): Promise<unknown>;
  /** @throws as `deleteEvents` of the host */
  deleteEvents(ref: AnyActorRef, to: number, options?: WaitOptions): Promise<void>;
  /** @throws as `purge` of the host */
  purge(name: JournalName, options?: WaitOptions): Promise<void>;
  /** @throws {InvalidInputError} the actor has a parent */
  stop(ref: AnyActorRef): Promise<void>;
  /**
   * Waits also for a later recovery that is under way, or that follows on a failure or a loss.
   *
   * @throws as `whenRecovered` of the host
   */
  whenRecoveredAnew(ref: AnyActorRef, options: WaitOptions): Promise<void>;
  /** `undefined` when the actor never came to be. */
  hostOf(ref: AnyActorRef): EntityView | undefined;
  /** Entities with a pending timer that may be stopped at a time. */
  readonly maxWakeUps: number;
  readonly closing: AbortSignal;
}
