import type { JournalError, Stored } from '../../model/errors.ts';
import { EntityDoneError, EntityStoppedError } from '../../model/errors.ts';
import { unlessAborted } from '../../runtime/waiting.ts';
import type { Entity } from './entity.ts';
import type { HostedState } from './entity-logic.ts';
import type { LifeEffect, LifeFact, LifeState, LifeTable } from './lifecycle.machine.ts';
import { lifeTable } from './lifecycle.machine.ts';
import type { PersistenceInfo, Phase } from './persistence-info.ts';

/** A state with what is known of its journal. */
export type Exposed<S> = S & { readonly persistence: PersistenceInfo };

const tables: Readonly<Record<'stop' | 'restart', LifeTable>> = {
  stop: lifeTable(false),
  restart: lifeTable(true),
};

const phaseOf: Readonly<Record<LifeState, Phase>> = {
  awaitingPermit: 'awaiting-permit',
  replaying: 'replaying',
  loadingSnapshot: 'loading-snapshot',
  initialising: 'replaying',
  ready: 'ready',
  persisting: 'persisting',
  unowned: 'unowned',
  backingOff: 'backoff',
  stopped: 'stopped',
  failed: 'stopped',
};

const endedTexts: Readonly<Record<Stored, string>> = {
  no: 'has ended; the command is not stored',
  unknown: 'ended while its command was being written; it may or may not be stored',
  yes: 'ended after its command was stored',
};

/**
 * Where one entity is in its life. Host, recovery and pipeline report facts here and to nobody
 * else; the machine of `lifecycle.machine.ts` says which state follows, and `perform` does what
 * that needs.
 */
export class Lifecycle<S extends HostedState> {
  readonly #entity: Entity<S>;
  readonly #table: LifeTable;
  readonly #perform: (effect: LifeEffect) => void;
  /** It ends after what it has in hand, and takes no more commands. */
  isStopping = false;
  #state: LifeState = 'awaitingPermit';
  #lastError: unknown;
  /** Why the entity goes on in another process. */
  #movesFor: Error | undefined;
  #failuresInARow = 0;
  #hasRecovered = false;
  #recovered: PromiseWithResolvers<void> | undefined;

  constructor(entity: Entity<S>, perform: (effect: LifeEffect) => void) {
    this.#entity = entity;
    this.#table = entity.settings.restart === undefined ? tables.stop : tables.restart;
    this.#perform = perform;
  }

  get state(): LifeState {
    return this.#state;
  }

  /** It may evaluate commands now. */
  get isReady(): boolean {
    return this.#state === 'ready';
  }

  /** It has its state, and takes what its children and timers send. */
  get isLive(): boolean {
    return this.#state === 'ready' || this.#state === 'persisting';
  }

  get hasEnded(): boolean {
    return this.#state === 'stopped' || this.#state === 'failed';
  }

  /** The failure that led to a backoff or an end. */
  get lastError(): unknown {
    return this.#lastError;
  }

  /** Failed writes and recoveries since an event was stored last. */
  get failuresInARow(): number {
    return this.#failuresInARow;
  }

  /** A fact that means nothing in the present state changes nothing. */
  report(fact: LifeFact): void {
    const step = this.#table[this.#state][fact];
    if (step === undefined) return;
    this.#state = step.state;
    if (step.state === 'ready') this.#lastError = undefined;
    for (const effect of step.effects) this.#perform(effect);
    if (!this.hasEnded) return;
    this.#recovered?.reject(this.#endedBeforeRecovery());
    this.#recovered = undefined;
  }

