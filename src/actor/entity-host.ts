import type { EventObject } from 'xstate';
import { EntityStoppedError, InvalidInputError } from '../model/errors.ts';
import type { AtomicWrite } from '../ports/journal-plugin.ts';
import type { Ask } from './command/ask.ts';
import { CommandPipeline } from './command/command-pipeline.ts';
import { endedError } from './ended-error.ts';
import type { Entity, PipelineHost } from './entity.ts';
import type { HostEffect, HostFact, HostState, HostTable } from './entity-host.machine.ts';
import { hostTable } from './entity-host.machine.ts';
import type { HostedState } from './entity-logic.ts';
import type { PersistenceSignal } from './entity-options.ts';
import { checkCommand } from './event-shape.ts';
import type { Exposed } from './expose-state.ts';
import { exposeState } from './expose-state.ts';
import type { AnyHostEvent, OpeningEvent } from './host-events.ts';
import { Detach, HostEvent, OpeningSignal } from './host-events.ts';
import { Occasion } from './occasion.ts';
import { EntityOpening } from './recovery/entity-opening.ts';
import { continueTimer } from './recovery/start-entity.ts';
import type { LiveEntity } from './registry/live-entities.ts';
import { isXstateEvent } from './stored-event.ts';
import type { LiveChange, TimerChange } from './timers.ts';
import { Timers } from './timers.ts';

const tables: Readonly<Record<'stop' | 'restart', HostTable>> = {
  stop: hostTable(false),
  restart: hostTable(true),
};

/** How an actor had ended. */
interface EndedPointer extends Required<HostedState> {
  readonly sequenceNr: number;
}

/**
 * One persistent actor: what its mailbox delivers goes through `process`, one message at a time.
 * The machine of `entity-host.machine.ts` says what may happen when; this does it.
 */
export class EntityHost<S extends HostedState> implements LiveEntity, PipelineHost {
  readonly #entity: Entity<S>;
  readonly #pipeline: CommandPipeline<S>;
  readonly #table: HostTable;
  readonly #blank: S;
  readonly #opening: EntityOpening<S>;
  readonly #idle = new Occasion();
  /** Asked, but not yet taken from the mailbox. */
  readonly #arriving: Ask[] = [];
  #phase: HostState = 'awaitingPermit';
  #started = false;
  #stopping = false;
  lastError: unknown;
  /** When the last command arrived, ms since the epoch. */
  lastActiveMs = 0;

  constructor(entity: Entity<S>) {
    this.#entity = entity;
    this.#blank = entity.state;
    this.#pipeline = new CommandPipeline(entity, this);
    this.#opening = new EntityOpening(entity, this);
    this.#table = entity.settings.restart === undefined ? tables.stop : tables.restart;
  }

  get persistenceId(): string {
    return this.#entity.persistenceId;
  }

  get passivateAfterMs(): number {
    return this.#entity.settings.passivateAfterMs;
  }

  /** When the next delayed event is due, ms since the epoch. */
  get nextTimerMs(): number | undefined {
    return this.#entity.timers.nextDueMs();
  }

  get isReady(): boolean {
    return this.#phase === 'ready';
  }

  get hasEnded(): boolean {
    return this.#phase === 'stopped' || this.#phase === 'failed';
  }

  /** @throws {DuplicateEntityError} another live actor has the id */
  start(): void {
    const { deps, settings } = this.#entity;
    this.#started = true;
    try {
      deps.live.claim(this, settings.actor.singleWriterGuard);
    } catch (error) {
      this.fail(error);
      throw error;
    }
    this.lastActiveMs = deps.clock.nowMs();
    this.#perform('recover');
  }

  /** The actor comes back from a snapshot of its parent, in which it had ended. */
  restoreEnded({ status, output, error, sequenceNr }: EndedPointer): void {
    const entity = this.#entity;
    entity.state = { ...entity.state, status, output, error };
    entity.sequenceNr = sequenceNr;
    if (status === 'error') this.fail(error);
    else this.advance('entity.ended');
  }

