import type { EventObject } from 'xstate';
import { InvalidInputError, NotOwnerError } from '../model/errors.ts';
import { SeqNr } from '../model/seq-nr.ts';
import type { CallOptions } from '../ports/call-options.ts';
import type { HeldPlugin } from '../ports/journal-plugin.ts';
import { Arrivals } from './arrivals.ts';
import { CommandPipeline } from './command/command-pipeline.ts';
import { hearReport } from './delivery/hear-report.ts';
import { DeliverySender } from './delivery/sender.ts';
import type { Ask } from './entity/ask.ts';
import { checkCommand, commandFault } from './entity/check-input.ts';
import type { EndedPointer, Entity } from './entity/entity.ts';
import type { HostedState } from './entity/entity-logic.ts';
import type { AnyHostEvent, RecoveryEvent, WriteRejected } from './entity/host-events.ts';
import { AttemptReported, Detach, HostEvent, RecoverySignal } from './entity/host-events.ts';
import { checkDelete } from './entity/journal-answers.ts';
import type { LifeEffect } from './entity/lifecycle.machine.ts';
import { type Exposed, Lifecycle } from './entity/lifecycle.ts';
import type { LiveEntity } from './entity/live-entities.ts';
import type { Moment } from './entity/moment.ts';
import type { LiveChange, TimerChange } from './entity/timers.ts';
import { EntityWork } from './entity-work.ts';
import { EntityRecovery } from './recovery/entity-recovery.ts';
import type { RecoveryPermits } from './recovery/recovery-permits.ts';
import type { EntityView } from './registry/entity-view.ts';
import { EntitySnapshots, type Turn } from './snapshots/entity-snapshots.ts';

type Heard<S> = Exclude<AnyHostEvent<S>, RecoveryEvent<S> | AttemptReported>;

/**
 * The mailbox of one persistent actor. What it delivers goes through `process`, one message at a
 * time, to the recovery or, by way of `Arrivals`, to the pipeline of commands; both report to the
 * lifecycle, which says through `#perform` what has to be done when a state is entered.
 */
export class EntityHost<S extends HostedState> implements LiveEntity, EntityView {
  readonly entity: Entity<S>;
  readonly persistenceId: string;
  readonly #life: Lifecycle<S>;
  readonly #snapshots: EntitySnapshots<S>;
  readonly #recovery: EntityRecovery<S>;
  readonly #sender: DeliverySender<S>;
  readonly #pipeline: CommandPipeline<S>;
  readonly work: EntityWork<S>;
  readonly #arrivals: Arrivals<S>;
  #started = false;
  #idle: PromiseWithResolvers<void> | undefined;

