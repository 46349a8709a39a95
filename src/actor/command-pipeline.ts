import type { EventObject } from 'xstate';
import {
  ClosedError,
  CommandUnhandledError,
  EntityStoppedError,
  StashOverflowError,
  WriteFailedError,
  WriteRejectedError,
} from '../model/errors.ts';
import type { AtomicWrite } from '../ports/journal-plugin.ts';
import { CommandStash } from './command-stash.ts';
import type { Entity, PipelineHost } from './entity.ts';
import type { HostedState } from './entity-logic.ts';
import type { Envelope, Evaluated, Step } from './evaluate-command.ts';
import { CommandEvaluator } from './evaluate-command.ts';
import { WriteFailed, WriteRefused, Written } from './host-events.ts';
import { initEvent } from './stored-event.ts';
import type { PlannedWrite } from './write-batch.ts';
import { planWrites, rejections } from './write-batch.ts';

/**
 * The way of a command: stash → dry run → write → commit → answer.
 *
 * Commands that wait while a write is in flight are evaluated together when it is settled, each against
 * the state that those before it lead to, and go out in one write. Nothing of a command can be seen
 * before its own events are stored; answers without events wait for the writes before them.
 */
export class CommandPipeline<S extends HostedState> {
  readonly stash: CommandStash;
  readonly #entity: Entity<S>;
  readonly #host: PipelineHost;
  readonly #evaluator: CommandEvaluator<S>;
  #batch: readonly Evaluated<S>[] = [];
  #planned: readonly PlannedWrite<S>[] = [];
  /** Entries of the batch that have had their answer. */
  #settled = 0;
  /** Commands to be written one at a time, to find out which of them the journal refuses. */
  #alone = 0;
  /** The write under way. */
  inFlight: Promise<void> | undefined;

  constructor(entity: Entity<S>, host: PipelineHost) {
    this.#entity = entity;
    this.#host = host;
    this.stash = new CommandStash(entity.settings.actor.stashCapacity);
    this.#evaluator = new CommandEvaluator(entity);
  }

  get isIdle(): boolean {
    return this.#batch.length === 0 && this.stash.isEmpty;
  }

