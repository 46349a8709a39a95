import type { ActorRef, EventObject } from 'xstate';
import type { MakeBehavior } from './behavior.ts';
import type { AskResult, WaitOptions } from './entity/ask.ts';
import type { PersistenceInfo } from './entity/persistence-info.ts';
import type { MakePersistent } from './persistent.ts';
import type {
  AnyEntityLogic,
  AskOptions,
  EntityRegistry,
  EntityRegistryArgs,
} from './registry/entities.ts';

/** Persistent actors over journals. It owns its entities, not them. Disposing is `shutdown`. */
export interface ActorHost extends AsyncDisposable {
  /**
   * Logic that stores each event of a machine before applying it. `types` names commands that are
   * not the machine's events: `persistent(m, { types: { commands: {} as Command }, decide })`. Ids
   * that xstate makes from the places of states, and that the journal will hold, are named in one
   * warning of the log.
   *
   * @throws {InvalidInputError} a wrong option
   */
  readonly persistent: MakePersistent;

  /**
   * Logic of an entity without a machine (ADR 24).
   *
   * @throws {InvalidInputError} a wrong option
   */
  readonly behavior: MakeBehavior;

  /**
   * Sends a command and resolves once everything it led to is stored and applied. It rejects with
   * an error whose `stored` says what became of the command.
   *
   * Certainly not stored: {@link InvalidInputError} (no command, no started actor of this
   * persistence, or a callback that answered something wrong), {@link CommandRejectedError},
   * {@link CommandUnhandledError}, {@link UnexpectedSequenceNrError}, {@link StashOverflowError},
   * {@link WriteRejectedError}, {@link EntityDoneError}, {@link RecoveryFailedError}, {@link
   * ClosedError}. May or may not be stored: {@link WriteFailedError}. `stored` decides: {@link
   * EntityStoppedError}, {@link AskTimeoutError}; a command whose asker was told "not stored" does
   * not run later.
   *
   * @throws the abort reason when `signal` fires: see there
   */
  ask<S extends { readonly persistence: PersistenceInfo }, C extends EventObject>(
    ref: PersistentRef<S, C>,
    command: C,
    options?: AskOptions,
  ): Promise<AskResult<S>>;

  /**
   * Entities by id. Where the logic has no `persistenceId`, the journal of an entity is named by
   * type and id, as `account|a-1`, and neither may contain `|`.
   *
   * @throws {InvalidInputError} the type is blank, contains `|`, or has been taken already
   * @throws {ClosedError} the persistence is shut down
   */
  entities<L extends AnyEntityLogic>(
    type: string,
    logic: L,
    ...options: EntityRegistryArgs<L>
  ): EntityRegistry<L>;

  /**
   * Resolves once the actor has recovered, also into a final state.
   *
   * @throws what ended it before that
   * @throws {InvalidInputError} it was not started, or is none of this persistence's
   * @throws {DeadlineExceededError} not within `timeout`; it recovers on
   * @throws the abort reason when `signal` fires
   */
  whenRecovered(ref: object, options?: WaitOptions): Promise<void>;

  /**
   * Stops an actor after the commands that it holds and the write under way; later ones are
   * rejected, and so are all that wait for a recovery, which is given up.
   *
   * @throws {InvalidInputError} it has a parent, which alone may stop it
   */
  stop(ref: object): Promise<void>;

  /**
   * Deletes the events of an actor up to a number, for good: a recovery without a snapshot of a
   * later moment no longer knows what they led to. The actor goes on, and so does its numbering.
   * Waits for its recovery, which it begins where the actor was lost and rests; of one that has
   * ended the journal is held for it.
   *
   * @param to inclusive, at most the last number; `SeqNr.max` = all
   * @throws {InvalidInputError} there is no such event, or the actor is none of this persistence's
   * @throws {NotOwnerError} nothing deleted: another process has the entity
   * @throws {EntityStoppedError} nothing deleted: the actor was stopped before that
   * @throws {WriteRejectedError} nothing deleted
   * @throws {WriteFailedError} may be deleted: delete again
   * @throws {DeadlineExceededError} not within `timeout`; may be deleted, so `stored` is
   *   `'unknown'`
   * @throws as `whenRecovered`
   */
  deleteEvents(ref: object, to: number, options?: WaitOptions): Promise<void>;

  /**
   * Stops an actor as `stop` does, then deletes all its events and snapshots: an actor of this id
   * that is started later begins anew, with number 1.
   *
   * @throws {InvalidInputError} it has a parent, is none of this persistence's, or its journal has
   *   no purge; nothing was purged
   * @throws {NotOwnerError} nothing purged: another process has the entity
   * @throws {WriteRejectedError} nothing purged
   * @throws {WriteFailedError} may be purged: look before you purge again
   * @throws {DeadlineExceededError} not within `timeout`; may be purged, so `stored` is `'unknown'`
   * @throws the abort reason when `signal` fires
   */
  purge(ref: object, options?: WaitOptions): Promise<void>;

  /** Stops all actors as `stop` does; what is asked later is rejected. */
  shutdown(): Promise<void>;
}

/** A persistent actor as `ask` sees it. */
export type PersistentRef<S, C extends EventObject> = Pick<ActorRef<never, C>, 'send'> & {
  getSnapshot(): S;
};
