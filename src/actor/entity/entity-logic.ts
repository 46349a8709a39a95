import type { AnyActorRef, EventObject } from 'xstate';
import type { AttemptRecord, ChildAttempt } from './invoked-work.ts';
import type { OutboxChange } from './outbox.ts';
import type { EndedChild } from './stored-event.ts';
import type { Timer, TimerChange, Timers } from './timers.ts';

/** A state as the host sees it: the front end knows the rest. */
export interface HostedState {
  readonly status: 'active' | 'done' | 'error' | 'stopped';
  readonly output?: unknown;
  readonly error?: unknown;
}

/**
 * Folds events into states without any effect: replay, and the evaluation of commands.
 * One dry run serves one fold at a time; what `apply` reports lasts until the next call.
 */
export interface DryRun<S> {
  /** Something wanted the last event. */
  readonly handled: boolean;
  /**
   * The last event did nothing but compute a state, so that state may be committed as it is.
   * Holds what `EntityLogic.adoptStep` needs for that, or `undefined` when the event must be
   * committed by `commit`.
   */
  readonly trace: readonly unknown[] | undefined;
  /** Delayed events that the last call scheduled and cancelled, in order. */
  readonly timerChanges: readonly TimerChange[];
  /** What the last call says of deliveries, in order. */
  readonly outboxChanges: readonly OutboxChange[];
  /** Actions that the last call would have run. */
  readonly actionCount: number;

  /**
   * Called before anything else of a journal that was begun by this version of the machine:
   * `undefined` = its events name none.
   */
  useVersion(bornWith: string | undefined): void;
  /** The state before the first event. */
  initial(input: unknown): S;
  /**
   * The state after `event`, which has the number `seqNr`; `part` as of `Step`, 0 unless given.
   *
   * @throws what a guard or an assignment throws
   */
  apply(state: S, event: EventObject, seqNr: number, part?: number): S;
  /** A stored event said that a child of `state` has ended: it must not start again. */
  endChild(state: S, id: string, end: EndedChild): void;
  /** What was stored of an attempt of a child of `state`; `atMs` = when it was. */
  noteAttempt(state: S, record: AttemptRecord, atMs: number): void;
  /**
   * The state that `EntityLogic.persist` gave: further events can be applied to it, and
   * `EntityLogic.adoptReplay` makes it live.
   *
   * @param timers its delayed events
   * @param former where states have been renamed since it was taken
   * @throws {CodecError} what it needs is gone, such as a state or a child; nothing was made
   */
  restore(stored: unknown, timers: Timers, former?: FormerNames): S;
  /** Forgets the names taken by earlier evaluations: they led to nothing, or became real. */
  reset(): void;
  /** Remembers the names taken so far, for `undo`. */
  mark(): void;
  /** Gives back the names taken since `mark`: the evaluation came to nothing. */
  undo(): void;
}

/** How names of states in a snapshot become those of today. */
export interface FormerNames {
  /** Id of the machine that made the snapshot. */
  readonly machineId: string;
  /** The id today of the state that had this id in the snapshot; the same unless renamed. */
  readonly stateOf: (id: string) => string;
}

/** Which machine an entity uses. */
export interface UsedMachine {
  /** Its id, or `behavior`. */
  readonly kind: string;
  /** It is not the newest one of the program: the entity keeps to the one that it was born with. */
  readonly isEarlier: boolean;
}

/** What the host needs of a front end, for one actor. */
export interface EntityLogic<S> {
  /** The machine of the entities whose journal was begun by this version of it. */
  machineOf(bornWith: string | undefined): UsedMachine;
  /** For commands: a name that the real actor system has given away is taken here, too. */
  dryRun(): DryRun<S>;
  /** For a replay, which goes through states whose names may belong to other actors today. */
  replayRun(): DryRun<S>;
  /**
   * The first state of all, for good: its children start and its actions run when the actor's turn
   * ends.
   */
  begin(input: unknown): S;
  /**
   * Applies the stored event number `seqNr` for good, or that part of it.
   *
   * @throws what an action throws
   */
  commit(state: S, event: EventObject, seqNr: number, part?: number): S;
  /**
   * The child of `state` whose end, failure or snapshot the event reports, if that child itself
   * has sent it: a caller may send an event of the same type.
   */
  senderOf(state: S, event: EventObject): AnyActorRef | undefined;
  hasChild(state: S, child: AnyActorRef): boolean;
  /**
   * Where the data of `after` holds an actor reference that a recovery would not find; what
   * `before` holds as well is not looked at again.
   */
  hiddenActor(after: S, before: S | undefined): string | undefined;
  /** What to store for an event of the entity's own children and timers, and beside it. */
  inputToStore(state: S, event: EventObject): StoredInput;
  /** Takes the outcome of a dry run for good. */
  adoptStep(state: S, event: EventObject, trace: readonly unknown[]): void;
  /**
   * Makes the outcome of a replay live: children that were still active are started. Delayed events
   * of theirs that a snapshot brought are due by `stillMs` later than it says.
   *
   * @throws {RecoveryFailedError} a name that a child had belongs to another actor of the system
   */
  adoptReplay(state: S, replay: DryRun<S>, stillMs: number): S;
  /**
   * Schedules the event of a timer when the actor's turn ends, `delayMs` from then; false when its
   * target is gone. Of a delay that Node cannot hold it schedules the first link, a `TimerTick`.
   */
  arm(state: S, timer: Timer, delayMs: number): boolean;
  /** An attempt of a child is stored: the child goes on when the actor's turn ends. */
  takeAttempt(attempt: ChildAttempt): void;
  /**
   * When the next attempt of a child begins, ms since the epoch; `undefined` = it does not wait for
   * one.
   */
  backoffEndMs(child: AnyActorRef): number | undefined;
  /** The journal holds the end of this child: it is not started again. */
  noteEnd(child: AnyActorRef): void;
  /**
   * The state with its children as a snapshot keeps it, as JSON: what the program does with them
   * later changes nothing of it. `stillMs` = for how long time stood still before its children
   * began to live, where no event says so yet.
   *
   * @throws {WriteRejectedError} something in it cannot be kept; names the place
   */
  persist(state: S, stillMs: number): Readonly<Record<string, unknown>>;
  /** The actor is stopped from outside. */
  stop(state: S, event: EventObject): S;
  /** Stops children and timers at once; the state is thrown away. */
  discard(): void;
  /** Whether a child of the state is running. */
  hasRunningChild(state: S): boolean;
  isRunning(child: AnyActorRef): boolean;
  /** The children of the state, those that have ended among them. */
  childrenOf(state: S): readonly AnyActorRef[];
  /** Same value, data and children: what a transient event must leave alone. */
  isUnchanged(before: S, after: S): boolean;
  /** A confirmation of a delivery is offered to the state as an event. */
  readonly hearsDeliveries: boolean;
  /** For messages: the state value. */
  describe(state: S): string;
  /** Whether the first state may depend on this input, so that the input has to be stored. */
  needsInit(input: unknown): boolean;
}

/** What is stored for an event of the entity's own children and timers. */
export interface StoredInput {
  readonly payload: EventObject;
  /** The event is the end of a child whose id another child has by now. */
  readonly replaced: boolean;
}