  receive(envelope: Envelope): void {
    if (!this.stash.offer(envelope)) return this.#overflow(envelope);
    if (this.#host.isReady) this.drain();
  }

  /** Evaluates what waits until something has to be written. */
  drain(): void {
    while (this.#host.isReady && !this.stash.isEmpty) {
      const batch = this.#nextBatch();
      if (batch.length > 0) this.#start(batch);
    }
  }

  /** Applies one stored event; the last of a command answers it, the last of a write starts the next one. */
  commit({ evaluated, step, isLast }: Written<S>): void {
    this.#apply(step);
    const isLastOfCommand = step === evaluated.steps[evaluated.steps.length - 1];
    const { state } = this.#entity;
    if (isLastOfCommand) this.#settleThrough(evaluated);
    if (state.status !== 'active') return this.#host.ended();
    if (isLast && this.#batch.length > 0) this.#finish();
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
      return this.failed(new WriteFailedError(text, { cause }));
    }
    const at = this.#batch.indexOf(refused);
    if (this.#planned.length === 1) this.#refuse(refused, cause);
    else this.#alone = this.#batch.length - at;
    const rest = this.#batch.slice(this.#planned.length === 1 ? at + 1 : at);
    this.stash.putBack(rest.map((evaluated) => evaluated.envelope));
    this.#batch = this.#batch.slice(0, at);
    if (!this.#tellCommits()) this.#finish();
  }

  /** The write may or may not be stored. */
  failed(cause: unknown): void {
    const { persistenceId } = this.#entity;
    const text = `a write of ${persistenceId} failed; it may or may not be stored`;
    const error = cause instanceof WriteFailedError ? cause : new WriteFailedError(text, { cause });
    const waiting: Envelope[] = [];
    for (const { envelope, steps } of this.#batch.slice(this.#settled)) {
      if (steps.length === 0) waiting.push(envelope);
      else envelope.ask?.fail(error);
    }
    this.#clearBatch();
    this.stash.putBack(waiting);
    this.#host.writeFailed(error);
  }

  /** Nothing is answered any more. */
  end(reason: unknown): void {
    const { persistenceId } = this.#entity;
    const open = this.#batch.slice(this.#settled);
    for (const { envelope, steps } of open) {
      const unknown = steps.length > 0 ? ' while its command was being written' : '';
      envelope.ask?.fail(
        new EntityStoppedError(`${persistenceId} ended${unknown}`, { cause: reason }),
      );
    }
    this.#clearBatch();
    for (const { ask } of this.stash.drain()) {
      ask?.fail(
        new EntityStoppedError(`${persistenceId} ended before the command's turn`, {
          cause: reason,
        }),
      );
    }
  }

  #nextBatch(): readonly Evaluated<S>[] {
    this.#evaluator.reset();
    const batch: Evaluated<S>[] = [];
    let { state, sequenceNr } = this.#entity;
    if (this.#entity.initPending) sequenceNr++;
    let room = this.#alone > 0 ? 1 : this.#entity.settings.actor.groupCommitMaxCommands;
    while (room > 0 && this.#host.isReady) {
      const envelope = this.stash.next();
      if (envelope === undefined) break;
      if (this.#alone > 0) this.#alone--;
      const evaluated = this.#evaluator.evaluate(envelope, state, sequenceNr);
      const last = evaluated.steps[evaluated.steps.length - 1];
      if (last === undefined && batch.length === 0) {
        this.#settle(evaluated); // nothing before it has to be stored
        continue;
      }
      batch.push(evaluated);
      if (last === undefined) {
        if (evaluated.outcome.type === 'fail') break;
        continue;
      }
      room--;
      state = last.next;
      sequenceNr += last.payload === undefined ? 0 : evaluated.steps.length;
      if (endsBatch(evaluated, last)) break;
    }
    return batch;
  }

  #start(batch: readonly Evaluated<S>[]): void {
    const entity = this.#entity;
    const { persistenceId, writerUuid, sequenceNr } = entity;
    const init = entity.initPending ? initEvent(entity.input) : undefined;
    this.#batch = batch;
    this.#settled = 0;
    this.#planned = planWrites(batch, { persistenceId, writerUuid, sequenceNr, init });
    this.#host.advance('write.started');
    if (this.#planned.length === 0) this.#tellCommits();
    else
      this.write(
        this.#planned.map((planned) => planned.write),
        () => void this.#tellCommits(),
      );
  }

  /** Hands writes to the journal; its answer comes back through the mailbox, or `onStored` is called. */
  write(writes: readonly AtomicWrite[], onStored: () => void): void {
    const inFlight = this.#write(writes, onStored);
    this.inFlight = inFlight;
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
      return;
    }
    entity.timers.beginStep(entity.sequenceNr);
    entity.state = entity.logic.commit(entity.state, step.event);
  }

  /** Answers a command, and those after it that had nothing to store. */
  #settleThrough(evaluated: Evaluated<S>): void {
    const batch = this.#batch;
    for (;;) {
      const next = batch[this.#settled];
      if (next === undefined || (next !== evaluated && next.steps.length > 0)) return;
      this.#settled++;
      this.#settle(next);
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
  }

  #settle({ envelope, steps, outcome }: Evaluated<S>): void {
    const { ask } = envelope;
    switch (outcome.type) {
      case 'reply': {
        const { state, sequenceNr } = this.#entity;
        if (ask !== undefined && !ask.settled) {
          const snapshot = this.#host.expose();
          ask.answer({ sequenceNr, events: storedEvents(steps), snapshot, reply: outcome.reply });
        }
        outcome.thenRun?.(state);
        return;
      }
      case 'error':
        if (ask === undefined) this.#logRefused(envelope, outcome.error);
        else ask.fail(outcome.error);
        return;
      case 'stash':
        return this.stash.hold(envelope);
      case 'fail':
        ask?.fail(outcome.error);
        return this.#host.fail(outcome.error);
    }
  }

  #refuse({ envelope }: Evaluated<S>, cause: Error): void {
    const { persistenceId, settings } = this.#entity;
    const { event, ask, internal } = envelope;
    const text = `the journal refused "${event.type}" of ${persistenceId}`;
    const error =
      cause instanceof WriteRejectedError ? cause : new WriteRejectedError(text, { cause });
    this.#host.signal('persist-rejected', error);
    if (ask === undefined) this.#logRefused(envelope, error);
    else ask.fail(error);
    // A result or a delay that cannot be stored would be waited for in vain for ever.
    const lives = cause instanceof WriteRejectedError || settings.actor.onRejected === 'continue';
    if (internal || !lives) this.#host.fail(new WriteRejectedError(text, { cause }));
  }

  #overflow(envelope: Envelope): void {
    const { persistenceId, settings } = this.#entity;
    const { stashCapacity, stashOverflow } = settings.actor;
    const text = `${persistenceId} holds ${stashCapacity} commands already`;
    const error = new StashOverflowError(text);
    if (envelope.ask === undefined) this.#logRefused(envelope, error);
    else envelope.ask.fail(error);
    if (stashOverflow === 'fail') this.#host.fail(error);
  }

  #logRefused({ event, internal }: Envelope, error: Error): void {
    const { persistenceId, deps, settings } = this.#entity;
    const expected =
      error instanceof CommandUnhandledError && settings.actor.unhandledCommand !== 'warn';
    if (internal || expected) return;
    deps.log.warn({ persistenceId, command: event.type, err: error }, 'command refused');
  }
}

const noEvents: readonly never[] = [];

function storedEvents<S>(steps: readonly Step<S>[]): readonly EventObject[] {
  if (steps.length === 0) return noEvents;
  return steps.filter((step) => step.payload !== undefined).map((step) => step.event);
}

/** Nothing is evaluated behind a final state, or behind a failure that only the real actor can show. */
function endsBatch<S extends HostedState>({ envelope }: Evaluated<S>, last: Step<S>): boolean {
  return last.next.status !== 'active' || (envelope.internal && last.payload === undefined);
}
