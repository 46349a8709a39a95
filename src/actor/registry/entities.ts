import type { ActorRefFrom, AnyActorLogic, EventFromLogic, InputFrom, SnapshotFrom } from 'xstate';
import type { NotOwnerError } from '../../model/errors.ts';
import type { Woken } from '../../model/wake-up.ts';
import type { AskResult, CommandTerms, WaitOptions } from '../entity/ask.ts';
import type { Moment } from '../entity/moment.ts';
import type { EntitySnapshot } from '../entity/persistence-info.ts';
import type { SnapshotWire } from '../entity/snapshot-wire.ts';

/** How to ask. */
export interface AskOptions extends CommandTerms {
  /** How long to wait for the answer, ms, above 0; 30 s unless given. */
  readonly timeout?: number | undefined;
  /**
   * Gives up when it fires: `ask` rejects with its reason. A command that has not had its turn by
   * then never runs. One whose write is under way may or may not be stored, and one whose answer is
   * under way is stored; the reason cannot say which.
   */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Entities of one type by id: started when first spoken to, stopped when idle. One that waits for a
 * delayed event is started again when that is due. After a crash, one that waits for an event, or
 * had work under way, wakes by itself (docs/fleet.md#waking-up).
 */
export interface EntityRegistry<L extends AnyActorLogic> {
  /**
   * The live actor of `id`, started if need be. It may be stopped when idle: do not keep it.
   *
   * @throws {InvalidInputError} the id is blank or not well-formed, or the input of the type threw
   *   or is a promise
   * @throws {ClosedError} after the shutdown
   */
  ref(id: string): ActorRefFrom<L>;
  /**
   * As `ask` on the actor; a command for an entity that is being stopped waits and starts it
   * again.
   *
   * @throws as `ask` on the actor, and as `ref`
   */
  ask(
    id: string,
    command: EventFromLogic<L>,
    options?: AskOptions,
  ): Promise<AskResult<SnapshotFrom<L>>>;
  /**
   * The entity as its journal has it at the moment, wherever it is live. Nothing is started, stored
   * or taken over by that: no actor, no child, no timer. Phase `unowned`.
   *
   * @throws {RecoveryFailedError} the journal cannot be read, or its events not be applied
   * @throws {DeadlineExceededError} not within `timeout`
   * @throws {InvalidInputError} {@link ClosedError} as `ref`
   * @throws the abort reason when `signal` fires
   */
  peek(id: string, options?: WaitOptions): Promise<SnapshotFrom<L>>;
  /**
   * The entity as it was at an earlier moment: after an event, or at a time, inclusive. As `peek`,
   * nothing is started, stored or taken over by that. Times are those of the processes that stored
   * the events.
   *
   * @throws {InvalidInputError} it is no moment, or the journal has not come to it; also as `ref`
   * @throws {RecoveryFailedError} as `peek`, or the events of the moment are deleted
   * @throws {DeadlineExceededError} {@link ClosedError} as `peek`, or the abort reason of `signal`
   */
  stateAt(id: string, moment: Moment, options?: WaitOptions): Promise<SnapshotFrom<L>>;
  /**
   * Deletes the events of an entity up to a number, inclusive; starts the entity if need be. See
   * `deleteEvents` of the persistence. In a fleet the process that owns the entity does so, within
   * 30 s unless `timeout` says otherwise.
   *
   * @throws as `deleteEvents` of the persistence, and as `ref`
   * @throws {NotOwnerError} nothing deleted: another process, which is in no fleet with this one,
   *   has the entity
   * @throws {RemoteCallError} `stored` says whether the owner may have deleted them
   */
  deleteEvents(id: string, to: number, options?: WaitOptions): Promise<void>;
  /**
   * Ends an entity and deletes all its events and snapshots: the next command begins it anew, with
   * number 1. In a fleet the process that owns the entity does so, within 30 s unless `timeout`
   * says otherwise. What may have been purged is not purged again by itself: the entity may have a
   * new life by then.
   *
   * @throws as `purge` of the persistence, and as `ref`
   * @throws {NotOwnerError} nothing purged: another process, which is in no fleet with this one,
   *   has the entity
   * @throws {RemoteCallError} `stored` says whether the owner may have purged it
   */
  purge(id: string, options?: WaitOptions): Promise<void>;
  /**
   * A command that is rejected leaves a warning in the log.
   *
   * @throws as `ref`
   */
  send(id: string, command: EventFromLogic<L>): void;
  /**
   * Waits for the commands that it holds and for its write; a recovery is given up, and the
   * commands that wait for it are rejected as not stored. It is started again by the next command,
   * and where entities wake by themselves, when a delayed event of it is due.
   *
   * @throws when the entity could not be ended
   */
  stop(id: string): Promise<void>;
  /** Ids of the live entities. */
  ids(): readonly string[];
}

/** What `persistent` and `behavior` give. */
export type AnyEntityLogic = AnyActorLogic & {
  readonly transition: (...args: never[]) => EntitySnapshot;
};

/** What an entity is started with unless its type says otherwise. */
export interface EntityInput {
  readonly id: string;
}

/** How the entities of a type are started. */
export interface EntityRegistryOptions<I = unknown> {
  /** What the entity of an id is started with; `{ id }` unless given. */
  readonly input?: ((id: string) => I) | undefined;
  /**
   * The topics of the journals of this type. Needed only where the instances share their entities
   * (`fleet.enabled`) and the topic is a part of the persistence id.
   */
  readonly topics?: readonly string[] | undefined;
}

/** The options of a logic: where it takes more than an id, they have to say what. */
export type EntityRegistryArgs<L extends AnyActorLogic> =
  EntityInput extends InputFrom<L>
    ? [options?: EntityRegistryOptions<InputFrom<L>>]
    : [
        options: EntityRegistryOptions<InputFrom<L>> & {
          readonly input: (id: string) => InputFrom<L>;
        },
      ];

/** Why entities end here that another process goes on with, and how much time that may take. */
export interface HandOver {
  readonly reason: NotOwnerError;
  /** 0 = nothing of them goes on. What is being written still gets its answer. */
  readonly limitMs: number;
}

/**
 * The entities of one type in this process, for whoever decides which of them belong here. A place
 * is an object that stands for all entities which move together.
 */
export interface LocalEntities<L extends AnyActorLogic> extends EntityRegistry<L> {
  readonly type: string;
  /** Configuration path of their journal; `undefined` = the default one. */
  readonly journalPluginId: string | undefined;
  readonly wire: SnapshotWire<SnapshotFrom<L>>;
  /**
   * @throws as `ref`
   */
  persistenceIdOf(id: string): string;
  /** `undefined` = the persistence id does not belong to this type. */
  idOf(persistenceId: string): string | undefined;
  /**
   * Starts the entity of a persistence id, unless it lives; one that was lost, and rests, recovers.
   * Resolves once it has recovered, or when that takes longer than it should, with what is known of
   * it; `undefined` = it is none of this type.
   *
   * @throws as `ref`, or what ended the entity before it had recovered
   */
  wake(persistenceId: string): Promise<Woken> | undefined;
  /** Entities wake by themselves: from now on one that was stopped starts when its timer is due. */
  wakeStopped(): void;
  /**
   * From now on `placeOf` is asked before an entity starts, also when its timer starts it. It
   * throws `NotOwnerError` when the entity does not belong here.
   */
  placeBy(placeOf: (id: string) => object): void;
  /**
   * Ends the entities of a place, which takes no new ones by now, and forgets their timers. What is
   * being written gets its answer; commands that wait are rejected with `EntityStoppedError`, whose
   * `stored` is `'no'` and whose cause is the reason. An entity that does not end in time does
   * nothing more but wait for the answer to its write.
   */
  handOver(place: object, how: HandOver): Promise<void>;
}
