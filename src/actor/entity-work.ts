import type { AnyActorRef } from 'xstate';
import { openAheadMs } from '../model/wake-up.ts';
import type { CommandPipeline } from './command/command-pipeline.ts';
import type { Asked } from './entity/ask.ts';
import type { Entity } from './entity/entity.ts';
import type { HostedState } from './entity/entity-logic.ts';
import type { RecoveryEvent } from './entity/host-events.ts';
import type { Lifecycle } from './entity/lifecycle.ts';
import type { WorkView } from './registry/entity-view.ts';

/** What an entity has in hand, and what it waits for: it decides when it may rest. */
export class EntityWork<S extends HostedState> implements WorkView, Asked {
  readonly #entity: Entity<S>;
  readonly #life: Lifecycle<S>;
  readonly #pipeline: CommandPipeline<S>;
  /** It goes on with that. */
  isLeft = false;
  wasDueMs: number | 'unknown' | undefined = 'unknown';
  /** When the last command or event arrived, on the steady clock. */
  #lastActiveMs = Number.NEGATIVE_INFINITY;
  /** Its journal has held events. */
  #wasStored = false;
  /** Somebody needs it, who sends it nothing. */
  #isWanted = false;

  constructor(entity: Entity<S>, life: Lifecycle<S>, pipeline: CommandPipeline<S>) {
    this.#entity = entity;
    this.#life = life;
    this.#pipeline = pipeline;
  }

  /** Something has arrived. */
  touch(): void {
    this.#lastActiveMs = this.#entity.deps.clock.steadyMs();
  }

  get trouble(): unknown {
    const { deps, settings } = this.#entity;
    return this.#life.lastError ?? deps.journalTrouble(settings.journalPluginId);
  }

  get passivateAfterMs(): number {
    return this.#entity.settings.passivateAfterMs;
  }

  get nextTimerMs(): number | undefined {
    const { waits, children, timers } = this.#entity;
    const backoffEndsMs = children.map((child) => waits.backoffEndMs(child));
    const dueMs = [timers.nextDueMs(), ...backoffEndsMs].filter((ms) => ms !== undefined);
    return dueMs.length === 0 ? undefined : Math.min(...dueMs);
  }

  /** To be called before anything of the lost entity is thrown away. */
  lost(): void {
    this.#noteDue();
    const { isWriting, stash } = this.#pipeline;
    const isIdle = this.#life.isReady && !isWriting && stash.length === 0;
    this.isLeft = !isIdle || this.#waits;
    this.#wasStored ||= this.#entity.sequenceNr > 0;
  }

  startsByItself(): void {
    this.#wasStored = true;
  }

  /** If it was lost, and rests, it recovers. If its journal is empty by then, it begins nothing. */
  goOn(): void {
    if (this.#life.state !== 'unowned') return;
    this.startsByItself();
    this.#isWanted = true;
    this.lookForWork();
  }

  /**
   * An entity that goes on by itself has found an empty journal: it was purged meanwhile. Nothing
   * of it is left to be done; a command begins it anew.
   */
  endsAsPurged(found: RecoveryEvent<S>): boolean {
    if (found.type !== 'persistence.recovered' || !this.#wasStored) return false;
    const { stash } = this.#pipeline;
    stash.dropSettled();
    if (found.replayed.sequenceNr > 0 || stash.length > 0) return false;
    this.isLeft = false;
    return true;
  }

  /** To be called before anything of the failed entity is thrown away. */
  failed(): void {
    this.#noteDue();
    this.isLeft ||= this.#waits;
    this.#wasStored ||= this.#entity.sequenceNr > 0;
  }

  /** To be called before anything of the stopped entity is thrown away. */
  stopped(): void {
    this.#noteDue();
    this.isLeft ||= this.#waits;
  }

  /** Only the state says what the entity waits for, and it is gone until the next recovery. */
  #noteDue(): void {
    if (this.#life.isLive) this.wasDueMs = this.nextTimerMs;
  }

  /** The lost entity recovers once its former write is settled, if there is something to do. */
  lookForWork(): void {
    if (this.#life.state !== 'unowned' || this.isWritten || this.#life.isStopping) return;
    if (!this.isLeft && !this.#isWanted && this.#pipeline.stash.length === 0) return;
    this.#isWanted = false;
    this.#life.report('work.found');
  }

  /** It works on something that a shutdown has to wait for. */
  get isBusy(): boolean {
    const { state, isReady } = this.#life;
    if (isReady) return !this.#pipeline.isIdle;
    if (state === 'unowned') return this.isWritten;
    return state === 'persisting' || state === 'initialising';
  }

  /** A write has not come to its end: of commands, or of the init record. */
  get isWritten(): boolean {
    return this.#pipeline.isWriting || this.#entity.journal.writeUnderWay !== undefined;
  }

  get waitsForNothing(): boolean {
    const { waits, children, timers, outbox } = this.#entity;
    if (!this.#life.isReady || !this.#pipeline.isIdle || this.isWritten) return false;
    return waits.isNothing({ children, timers, deliveries: outbox.size });
  }

  isIdleFor(ms: number): boolean {
    const { deps, timers, waits, outbox, logic, children, settings, persistenceId } = this.#entity;
    if (deps.clock.steadyMs() - this.#lastActiveMs < ms) return false;
    // A deletion needs the journal of the live entity.
    if (deps.live.upkeep.of(persistenceId) !== undefined) return false;
    const isResting = this.#life.state === 'unowned' && !this.isLeft && !this.isWritten;
    if (!this.#life.isReady && !isResting) return false;
    const { stash } = this.#pipeline;
    stash.dropSettled();
    if (stash.length > 0) return false;
    // Time that it does not live does not count, so it would wait for ever.
    if (settings.actor.timers === 'remaining' && timers.size > 0) return false;
    if (outbox.size > 0) return false;
    // One that is to be opened again at once stays.
    const nowMs = deps.clock.nowMs();
    const soonMs = Math.max(ms, openAheadMs);
    const isAtWork = (child: AnyActorRef): boolean =>
      logic.isRunning(child) && (waits.backoffEndMs(child) ?? 0) <= nowMs + soonMs;
    return !timers.isDueWithin(soonMs, nowMs) && !children.some(isAtWork);
  }

  /**
   * It has a timer, a delivery, a child at work, or a word of one of them that is not stored yet.
   */
  get #waits(): boolean {
    const { timers, outbox, logic, children } = this.#entity;
    if (timers.size > 0 || outbox.size > 0) return true;
    return children.some((child) => logic.isRunning(child)) || this.#pipeline.hasInput;
  }
}
