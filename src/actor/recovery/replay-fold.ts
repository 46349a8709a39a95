import type { EventObject } from 'xstate';
import { DataIntegrityError, JournalError, RecoveryFailedError } from '../../model/errors.ts';
import { SerializedPayload } from '../../model/serialized-payload.ts';
import type { CommandFact, PersistentRepr } from '../../ports/journal-plugin.ts';
import { eventFault, isEvent } from '../entity/check-input.ts';
import type { DryRun, HostedState } from '../entity/entity-logic.ts';
import type { ActorSettings } from '../entity/entity-options.ts';
import { AttemptRecord } from '../entity/invoked-work.ts';
import { Outbox } from '../entity/outbox.ts';
import { RecentCommands } from '../entity/recent-commands.ts';
import type { Replayed } from '../entity/replayed.ts';
import { endedChildId, endOf, fromStored, initEventType } from '../entity/stored-event.ts';
import { Timers } from '../entity/timers.ts';
import { EventCoding } from '../evolution/event-coding.ts';

/** A state that a snapshot brought, from which a fold goes on. */
export interface FoldStart<S> {
  readonly seqNr: number;
  /** Who wrote event number `seqNr`, by the snapshot. */
  readonly writerUuid: string;
  readonly state: S;
  readonly input: unknown;
  readonly timers: Timers;
  readonly recent: RecentCommands;
  readonly outbox: Outbox;
  /** Version of the machine that began the journal. */
  readonly bornWith: string | undefined;
  /** When event number `seqNr` was stored, ms since the epoch. */
  readonly lastEventMs: number;
}

/**
 * The snapshot is not of this life of the journal, or holds more than it. `highestSeqNr` = what the
 * journal holds.
 */
export class SnapshotUnproven extends Error {
  readonly highestSeqNr: number;

  constructor(message: string, highestSeqNr: number) {
    super(message);
    this.highestSeqNr = highestSeqNr;
  }
}

/** What the fold of one journal needs to know. */
export interface FoldOptions<S> {
  readonly persistenceId: string;
  /** What the actor was started with: for journals without an init record. */
  readonly input: unknown;
  readonly run: DryRun<S>;
  /** Told the version of the machine that began the journal, before an event is read. */
  readonly bornWith: (version: string | undefined) => void;
  /** How the events are stored; `undefined` = as they are. */
  readonly coding: EventCoding | undefined;
  readonly start?: FoldStart<S> | undefined;
  /** Makes the failure of a fold that would begin with a later event than number 1. */
  readonly prefixGone?: ((firstSeqNr: number) => Error) | undefined;
  readonly nowMs: () => number;
  readonly unhandled: ActorSettings['unhandledReplayedEvent'];
  readonly commandIds: ActorSettings['commandIds'];
  readonly describe: (state: S) => string;
  readonly warn: (fields: Readonly<Record<string, unknown>>, message: string) => void;
}

/** The initial state of a journal without init record, or with one that is not stored yet. */
const beginning = { seqNr: 0, delaysMs: [] };

/**
 * Folds the stored events of one journal into a state, without any effect: the work of the state
 * `replaying`. Before it: `EntityRecovery` opens and holds the journal. After it: `Entity.adopt`
 * makes the outcome live.
 */
export class ReplayFold<S extends HostedState> {
  readonly #options: FoldOptions<S>;
  readonly #run: DryRun<S>;
  readonly #recent: RecentCommands;
  readonly #outbox: Outbox;
  readonly #timers: Timers;
  /** What the first event has to prove. */
  #unproven: FoldStart<S> | undefined;
  #writerUuid = '';
  #appliedEvents = 0;
  #state: S | undefined;
  #input: unknown;
  #warned = false;
  #lastEventMs = 0;
  #lastSeenMs: number | undefined;
  #stillMs = 0;
  #bornWith: string | undefined;
  /** Stored delays of the event that its parts so far have taken. */
  #delaysTaken = 0;
  lastSeqNr = 0;
  /** Number of the first event that was read; 0 = there was none. */
  firstSeqNr = 0;

  constructor(options: FoldOptions<S>) {
    const { run, start, input } = options;
    this.#options = options;
    this.#run = run;
    this.#unproven = start;
    this.#timers = start?.timers ?? new Timers();
    this.#state = start?.state;
    this.#lastEventMs = start?.lastEventMs ?? 0;
    this.#input = start === undefined ? input : start.input;
    this.#recent = start?.recent ?? new RecentCommands(options.commandIds);
    this.#outbox = start?.outbox ?? new Outbox();
    this.#bornWith = start?.bornWith;
  }

  /**
   * @throws {RecoveryFailedError} the event cannot be applied
   * @throws {DataIntegrityError} wrong order
   * @throws {SnapshotUnproven} the first event is not the last one of the snapshot
   * @throws what `prefixGone` makes
   */
  apply(repr: PersistentRepr): void {
    try {
      this.#take(repr);
    } catch (cause) {
      if (cause instanceof JournalError || cause instanceof SnapshotUnproven) throw cause;
      // Such as facts that are none: the journal has to give them back as they were.
      const text = `event ${repr.seqNr} of ${this.#options.persistenceId} cannot be applied`;
      throw new RecoveryFailedError(text, { cause });
    }
  }