  constructor(entity: Entity<S>, permits: RecoveryPermits, turn: Turn) {
    this.entity = entity;
    this.persistenceId = entity.persistenceId;
    this.#life = new Lifecycle(entity, (effect) => this.#perform(effect));
    const snapshots = new EntitySnapshots(entity, turn, () => {
      return entity.childMessages.areOpen || this.#pipeline.hasChildMessage;
    });
    this.#snapshots = snapshots;
    this.#sender = new DeliverySender(entity);
    this.#pipeline = new CommandPipeline(entity, this.#life, { snapshots, sender: this.#sender });
    const { stash } = this.#pipeline;
    this.#recovery = new EntityRecovery(entity, this.#life, { permits, snapshots, stash });
    this.work = new EntityWork(entity, this.#life, this.#pipeline);
    this.#arrivals = new Arrivals(entity, this.#life, {
      pipeline: this.#pipeline,
      work: this.work,
      recovery: this.#recovery,
    });
  }

  get hasParent(): boolean {
    return this.entity.self._parent !== undefined;
  }

  get hasEnded(): boolean {
    return this.#life.hasEnded;
  }

  /** @throws {DuplicateEntityError} another live actor has the id */
  start(): void {
    const { deps, settings } = this.entity;
    this.#started = true;
    this.entity.isToldToStop = false;
    try {
      deps.live.claim(this, settings.actor.singleWriterGuard);
    } catch (error) {
      this.#life.fail(error);
      throw error;
    }
    this.work.touch();
    this.#recovery.awaitPermit();
  }

  /** The actor comes back from a snapshot of its parent, in which it had ended. */
  restoreEnded(pointer: EndedPointer): void {
    this.entity.adoptEnd(pointer);
    this.#life.reachedFinalState();
  }

  /**
   * Puts a question into the mailbox.
   *
   * @throws {InvalidInputError} it is no command, or the actor was never started
   */
  ask(ask: Ask): void {
    checkCommand(ask.command);
    this.#checkStarted();
    this.#arrivals.ask(ask);
  }

  /**
   * Takes one message of the mailbox.
   *
   * @throws what an action or a callback of the user throws; the entity has ended then
   */
  process(event: EventObject): Exposed<S> {
    if (this.hasEnded) return this.expose();
    try {
      if (event instanceof RecoverySignal) {
        const found = event as RecoveryEvent<S>;
        if (this.work.endsAsPurged(found)) this.#life.foundNothing();
        else this.#recovery.hear(found);
        this.work.lookForWork();
      } else if (event instanceof AttemptReported) this.#arrivals.takeInput(event.envelope);
      else if (event instanceof HostEvent) this.#hear(event as Heard<S>);
      else if (event.type === 'xstate.stop') this.#stop(event);
      else this.#arrivals.receive(event);
    } catch (error) {
      this.#life.fail(error);
      throw error;
    }
    this.#noteIdle();
    return this.expose();
  }

  expose(): Exposed<S> {
    return this.#life.expose(this.#pipeline.stash.length);
  }

  /** An action, a deferred effect or an async callback failed where only xstate hears of it. */
  crashed(error: unknown): void {
    this.#life.fail(error);
  }

  /** A delayed event is scheduled or cancelled for good. Answers how to carry that out. */
  noteTimer(change: TimerChange): LiveChange {
    if (change.type === 'cancel') this.#pipeline.stash.dropTimer(change.id);
    return this.entity.timers.noteLive(change, this.entity.deps.clock.nowMs());
  }

  /**
   * Resolves once recovered, also when that ends in a final state.
   *
   * @throws what ended it before
   * @throws {InvalidInputError} it was never started
   * @throws the abort reason when `signal` fires
   */
  async whenRecovered(signal?: AbortSignal): Promise<void> {
    this.#checkStarted();
    await this.#life.whenRecovered(signal);
  }

  /**
   * As `whenRecovered`; waits also for a later recovery that is under way, or that follows on a
   * failure. One that was lost, and rests, recovers.
   */
  async whenRecoveredAnew(signal?: AbortSignal): Promise<void> {
    this.#checkStarted();
    this.work.goOn();
    await this.#life.whenRecoveredAnew(signal);
  }

  /**
   * What the journal says of the entity, whoever holds it: nothing is started or written.
   *
   * @param moment the state of which moment; the present one unless given
   * @throws {RecoveryFailedError} the journal cannot be read, or its events not be applied
   * @throws {InvalidInputError} the journal has not come to the moment
   * @throws the abort reason when `signal` fires
   */
  async peek(signal: AbortSignal | undefined, moment?: Moment): Promise<Exposed<S>> {
    const { state, sequenceNr, input, bornWith } = await this.#recovery.peek(signal, moment);
    return this.#life.exposeUnowned(state ?? this.entity.state, sequenceNr, { input, bornWith });
  }

  /** Does what waits, lets its writes settle, then ends; later commands are rejected. */
  async shutDown(): Promise<void> {
    this.#life.isStopping = true;
    await Promise.resolve(); // an action may have asked for this: its turn ends first
    while (this.#isBusy) {
      this.#idle ??= Promise.withResolvers<void>();
      await this.#idle.promise;
    }
    if (!this.hasParent) this.entity.self.stop();
    else this.entity.tell(new Detach());
    this.#life.report('entity.ended'); // in case the actor was never started
  }

  /**
   * Another process goes on with the entity. Commands that wait are not stored, for `reason`; those
   * that are being written get their answers. What children and timers have sent by then is stored
   * as well, in its order: else a timer that fires now could overtake one that waits. Resolves when
   * the entity has ended.
   */
  async handOver(reason: NotOwnerError): Promise<void> {
    this.#life.moves(reason);
    for (const { ask } of this.#pipeline.stash.takeCommands())
      ask?.fail(this.#life.endedError('no'));
    await this.shutDown();
  }

  /**
   * Another process may have the entity by now: its children and timers stop at once, and it
   * answers nothing more of its state. What is being written still gets its answer, for the journal
   * knows whether it counts. Resolves when it has ended.
   */
  async drop(reason: NotOwnerError): Promise<void> {
    if (this.hasEnded) return;
    this.#life.moves(reason);
    this.#lost(reason);
    await this.handOver(reason);
  }

  /** `undefined` = the entity has no journal at the moment. */
  deleteTo(to: SeqNr, options: CallOptions): Promise<void> | undefined {
    const entity = this.entity;
    if (entity.journal.plugin === undefined) return undefined;
    checkDelete(entity.persistenceId, to, entity.sequenceNr);
    const covering = this.#snapshots.coverDeletion(to).catch((error) => {
      throw this.hasEnded ? this.#life.endedError('no') : error;
    });
    return covering.then(async (upTo) => {
      if (upTo > 0) await entity.journal.deleteTo(SeqNr.of(upTo), options);
    });
  }

  #hear(event: Heard<S>): void {
    switch (event.type) {
      case 'persistence.written':
        this.#pipeline.commit(event);
        break;
      case 'persistence.stored-after-loss':
        this.#pipeline.settledAfterLoss([]);
        this.work.lookForWork();
        break;
      case 'persistence.tenure-lost':
        this.#lost(event.reason, event.held);
        break;
      case 'persistence.go-on':
        this.#pipeline.goOn();
        break;
      case 'persistence.write-rejected':
        this.#rejected(event);
        break;
      case 'persistence.write-failed':
        this.work.failed();
        this.#pipeline.failed(event.error);
        break;
      case 'persistence.snapshot':
        this.entity.signal(event.signal.type, event.signal.cause, event.signal.sequenceNr);
        this.#pipeline.snapshotReported();
        break;
      case 'persistence.delivery':
        hearReport(event, this.entity, this.#life, this.#pipeline);
        break;
      case 'persistence.timer':
        this.entity.continueTimer(event.key);
        break;
      case 'persistence.from-caller':
        this.#arrivals.takeCommand(event.event, commandFault(event.event));
        break;
      case 'persistence.detach':
        this.#stop({ type: 'xstate.stop' });
        break;
    }
  }

  #rejected(event: WriteRejected): void {
    const loss = event.causes.find((cause) => cause instanceof NotOwnerError);
    if (loss !== undefined) this.#lost(loss);
    if (this.#life.state === 'unowned') {
      this.#pipeline.settledAfterLoss(event.causes);
      this.work.lookForWork();
    } else if (this.#life.state === 'initialising')
      this.#recovery.firstState.rejected(event.causes[0]);
    else this.#pipeline.rejected(event);
  }

  /**
   * The entity is no longer held: it stops at once. That is no failure; it goes on under a new
   * tenure when it has something to do. `held` = through what it was held; `undefined` = what it
   * has now.
   */
  #lost(reason: unknown, held?: HeldPlugin): void {
    if (held !== undefined && !this.entity.journal.isHeldBy(held)) return;
    if (this.#life.state === 'unowned') return;
    const { deps, persistenceId } = this.entity;
    this.work.lost();
    deps.log.debug({ persistenceId, err: reason }, 'the entity is no longer held');
    this.#pipeline.lost();
    this.#life.report('tenure.lost');
  }

  #stop(event: EventObject): void {
    this.work.stopped();
    if (this.#life.isLive) this.entity.stop(event);
    this.#life.report('entity.ended');
  }

  #perform(effect: LifeEffect): void {
    switch (effect) {
      case 'recover':
        this.#recovery.awaitPermit();
        break;
      case 'drainStash':
        this.#sender.begin();
        this.#pipeline.drainAfterEffects();
        break;
      case 'stopChildren':
        this.work.failed();
        this.#sender.stop();
        this.entity.logic.discard();
        break;
      case 'forgetState':
        this.#recovery.drop();
        this.entity.forget();
        this.#pipeline.stash.startOver();
        break;
      case 'lookForWork':
        this.work.lookForWork();
        break;
      case 'scheduleRestart':
        this.#recovery.backOff();
        break;
      case 'endAskers':
        this.#sender.stop();
        this.entity.deps.live.release(this, this.entity.journal.writeUnderWay);
        this.entity.journal.close();
        this.#pipeline.end();
        this.#arrivals.end();
        this.#recovery.drop();
        this.#noteIdle();
        break;
    }
  }

  get #isBusy(): boolean {
    return this.work.isBusy || (this.#life.isReady && this.#arrivals.areAsked);
  }

  /** Lets a shutdown go on that waits for the work in hand. */
  #noteIdle(): void {
    if (this.#idle === undefined || this.#isBusy) return;
    this.#idle.resolve();
    this.#idle = undefined;
  }

  #checkStarted(): void {
    if (this.#started || this.hasEnded) return;
    const text = `the actor of ${this.persistenceId} has not been started: call its start() first`;
    throw new InvalidInputError(text);
  }
}
