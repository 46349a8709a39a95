import type { EventObject } from 'xstate';
import {
  DataIntegrityError,
  JournalError,
  RecoveryFailedError,
  WriteFailedError,
} from '../../model/errors.ts';
import { SeqNr } from '../../model/seq-nr.ts';
import type {
  JournalPlugin,
  PersistenceId,
  PersistentRepr,
  Recovery,
  ReplayRequest,
} from '../../ports/journal-plugin.ts';
import { nextTurn } from '../../runtime/waiting.ts';
import { eventFault, isEvent } from '../entity/check-input.ts';
import type { DryRun, HostedState } from '../entity/entity-logic.ts';
import type { ActorSettings } from '../entity/entity-options.ts';
import type { Replayed } from '../entity/replayed.ts';
import { endedChildId, endOf, fromStored, initEventType } from '../entity/stored-event.ts';
import { Timers } from '../entity/timers.ts';
import type { SilenceWatch } from './silence-watch.ts';

/** A state that a snapshot brought, from which a fold goes on. */
export interface FoldStart<S> {
  readonly seqNr: number;
  /** Who wrote event number `seqNr`, by the snapshot. */
  readonly writerUuid: string;
  readonly state: S;
  readonly input: unknown;
  readonly timers: Timers;
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
  readonly start?: FoldStart<S> | undefined;
  /** Makes the failure of a fold that would begin with a later event than number 1. */
  readonly prefixGone?: ((firstSeqNr: number) => Error) | undefined;
  readonly nowMs: () => number;
  readonly unhandled: ActorSettings['unhandledReplayedEvent'];
  readonly describe: (state: S) => string;
  readonly warn: (fields: Readonly<Record<string, unknown>>, message: string) => void;
}

/** The initial state of a journal without init record, or with one that is not stored yet. */
const beginning = { seqNr: 0, delaysMs: [] };

/**
 * Folds the stored events of one journal into a state, without any effect: the work of the state
 * `replaying`. Before it: `EntityRecovery` opens the journal. After it: `Entity.adopt` makes the
 * outcome live.
 */
export class ReplayFold<S extends HostedState> {
  readonly #options: FoldOptions<S>;
  readonly #run: DryRun<S>;
  readonly #timers: Timers;
  /** What the first event has to prove. */
  #unproven: FoldStart<S> | undefined;
  #writerUuid = '';
  #appliedEvents = 0;
  #state: S | undefined;
  #input: unknown;
  #warned = false;
  #lastEventMs = 0;
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
  }

  /**
   * @throws {RecoveryFailedError} the event cannot be applied
   * @throws {DataIntegrityError} wrong order
   * @throws {SnapshotUnproven} the first event is not the last one of the snapshot
   * @throws what `prefixGone` makes
   */
  apply(repr: PersistentRepr): void {
    const { seqNr, payload } = repr;
    const { persistenceId } = this.#options;
    if (seqNr <= this.lastSeqNr) {
      const text = `event ${seqNr} was replayed after event ${this.lastSeqNr}`;
      throw new DataIntegrityError(text, { place: { id: persistenceId, seqNr } });
    }
    this.lastSeqNr = seqNr;
    if (this.firstSeqNr === 0) {
      this.firstSeqNr = seqNr;
      const { prefixGone } = this.#options;
      if (seqNr > 1 && prefixGone !== undefined) throw prefixGone(seqNr);
    }
    this.#writerUuid = repr.writerUuid;
    if (this.#unproven !== undefined) {
      this.#prove(this.#unproven, repr);
      return;
    }
    this.#appliedEvents++;
    if (!isEvent(payload)) {
      // Written by another program, such as one on the JVM whose events have no `type`.
      const text = `event ${seqNr} of ${persistenceId} is no event of an actor: its payload`;
      throw new RecoveryFailedError(`${text} ${eventFault(payload)}`);
    }
    if (payload.type === initEventType) {
      this.#input = (payload as unknown as { readonly input?: unknown }).input;
      this.#state = this.#initial();
      this.#noteTimers(repr, 0);
    } else {
      this.#applyEvent(payload, repr);
    }
  }

  /**
   * `highestSeqNr` may lie above the last event: the newest ones were deleted, or not asked for.
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
      lastEventMs: this.#lastEventMs,
      writerUuid: this.#writerUuid,
      appliedEvents: this.#appliedEvents,
      isWhole: sequenceNr === this.lastSeqNr,
      run: this.#run,
    };
  }

  /** The journal holds the last event of the snapshot, and from the same writer: it is the same life. */
  #prove({ seqNr, writerUuid }: FoldStart<S>, repr: PersistentRepr): void {
    if (repr.seqNr === seqNr && repr.writerUuid === writerUuid) {
      this.#unproven = undefined;
      return;
    }
    const found = repr.seqNr === seqNr ? 'has another writer' : 'is gone';
    throw new SnapshotUnproven(`event ${seqNr} ${found}`, Number.MAX_SAFE_INTEGER);
  }

  #applyEvent(payload: EventObject, repr: PersistentRepr): void {
    const state = this.#state ?? this.#initialWithout(repr);
    if (state.status !== 'active') {
      this.#warnAfterEnd(repr);
      return;
    }
    const { timer, unhandled, replaced } = repr.facts;
    if (timer !== undefined) this.#timers.removeFirst(timer);
    const endedId = endedChildId(payload);
    if (endedId !== undefined && replaced !== true) {
      this.#run.endChild(state, endedId, endOf(payload));
    }
    this.#lastEventMs = repr.timestampMs ?? this.#lastEventMs;
    this.#state = state;
    if (unhandled === true) return;
    let next: S;
    try {
      next = this.#run.apply(state, fromStored(payload), repr.seqNr);
    } catch (error) {
      throw this.#failed(repr, state, error);
    }
    if (next.status === 'error') throw this.#failed(repr, state, next.error);
    if (!this.#run.handled) this.#unhandled(repr, state);
    this.#state = next;
    if (this.#run.timerChanges.length > 0) this.#noteTimers(repr, repr.seqNr);
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
  #noteTimers({ facts, timestampMs }: PersistentRepr, seqNr: number): void {
    const step = { seqNr, delaysMs: facts.delaysMs ?? [] };
    this.#timers.note(this.#run.timerChanges, step, timestampMs ?? 0);
  }

  #unhandled(repr: PersistentRepr, state: S): void {
    const policy = this.#options.unhandled;
    if (policy === 'fail') throw this.#failed(repr, state, undefined);
    if (policy === 'warn') {
      this.#options.warn(this.#place(repr, state), 'a stored event is no longer handled');
    }
  }

  #failed(repr: PersistentRepr, state: S, cause: unknown): RecoveryFailedError {
    const { persistenceId, seqNr, type, state: value } = this.#place(repr, state);
    const reason = cause === undefined ? 'is no longer handled' : 'cannot be applied';
    const text = `event ${seqNr} ("${type}") of ${persistenceId} ${reason} in state ${value}`;
    return new RecoveryFailedError(text, { cause });
  }

  #place(repr: PersistentRepr, state: S): Readonly<Record<string, string | number>> {
    const { type } = repr.payload as EventObject;
    const { persistenceId, describe } = this.#options;
    return { persistenceId, seqNr: repr.seqNr, type, state: describe(state) };
  }

  #warnAfterEnd(repr: PersistentRepr): void {
    if (this.#warned) return;
    this.#warned = true;
    const { persistenceId } = this.#options;
    this.#options.warn(
      { persistenceId, seqNr: repr.seqNr },
      'the journal goes on after the final state',
    );
  }
}

