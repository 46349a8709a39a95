import type { EventObject } from 'xstate';
import type { InvalidInputError } from '../model/errors.ts';
import { Queue } from '../runtime/queue.ts';
import type { CommandPipeline } from './command/command-pipeline.ts';
import type { Ask } from './entity/ask.ts';
import type { Entity } from './entity/entity.ts';
import type { HostedState } from './entity/entity-logic.ts';
import { type Envelope, ownInput } from './entity/evaluated.ts';
import type { Lifecycle } from './entity/lifecycle.ts';
import { isReservedEvent } from './entity/stored-event.ts';
import type { EntityWork } from './entity-work.ts';
import type { EntityRecovery } from './recovery/entity-recovery.ts';

/** Where what arrives goes. */
export interface ArrivalParts<S extends HostedState> {
  readonly pipeline: CommandPipeline<S>;
  readonly work: EntityWork<S>;
  /** Callers make it hurry. */
  readonly recovery: Pick<EntityRecovery<S>, 'hurry'>;
}

/**
 * What reaches an entity from its callers, children and timers. It goes on to the pipeline, or is
 * answered at once, or means nothing any more.
 */
export class Arrivals<S extends HostedState> {
  readonly #entity: Entity<S>;
  readonly #life: Lifecycle<S>;
  readonly #pipeline: CommandPipeline<S>;
  readonly #work: EntityWork<S>;
  readonly #recovery: ArrivalParts<S>['recovery'];
  /** Asked, but not yet taken from the mailbox. */
  readonly #asked = new Queue<Ask>();

  constructor(entity: Entity<S>, life: Lifecycle<S>, parts: ArrivalParts<S>) {
    this.#entity = entity;
    this.#life = life;
    this.#pipeline = parts.pipeline;
    this.#work = parts.work;
    this.#recovery = parts.recovery;
  }

  /** Questions are on their way through the mailbox. */
  get areAsked(): boolean {
    return this.#asked.length > 0;
  }

  /** Puts a question into the mailbox, from where it comes back to `receive`. */
  ask(ask: Ask): void {
    if (this.#life.hasEnded) {
      this.#pipeline.answers.end(ask);
      return;
    }
    this.#asked.push(ask);
    this.#entity.tell(ask.command);
  }

  /** A message that is what it looks like: the front door has seen its sender. */
  receive(event: EventObject): void {
    const { timers, logic, state } = this.#entity;
    const timer = timers.firedBy(event);
    if (timer === undefined && !isReservedEvent(event)) {
      this.takeCommand(event, undefined);
      return;
    }
    if (timer !== undefined) timers.remove(timer);
    const child = this.#life.isLive ? logic.senderOf(state, event) : undefined;
    this.takeInput({ ...ownInput, event, timer: timer?.id, child });
  }

  /** What a child or a timer of the entity has sent, or is to be stored of an attempt. */
  takeInput(envelope: Envelope): void {
    // An attempt that began now would be interrupted at once, and count.
    const begins = envelope.attempt?.record.type === 'xstate.attempt.begun';
    if (this.#life.isStopping && begins) return;
    // The end of a child must not be stored without what the child has sent before it.
    if (!this.#life.isLive || this.#entity.childMessages.isOneLeftOut) {
      this.#leaveOut();
      return;
    }
    this.#work.touch();
    this.#pipeline.receive(envelope);
  }

  /** A command of a caller, asked or only sent; `fault` = why it is none. */
  takeCommand(command: unknown, fault: InvalidInputError | undefined): void {
    const { persistenceId, deps, childMessages } = this.#entity;
    const ask = this.#askOf(command);
    // A caller and a child may have sent one object: an ask that counted as the child's would be
    // dropped with the child, and nobody would answer it.
    const fromChild = ask === undefined && childMessages.arrived(command);
    if (fromChild && (this.#life.isStopping || !this.#life.isLive)) {
      this.#leaveOut();
      return;
    }
    if (ask?.settled === true) return; // its time was over before its turn
    if (fault !== undefined) {
      ask?.fail(fault);
      deps.log.warn({ persistenceId, err: fault }, 'command refused');
    } else if (this.#life.isStopping) {
      ask?.fail(this.#life.stoppingError());
    } else {
      this.#work.touch();
      const event = command as EventObject;
      this.#pipeline.receive({ ...ownInput, event, ask, internal: false, fromChild });
      this.#recovery.hurry();
      this.#work.lookForWork();
    }
  }

  /**
   * The question that the command belongs to, if there is one. Questions arrive in the order in
   * which they were asked, between commands that were only sent.
   */
  #askOf(command: unknown): Ask | undefined {
    return this.#asked.peek()?.command === command ? this.#asked.shift() : undefined;
  }

  /**
   * What a child or a timer has sent is not taken: its state was thrown away, or the entity is
   * stopping. The entity has something left to do then: its next recovery brings the sender back.
   */
  #leaveOut(): void {
    if (this.#life.isStopping) this.#entity.childMessages.isOneLeftOut = true;
    this.#work.isLeft = true;
    this.#work.lookForWork();
  }

  /** The entity has ended: those who still ask hear so. */
  end(): void {
    for (const ask of this.#asked.drain()) this.#pipeline.answers.end(ask);
  }
}