  /** Takes one message of the mailbox. @throws what an action or a callback of the user throws */
  process(event: EventObject): Exposed<S> {
    if (this.hasEnded) return this.expose();
    try {
      if (event instanceof HostEvent) this.#hear(event as AnyHostEvent<S>);
      else if (event.type === 'xstate.stop') this.#stop(event);
      else this.#receive(event, { isOwn: true });
    } catch (error) {
      this.fail(error);
      throw error;
    }
    if (this.#stopping && !this.#isBusy) this.#idle.fire();
    return this.expose();
  }

  expose(): Exposed<S> {
    const { stash } = this.#pipeline;
    return exposeState(this.#entity, this.#phase, { stashed: stash.length, error: this.lastError });
  }

  /** Puts a question into the mailbox. @throws {JournalError} the actor takes no commands */
  ask(ask: Ask): void {
    checkCommand(ask.command);
    this.#checkStarted();
    if (this.hasEnded) throw endedError(this.#entity, { cause: this.lastError });
    this.#arriving.push(ask);
    this.tell(ask.command);
  }

  /**
   * Resolves once recovered, also when that ends in a final state.
   *
   * @throws what ended it before; {InvalidInputError} it was never started; `signal.reason`
   */
  async whenRecovered(signal?: AbortSignal): Promise<void> {
    this.#checkStarted();
    await this.#opening.whenRecovered(signal);
  }

  /** Lets the commands that wait be done and their writes settle; later commands are refused. */
  async whenIdle(): Promise<void> {
    this.#stopping = true;
    while (this.#isBusy) await this.#idle.wait();
  }

  async shutDown(): Promise<void> {
    this.#stopping = true;
    await Promise.resolve(); // an action may have asked for this: its turn ends first
    await this.whenIdle();
    if (this.#entity.self._parent === undefined) this.#entity.self.stop();
    else this.tell(new Detach());
    this.advance('entity.ended'); // in case the actor was never started
  }

  /** Nothing to do, nothing due within `ms`, nobody at work: it may be passivated. */
  isIdleFor(ms: number): boolean {
    const { deps, timers, logic, state } = this.#entity;
    const nowMs = deps.clock.nowMs();
    if (!this.isReady || nowMs - this.lastActiveMs < ms) return false;
    this.#pipeline.stash.dropSettled();
    if (this.#pipeline.stash.length > 0) return false;
    return !timers.isDueWithin(ms, nowMs) && !logic.hasRunningChild(state);
  }

  /** A delayed event is scheduled or cancelled for good. Answers how to carry that out. */
  noteTimer(change: TimerChange): LiveChange {
    if (change.type === 'cancel') this.#pipeline.stash.dropTimer(change.id);
    return this.#entity.timers.noteLive(change, this.#entity.deps.clock.nowMs());
  }

  write(writes: readonly AtomicWrite[], onStored: () => void): void {
    this.#pipeline.write(writes, onStored);
  }

  advance(fact: HostFact): void {
    const step = this.#table[this.#phase][fact];
    if (step === undefined) return;
    this.#phase = step.state;
    for (const effect of step.effects) this.#perform(effect);
  }

  tell(event: EventObject): void {
    this.#entity.self.send(event);
  }

  fail(error: unknown): void {
    if (this.hasEnded) return;
    this.lastError = error;
    this.advance('entity.failed');
  }

  writeFailed(error: Error): void {
    this.signal('persist-failed', error);
    this.#opening.failed(error, 'write.failed');
  }

  signal(type: PersistenceSignal['type'], cause?: unknown): void {
    const { settings, sequenceNr, state } = this.#entity;
    settings.onSignal?.(
      cause === undefined ? { type, sequenceNr } : { type, sequenceNr, cause },
      state,
    );
  }

  ended(): void {
    const { state } = this.#entity;
    if (state.status === 'error') this.fail(state.error);
    else this.advance('entity.ended');
  }

  get #isBusy(): boolean {
    if (this.#phase === 'ready') return !this.#pipeline.isIdle || this.#arriving.length > 0;
    return this.#phase === 'persisting' || this.#phase === 'initialising';
  }

  /**
   * An event of the mailbox; what looks like an input of the actor's own is one only when the door
   * says so.
   */
  #receive(event: unknown, { isOwn }: { readonly isOwn: boolean }): void {
    const ask = this.#arriving.length === 0 ? undefined : this.#takeAsk(event);
    if (ask?.settled === true) return; // its time was over before its turn
    try {
      if (!isOwn) checkCommand(event);
    } catch (err) {
      const { persistenceId, deps } = this.#entity;
      deps.log.warn({ persistenceId, err }, 'command refused');
      return;
    }
    this.#accept(event as EventObject, { isOwn, ask });
  }

  #accept(
    event: EventObject,
    { isOwn, ask }: { readonly isOwn: boolean; readonly ask: Ask | undefined },
  ): void {
    const { timers, deps, logic, state } = this.#entity;
    const timer = isOwn ? timers.firedBy(event) : undefined;
    if (timer !== undefined) timers.remove(timer);
    const internal = timer !== undefined || (isOwn && isXstateEvent(event));
    // In other phases its sender is a child or a timer of a state that was thrown away.
    const isLive = this.#phase === 'ready' || this.#phase === 'persisting';
    if (internal) {
      if (!isLive) return;
    } else if (this.#stopping) {
      ask?.fail(new EntityStoppedError(`${this.persistenceId} is stopping; nothing was stored`));
      return;
    }
    this.lastActiveMs = deps.clock.nowMs();
    const child = internal ? logic.senderOf(state, event) : undefined;
    this.#pipeline.receive({ event, ask, timer: timer?.id, internal, child });
  }

  /**
   * Questions arrive in the order in which they were asked, between commands that were only sent.
   */
  #takeAsk(event: unknown): Ask | undefined {
    if (this.#arriving[0]?.command !== event) return undefined;
    return this.#arriving.shift();
  }

  #checkStarted(): void {
    if (this.#started || this.hasEnded) return;
    const text = `the actor of ${this.persistenceId} has not been started: call its start() first`;
    throw new InvalidInputError(text);
  }

  #hear(event: AnyHostEvent<S>): void {
    if (event instanceof OpeningSignal) {
      this.#opening.hear(event as OpeningEvent<S>);
      return;
    }
    switch (event.type) {
      case 'persistence.written':
        this.#opening.succeeded();
        this.#pipeline.commit(event);
        break;
      case 'persistence.settled':
        this.#pipeline.drain();
        break;
      case 'persistence.write-rejected':
        if (this.#phase === 'initialising') this.fail(event.causes[0]);
        else this.#pipeline.refused(event);
        break;
      case 'persistence.write-failed':
        this.#pipeline.failed(event.error);
        break;
      case 'persistence.timer':
        continueTimer(this.#entity, event.key);
        break;
      case 'persistence.from-caller':
        this.#receive(event.event, { isOwn: false });
        break;
      case 'persistence.detach':
        this.#stop({ type: 'xstate.stop' });
        break;
    }
  }

  #stop(event: EventObject): void {
    const entity = this.#entity;
    if (this.#phase === 'ready' || this.#phase === 'persisting') {
      entity.state = entity.logic.stop(entity.state, event);
    }
    this.advance('entity.ended');
  }

  #perform(effect: HostEffect): void {
    switch (effect) {
      case 'recover':
        this.#opening.recover();
        break;
      case 'drainStash':
        this.lastError = undefined;
        this.#pipeline.drainAfterEffects();
        break;
      case 'stopChildren':
        this.#entity.logic.discard(this.#entity.state);
        break;
      case 'forgetState':
        this.#forgetState();
        break;
      case 'scheduleRestart':
        this.#opening.scheduleRestart();
        break;
      case 'endAskers':
        this.#end();
        break;
    }
  }

  #forgetState(): void {
    this.#entity.state = this.#blank;
    this.#entity.sequenceNr = 0;
    this.#entity.timers = new Timers();
    this.#pipeline.stash.dropInternal();
  }

  #end(): void {
    const cause = this.lastError;
    this.#entity.deps.live.release(this, this.#pipeline.inFlight);
    this.#pipeline.end(cause);
    for (const ask of this.#arriving.splice(0)) ask.fail(endedError(this.#entity, { cause }));
    this.#opening.end(cause);
    this.#idle.fire();
  }
}
