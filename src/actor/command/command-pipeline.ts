import { ClosedError, WriteFailedError, WriteRejectedError } from '../../model/errors.ts';
import type { AtomicWrite } from '../../ports/journal-plugin.ts';
import { endedError } from '../ended-error.ts';
import type { Entity, PipelineHost } from '../entity.ts';
import type { HostedState } from '../entity-logic.ts';
import { Settled, WriteFailed, WriteRefused, Written } from '../host-events.ts';
import { initEvent } from '../stored-event.ts';
import { CommandAnswers } from './command-answers.ts';
import { CommandStash } from './command-stash.ts';
import type { Envelope, Evaluated, Step } from './evaluate-command.ts';
import { CommandEvaluator } from './evaluate-command.ts';
import type { PlannedWrite } from './write-batch.ts';
import { planWrites, rejections } from './write-batch.ts';

/**
 * The way of a command: stash → dry run → write → commit → answer.
 *
 * Commands that wait while a write is in flight are evaluated together when it is settled, each
 * against the state that those before it lead to, and go out in one write. Nothing of a command can
 * be seen before its own events are stored; answers without events wait for the writes before them.
 */
export class CommandPipeline<S extends HostedState> {
  readonly stash: CommandStash;
  readonly #entity: Entity<S>;
  readonly #host: PipelineHost;
  readonly #evaluator: CommandEvaluator<S>;
  readonly #answers: CommandAnswers<S>;
  #batch: readonly Evaluated<S>[] = [];
  #planned: readonly PlannedWrite<S>[] = [];
  /** Entries of the batch that have had their answer. */
  #settled = 0;
  /** Commands to be written one at a time, to find out which of them the journal refuses. */
  #alone = 0;
  /** The turn under way ends with effects: of the first state, or of a step of the machine. */
  #hasEffects = true;
  /** The journal has confirmed the write of the batch. */
  #isStored = false;
  /** The write under way. */
  inFlight: Promise<void> | undefined;

  constructor(entity: Entity<S>, host: PipelineHost) {
    this.#entity = entity;
    this.#host = host;
    this.stash = new CommandStash(entity.settings.actor.stashCapacity);
    this.#evaluator = new CommandEvaluator(entity);
    this.#answers = new CommandAnswers(entity, host, this.stash);
  }

  get isIdle(): boolean {
    return this.#batch.length === 0 && this.stash.isEmpty;
  }