  /** The entity has its state, from its journal or as the first of a new one. */
  recovered(fact: 'replay.completed' | 'write.settled'): void {
    this.#entity.signal('recovery-completed');
    this.#hasRecovered = true;
    this.#recovered?.resolve();
    this.#recovered = undefined;
    if (this.#entity.state.status !== 'active') this.reachedFinalState();
    if (!this.hasEnded) this.report(fact);
  }

  /** The journal is empty, and the entity begins nothing before its next command. */
  foundNothing(): void {
    this.#hasRecovered = true;
    this.#recovered?.resolve();
    this.#recovered = undefined;
    this.report('tenure.lost');
  }

  /** An event was stored: whatever failed before is over. */
  succeeded(): void {
    this.#failuresInARow = 0;
  }

  /**
   * A write or a recovery failed: the entity starts over, as long as it has tries left, or ends.
   */
  failed(error: Error, fact: 'recovery.failed' | 'write.failed'): void {
    const { restart } = this.#entity.settings;
    this.#lastError = error;
    this.#failuresInARow++;
    if (restart !== undefined && this.#failuresInARow > restart.maxRestarts) this.fail(error);
    else this.report(fact);
  }

  /** The entity ends with this error. */
  fail(error: unknown): void {
    if (this.hasEnded) return;
    this.#lastError = error;
    this.report('entity.failed');
  }

  /** Another process goes on with the entity: that is why it ends, unless it fails first. */
  moves(reason: Error): void {
    this.#movesFor = reason;
  }

  /** The state of the entity is a final one. It ends when everything is delivered. */
  reachedFinalState(): void {
    const { state, isOnlyDelivering, logic } = this.#entity;
    if (state.status === 'error') this.fail(state.error);
    else if (isOnlyDelivering) logic.discard();
    else this.report('entity.ended');
  }

  /**
   * Resolves once the entity has recovered, also into a final state.
   *
   * @throws what ended it before that
   * @throws {EntityStoppedError} it was stopped before that
   * @throws the abort reason when `signal` fires
   */
  whenRecovered(signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted === true) return Promise.reject(signal.reason);
    if (this.#hasRecovered) return Promise.resolve();
    if (this.hasEnded) return Promise.reject(this.#endedBeforeRecovery());
    return this.#nextRecovery(signal);
  }

  /**
   * As `whenRecovered`; waits also for a later recovery that is under way, or that follows on a
   * failure or a loss.
   */
  whenRecoveredAnew(signal: AbortSignal | undefined): Promise<void> {
    const isRecovering = !this.isLive && !this.hasEnded;
    return isRecovering ? this.#nextRecovery(signal) : this.whenRecovered(signal);
  }

  #nextRecovery(signal: AbortSignal | undefined): Promise<void> {
    this.#recovered ??= Promise.withResolvers<void>();
    return unlessAborted(this.#recovered.promise, signal);
  }

  #endedBeforeRecovery(): unknown {
    const cause = this.#endCause;
    if (cause !== undefined && cause !== this.#movesFor) return cause;
    const text = `${this.#entity.persistenceId} stopped before it had recovered`;
    return new EntityStoppedError(text, { cause });
  }

  /** The failure after which it was to start over is not why it ends when it moves. */
  get #endCause(): unknown {
    return this.#state === 'failed' ? this.#lastError : (this.#movesFor ?? this.#lastError);
  }

  /** What an asker gets when the entity has ended; `stored` = what became of the command. */
  endedError(stored: Stored): JournalError {
    const { persistenceId, state } = this.#entity;
    const cause = this.#endCause;
    if (cause === undefined && stored === 'no' && state.status === 'done') {
      const text = `${persistenceId} has reached its final state; nothing was stored`;
      return new EntityDoneError(text);
    }
    return new EntityStoppedError(`${persistenceId} ${endedTexts[stored]}`, { cause, stored });
  }

  /** What the asker of a command gets that came too late. */
  stoppingError(): EntityStoppedError {
    const text = `${this.#entity.persistenceId} is stopping; nothing was stored`;
    return new EntityStoppedError(text, { cause: this.#movesFor });
  }

  /** What a journal says of an entity that is not held here. */
  exposeUnowned(
    state: S,
    sequenceNr: number,
    { input, bornWith }: Pick<Entity<S>, 'input' | 'bornWith'> = this.#entity,
  ): Exposed<S> {
    const { persistenceId } = this.#entity;
    const known = { phase: 'unowned', persistenceId, sequenceNr, stashed: 0, input } as const;
    return { ...state, persistence: bornWith === undefined ? known : { ...known, bornWith } };
  }

  /** The snapshot that the actor shows; `stashed` = commands that wait. */
  expose(stashed: number): Exposed<S> {
    const { state, sequenceNr, persistenceId, input, bornWith, isOnlyDelivering } = this.#entity;
    const error = this.#lastError;
    const phase = phaseOf[this.#state];
    let persistence: PersistenceInfo = { phase, persistenceId, sequenceNr, stashed, input };
    if (bornWith !== undefined) persistence = { ...persistence, bornWith };
    if (error !== undefined) persistence = { ...persistence, lastError: error };
    if (this.isLive && !isOnlyDelivering) return { ...state, persistence };
    if (this.#state === 'failed') return { ...state, status: 'error', error, persistence };
    if (this.#state === 'stopped') {
      const isDone = state.status === 'done' && !isOnlyDelivering;
      return { ...state, status: isDone ? 'done' : 'stopped', persistence };
    }
    // A final state counts once the journal has confirmed it, and all its messages are delivered.
    return { ...state, status: 'active', output: undefined, error: undefined, persistence };
  }
}