  #take(stored: PersistentRepr): void {
    const { seqNr } = stored;
    const { persistenceId } = this.#options;
    if (seqNr <= this.lastSeqNr) {
      const text = `event ${seqNr} was replayed after event ${this.lastSeqNr}`;
      throw new DataIntegrityError(text, { place: { id: persistenceId, seqNr } });
    }
    const isFirst = this.lastSeqNr === 0;
    this.lastSeqNr = seqNr;
    this.#writerUuid = stored.writerUuid;
    this.#lastSeenMs = stored.timestampMs ?? this.#lastSeenMs;
    if (isFirst && this.#beginWith(stored)) return;
    this.#takeNew(stored);
  }

  /** An event that is not in the snapshot. */
  #takeNew(stored: PersistentRepr): void {
    const { persistenceId, coding } = this.#options;
    this.#appliedEvents++;
    this.#delaysTaken = 0;
    const facts = coding?.openFacts(stored) ?? stored.facts;
    const repr = facts === stored.facts ? stored : { ...stored, facts };
    // They count whatever becomes of the event itself.
    this.#outbox.note(facts, stored.seqNr);
    if (facts.stillMs !== undefined) this.#standStill(facts.stillMs);
    // An actor without a coding reads what the built-in ones wrote; anything else is an error.
    const reading = coding ?? (needsCoding(repr) ? EventCoding.none(persistenceId) : undefined);
    const events = reading?.read(repr);
    if (events === undefined) this.#apply(repr, 0);
    else for (const [part, one] of events.entries()) this.#apply(one, part);
    // The command is stored, even if this program reads no event of it any more.
    if (facts.command !== undefined) this.#noteCommand(facts.command, events ?? [repr], repr);
  }

  #standStill(ms: number): void {
    this.#timers.standStill(ms);
    this.#stillMs += ms;
  }

  /**
   * The first event of a read proves the snapshot, or begins the journal.
   *
   * @returns whether the snapshot holds the event: applied once more, it would count twice
   */
  #beginWith(repr: PersistentRepr): boolean {
    const { start, prefixGone } = this.#options;
    this.firstSeqNr = repr.seqNr;
    if (start !== undefined) {
      this.#prove(start, repr);
      return true;
    }
    if (repr.seqNr > 1 && prefixGone !== undefined) throw prefixGone(repr.seqNr);
    // Every event says with which version its journal was begun: the first may be deleted.
    const { machineVersion, bornWith } = repr.facts;
    this.#bornWith = bornWith === undefined ? machineVersion : (bornWith ?? undefined);
    this.#options.bornWith(this.#bornWith);
    return false;
  }

  #apply(repr: PersistentRepr, part: number): void {
    const { seqNr, payload } = repr;
    if (!isEvent(payload)) {
      const { persistenceId } = this.#options;
      // Written by another program, such as one on the JVM whose events have no `type`.
      const text = `event ${seqNr} of ${persistenceId} is no event of an actor: its payload`;
      throw new RecoveryFailedError(`${text} ${eventFault(payload)}`);
    }
    if (payload.type === initEventType) {
      this.#input = (payload as unknown as { readonly input?: unknown }).input;
      this.#state = this.#initial();
      this.#noteTimers(repr, 0);
    } else {
      this.#applyEvent(payload, repr, part);
    }
  }

  /**
   * `highestSeqNr` may be above the last event: the newest ones were deleted, or not asked for.
   *
   * @throws {SnapshotUnproven} the last event of the snapshot is not in the journal
   */
  result(highestSeqNr: number): Replayed<S> {
    if (this.#unproven !== undefined) {
      const text = `the journal has no event ${this.#unproven.seqNr}`;
      throw new SnapshotUnproven(text, highestSeqNr);
    }
    const sequenceNr = Math.max(highestSeqNr, this.lastSeqNr);
    if (sequenceNr > 0 && this.#state === undefined) {
      this.#state = this.#initial();
      this.#timers.note(this.#run.timerChanges, beginning, this.#options.nowMs());
    }
    return {
      state: this.#state,
      sequenceNr,
      input: this.#input,
      timers: this.#timers,
      recent: this.#recent,
      outbox: this.#outbox,
      lastEventMs: this.#lastEventMs,
      lastSeenMs: this.#lastSeenMs,
      stillMs: this.#stillMs,
      bornWith: this.#bornWith,
      coding: this.#options.coding,
      writerUuid: this.#writerUuid,
      appliedEvents: this.#appliedEvents,
      snapshotSeqNr: this.#options.start?.seqNr ?? 0,
      formerSnapshot: undefined,
      isWhole: sequenceNr === this.lastSeqNr,
      run: this.#run,
    };
  }

  /**
   * The journal holds the last event of the snapshot, and from the same writer: it is the same
   * life.
   */
  #prove({ seqNr, writerUuid }: FoldStart<S>, repr: PersistentRepr): void {
    if (repr.seqNr === seqNr && repr.writerUuid === writerUuid) {
      this.#unproven = undefined;
      return;
    }
    const found = repr.seqNr === seqNr ? 'has another writer' : 'is gone';
    throw new SnapshotUnproven(`event ${seqNr} ${found}`, Number.MAX_SAFE_INTEGER);
  }

  #applyEvent(payload: EventObject, repr: PersistentRepr, part: number): void {
    const state = this.#state ?? this.#initialWithout(repr);
    if (state.status !== 'active') {
      this.#warnAfterEnd(repr);
      return;
    }
    const { timer, unhandled, replaced } = repr.facts;
    if (timer !== undefined) this.#timers.removeFired(timer, payload);
    const endedId = endedChildId(payload);
    if (endedId !== undefined && replaced !== true) {
      this.#run.endChild(state, endedId, endOf(payload));
    }
    this.#lastEventMs = repr.timestampMs ?? this.#lastEventMs;
    this.#noteAttempt(state, repr);
    this.#state = state;
    if (unhandled === true) return;
    let next: S;
    try {
      next = this.#run.apply(state, fromStored(payload), repr.seqNr, part);
    } catch (error) {
      throw this.#failed(repr, state, { cause: error });
    }
    if (next.status === 'error') throw this.#failed(repr, state, { cause: next.error });
    if (!this.#run.handled) this.#unhandled(repr, state);
    this.#state = next;
    if (this.#run.timerChanges.length > 0) this.#noteTimers(repr, repr.seqNr, part);
  }

  #noteCommand(
    command: CommandFact,
    read: readonly PersistentRepr[],
    { timestampMs }: PersistentRepr,
  ): void {
    const events = read.map(({ payload }) => payload as EventObject);
    this.#recent.note(command, events, timestampMs ?? this.#options.nowMs());
  }

  #noteAttempt(state: S, { payload, timestampMs = 0 }: PersistentRepr): void {
    const attempt = AttemptRecord.of(payload as EventObject);
    if (attempt !== undefined) this.#run.noteAttempt(state, attempt, timestampMs);
  }

  /** The journal has no init record: its first event is as near as we get to the beginning. */
  #initialWithout(repr: PersistentRepr): S {
    const state = this.#initial();
    this.#timers.note(this.#run.timerChanges, beginning, repr.timestampMs ?? this.#options.nowMs());
    return state;
  }

  #initial(): S {
    let cause: unknown;
    try {
      const state = this.#run.initial(this.#input);
      if (state.status !== 'error') return state;
      cause = state.error;
    } catch (error) {
      cause = error;
    }
    const text = `the initial state of ${this.#options.persistenceId} cannot be computed`;
    throw new RecoveryFailedError(text, { cause });
  }

  /** `seqNr` 0 = the initial state, whatever number its record has. */
  #noteTimers({ facts, timestampMs }: PersistentRepr, seqNr: number, part = 0): void {
    const { timerChanges } = this.#run;
    const delaysMs = (facts.delaysMs ?? []).slice(this.#delaysTaken);
    this.#delaysTaken += timerChanges.filter(({ type }) => type === 'schedule').length;
    // Of a journal that keeps no times: late is better than at once, which is before the deadline.
    const atMs = timestampMs ?? this.#options.nowMs();
    this.#timers.note(timerChanges, { seqNr, part, delaysMs }, atMs);
  }

  #unhandled(repr: PersistentRepr, state: S): void {
    const policy = this.#options.unhandled;
    if (policy === 'fail') throw this.#failed(repr, state);
    if (policy === 'warn') {
      this.#options.warn(this.#place(repr, state), 'a stored event is no longer handled');
    }
  }

  /** `thrown` = what, which may be `undefined`; without it nothing handles the event. */
  #failed(repr: PersistentRepr, state: S, thrown?: { cause: unknown }): RecoveryFailedError {
    const { persistenceId, seqNr, type, state: value } = this.#place(repr, state);
    const reason = thrown === undefined ? 'is no longer handled' : 'cannot be applied';
    const text = `event ${seqNr} ("${type}") of ${persistenceId} ${reason} in state ${value}`;
    return new RecoveryFailedError(text, thrown);
  }

  #place(repr: PersistentRepr, state: S): Readonly<Record<string, string | number>> {
    const { type } = repr.payload as EventObject;
    const { persistenceId, describe } = this.#options;
    return { persistenceId, seqNr: repr.seqNr, type, state: describe(state) };
  }

  #warnAfterEnd(repr: PersistentRepr): void {
    // An entity lives on to deliver what its end has left.
    if (this.#warned || repr.facts.confirmed !== undefined) return;
    this.#warned = true;
    const { persistenceId } = this.#options;
    this.#options.warn(
      { persistenceId, seqNr: repr.seqNr },
      'the journal goes on after the final state',
    );
  }
}

/** It was stored by an actor with a coding of its own, so it is no plain event. */
function needsCoding({ payload, manifest, facts }: PersistentRepr): boolean {
  if (facts.encoding !== undefined || manifest !== '') return true;
  return payload instanceof SerializedPayload;
}