  receive(envelope: Envelope): void {
    if (!this.stash.offer(envelope)) this.#answers.overflowed(envelope);
    else if (this.#host.isReady) this.drain();
  }

  /**
   * Evaluates what waits, once the effects of the last commit have happened: xstate sends messages
   * and starts children when the turn of the actor ends, and children that answer at once may change
   * what the next command finds.
   */
  drainAfterEffects(): void {
    if (!this.#hasEffects) this.drain();
    else if (!this.stash.isEmpty) this.#host.tell(new Settled());
  }

  /** Evaluates what waits until something has to be written. */
  drain(): void {
    while (this.#host.isReady && !this.stash.isEmpty) {
      const batch = this.#nextBatch();
      if (batch.length > 0) this.#start(batch);
    }
  }

  /**
   * Applies one stored event; the last of a command answers it, the last of a write starts the next
   * one.
   */
  commit({ evaluated, step, isLast }: Written<S>): void {
    this.#apply(step);
    const isLastOfCommand = step === evaluated.steps[evaluated.steps.length - 1];
    const { state } = this.#entity;
    if (isLastOfCommand) this.#settleThrough(evaluated);
    if (state.status !== 'active') this.#host.ended();
    else if (isLast && this.#batch.length > 0) this.#finish();
  }

  /** Some or all of a write is certainly not stored. */
  refused({ causes }: WriteRefused): void {
    const first = causes.findIndex((cause) => cause !== undefined);
    const cause = causes[first];
    const refused = this.#planned[first]?.evaluated;
    if (cause === undefined || refused === undefined) return;
    if (causes.slice(first).includes(undefined)) {
      // Later decisions rest on an event that does not exist.
      const text = 'the journal refused a write and stored a later one';
      this.failed(new WriteFailedError(text, { cause }));
      return;
    }
    const at = this.#batch.indexOf(refused);
    if (this.#planned.length === 1) this.#answers.rejected(refused, cause);
    else this.#alone = this.#batch.length - at;
    const rest = this.#batch.slice(this.#planned.length === 1 ? at + 1 : at);
    for (const { envelope } of rest) if (envelope.ask !== undefined) envelope.ask.stored = 'no';
    this.stash.putBack(rest.map((evaluated) => evaluated.envelope));
    this.#batch = this.#batch.slice(0, at);
    this.#isStored = true;
    if (!this.#tellCommits()) this.#finish();
  }

  /** The write may or may not be stored. */
  failed(cause: unknown): void {
    const error = this.#answers.writeFailure(cause);
    const waiting = this.#answers.unknown(this.#batch.slice(this.#settled), error);
    this.#clearBatch();
    this.#hasEffects = true; // of the recovery to come
    this.stash.putBack(waiting);
    this.#host.writeFailed(error);
  }

  /** Nothing is answered any more. */
  end(cause: unknown): void {
    const entity = this.#entity;
    for (const { envelope, steps } of this.#batch.slice(this.#settled)) {
      const isWritten = steps.some(({ seqNr }) => seqNr > 0);
      const stored = !isWritten ? 'no' : this.#isStored ? 'yes' : 'unknown';
      envelope.ask?.fail(endedError(entity, { cause, stored }));
    }
    this.#clearBatch();
    for (const { ask } of this.stash.drain()) ask?.fail(endedError(entity, { cause }));
  }

  /** Commands to be written together; those with nothing to wait for are answered on the way. */
  #nextBatch(): readonly Evaluated<S>[] {
    this.#evaluator.reset();
    const entity = this.#entity;
    const batch: Evaluated<S>[] = [];
    let { state } = entity;
    let sequenceNr = entity.sequenceNr + (entity.initPending ? 1 : 0);
    let room = this.#room();
    while (room > 0 && this.#host.isReady) {
      const evaluated = this.#evaluateNext(state, sequenceNr);
      if (evaluated === undefined) break;
      if (batch.length > 0 && this.#mayChangeItsMind(evaluated, state)) {
        this.stash.putBack([evaluated.envelope]);
        break;
      }
      const { steps } = evaluated;
      const last = steps[steps.length - 1];
      if (last === undefined && batch.length === 0) {
        this.#answers.settle(evaluated);
        continue;
      }
      batch.push(evaluated);
      if (endsBatch(evaluated, last)) break;
      if (last === undefined) continue;
      room--;
      state = last.next;
      if (last.payload !== undefined) sequenceNr += steps.length;
    }
    return batch;
  }

  /**
   * The command was refused, but events of earlier commands are not committed yet. Their effects on
   * children have still to happen and may make the command possible, so it is evaluated again after
   * they are committed.
   */
  #mayChangeItsMind({ outcome }: Evaluated<S>, state: S): boolean {
    if (outcome.type === 'fail') return true;
    return outcome.type === 'error' && this.#entity.logic.hasRunningChild(state);
  }

  #room(): number {
    return this.#alone > 0 ? 1 : this.#entity.settings.actor.groupCommitMaxCommands;
  }

  #evaluateNext(state: S, sequenceNr: number): Evaluated<S> | undefined {
    const envelope = this.stash.next();
    if (envelope === undefined) return undefined;
    if (this.#alone > 0) this.#alone--;
    return this.#evaluator.evaluate(envelope, state, sequenceNr);
  }

  #start(batch: readonly Evaluated<S>[]): void {
    const entity = this.#entity;
    const { persistenceId, writerUuid, sequenceNr } = entity;
    const init = entity.initPending ? initEvent(entity.input) : undefined;
    this.#batch = batch;
    this.#settled = 0;
    this.#planned = planWrites(batch, { persistenceId, writerUuid, sequenceNr, init });
    for (const { evaluated } of this.#planned) {
      if (evaluated.envelope.ask !== undefined) evaluated.envelope.ask.stored = 'unknown';
    }
    this.#host.advance('write.started');
    if (this.#planned.length === 0) this.#tellCommits();
    else
      this.write(
        this.#planned.map((planned) => planned.write),
        () => {
          this.#isStored = true;
          this.#tellCommits();
        },
      );
  }

  /**
   * Hands writes to the journal; its answer comes back through the mailbox, or `onStored` is
   * called.
   */
  write(writes: readonly AtomicWrite[], onStored: () => void): void {
    this.inFlight = this.#write(writes, onStored);
  }

  async #write(writes: readonly AtomicWrite[], onStored: () => void): Promise<void> {
    const { journal } = this.#entity;
    try {
      if (journal === undefined) throw new ClosedError('the entity has not recovered');
      const causes = rejections(await journal.write(writes), writes.length);
      this.inFlight = undefined;
      if (causes === undefined) onStored();
      else this.#host.tell(new WriteRefused(causes));
    } catch (error) {
      this.inFlight = undefined;
      const certain = error instanceof WriteRejectedError;
      this.#host.tell(certain ? new WriteRefused(writes.map(() => error)) : new WriteFailed(error));
    }
  }

  /** One message an event, so that each commit has its own observers and its own children. */
  #tellCommits(): boolean {
    const batch = this.#batch;
    let left = 0;
    for (const { steps } of batch) left += steps.length;
    if (left === 0) return false;
    for (const evaluated of batch) {
      for (const step of evaluated.steps)
        this.#host.tell(new Written(evaluated, step, --left === 0));
    }
    return true;
  }

  #apply(step: Step<S>): void {
    const entity = this.#entity;
    if (step.seqNr > 0) {
      entity.sequenceNr = step.seqNr;
      entity.initPending = false;
    }
    if (step.trace !== undefined && step.base === entity.state) {
      entity.state = step.next;
      entity.logic.adoptStep(step.next, step.event, step.trace);
      this.#hasEffects = false;
      return;
    }
    this.#hasEffects = true;
    entity.timers.beginStep({ seqNr: entity.sequenceNr, delaysMs: step.facts.delaysMs ?? [] });
    entity.state = entity.logic.commit(entity.state, step.event, entity.sequenceNr);
  }

  /** Answers a command, and those after it that had nothing to store. */
  #settleThrough(evaluated: Evaluated<S>): void {
    const batch = this.#batch;
    for (;;) {
      const next = batch[this.#settled];
      if (next === undefined || (next !== evaluated && next.steps.length > 0)) return;
      this.#settled++;
      this.#answers.settle(next);
    }
  }

  #finish(): void {
    const changed = this.#batch.length > 0;
    this.#clearBatch();
    if (changed) this.stash.releaseHeld();
    this.#host.advance('write.settled');
  }

  #clearBatch(): void {
    this.#batch = [];
    this.#planned = [];
    this.#settled = 0;
    this.#isStored = false;
  }
}

/** Nothing is evaluated behind an end, or behind a failure that only the real actor can show. */
function endsBatch<S extends HostedState>(
  { envelope, outcome }: Evaluated<S>,
  last: Step<S> | undefined,
): boolean {
  if (last === undefined) return outcome.type === 'fail';
  return last.next.status !== 'active' || (envelope.internal && last.payload === undefined);
}