/** One read of a journal, and the fold that takes its events. */
export interface ReplayRun<S extends HostedState> {
  readonly journal: JournalPlugin;
  readonly persistenceId: PersistenceId;
  /** Number of the first event to read, which is the last one of a snapshot, or 1. */
  readonly from: number;
  /** Inclusive; 0 = apply nothing, only learn the highest number. */
  readonly to: number;
  readonly maxEvents: number;
  /** Give the event loop back after so many events. */
  readonly yieldEvery: number;
  readonly fold: ReplayFold<S>;
  readonly watch: SilenceWatch;
  readonly signal: AbortSignal;
}

/**
 * Reads and folds one journal in one pass where the plugin can do that (ADR 22).
 *
 * @throws {RecoveryFailedError} an event cannot be applied, or the journal went silent
 * @throws {DataIntegrityError} events came in the wrong order
 * @throws {SnapshotUnproven} the journal does not prove the snapshot from which the fold begins
 * @throws what the plugin rejects with, or the abort reason of `signal`
 */
export async function replay<S extends HostedState>(run: ReplayRun<S>): Promise<Replayed<S>> {
  const { journal, persistenceId, watch, signal } = run;
  if (run.to === 0) {
    return run.fold.result(await watch.guard(journal.highestSeqNr(persistenceId, 0, { signal })));
  }
  const request: ReplayRequest = {
    persistenceId,
    from: SeqNr.of(run.from),
    to: SeqNr.of(run.to),
    maxEvents: run.maxEvents,
  };
  let recovery: Recovery;
  if (journal.recover !== undefined) {
    recovery = await watch.guard(journal.recover(request, { signal }));
  } else {
    const highest = await watch.guard(journal.highestSeqNr(persistenceId, 0, { signal }));
    const to = Math.min(request.to, highest);
    const events =
      to < run.from ? nothing() : journal.replay({ ...request, to: SeqNr.of(to) }, { signal });
    recovery = { highestSeqNr: async () => highest, events };
  }
  await foldAll(run, recovery.events);
  return run.fold.result(await watch.guard(recovery.highestSeqNr()));
}

async function foldAll<S extends HostedState>(
  run: ReplayRun<S>,
  events: Recovery['events'],
): Promise<void> {
  const { fold, watch, yieldEvery } = run;
  const batches = events[Symbol.asyncIterator]();
  let untilYield = yieldEvery;
  try {
    for (;;) {
      const step = await watch.guard(batches.next());
      if (step.done === true) return;
      for (const repr of step.value) {
        if (--untilYield < 0) {
          await nextTurn();
          run.signal.throwIfAborted();
          watch.touch();
          untilYield = yieldEvery - 1;
        }
        fold.apply(repr);
      }
    }
  } catch (error) {
    // A plugin that went silent may not answer this either, so nobody waits for it.
    batches.return?.().then(undefined, () => {});
    throw error;
  }
}

async function* nothing(): Recovery['events'] {}

/** Whether trying again may help: stored bytes that are wrong stay wrong. */
export function mayRecoverLater(error: unknown): boolean {
  // The mark that bounds a read is a write.
  if (error instanceof WriteFailedError) return true;
  return error instanceof JournalError ? error.retryable : true;
}
