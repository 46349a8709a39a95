import type { EventObject } from 'xstate';
import {
  CommandUnhandledError,
  DataIntegrityError,
  StashOverflowError,
  WriteFailedError,
  WriteRejectedError,
} from '../../model/errors.ts';
import type { Entity, PipelineHost } from '../entity.ts';
import type { HostedState } from '../entity-logic.ts';
import type { CommandStash } from './command-stash.ts';
import type { Envelope, Evaluated, Step } from './evaluate-command.ts';

/**
 * What those who sent commands get to know, and what becomes of the entity when they were refused.
 */
export class CommandAnswers<S extends HostedState> {
  readonly #entity: Entity<S>;
  readonly #host: PipelineHost;
  readonly #stash: CommandStash;

  constructor(entity: Entity<S>, host: PipelineHost, stash: CommandStash) {
    this.#entity = entity;
    this.#host = host;
    this.#stash = stash;
  }

  /** Everything that the command led to is stored and applied. */
  settle({ envelope, steps, outcome }: Evaluated<S>): void {
    const { ask } = envelope;
    switch (outcome.type) {
      case 'reply':
        if (ask !== undefined && !ask.settled) {
          const snapshot = this.#host.expose();
          const { sequenceNr } = this.#entity;
          ask.answer({ sequenceNr, events: storedEvents(steps), snapshot, reply: outcome.reply });
        }
        outcome.thenRun?.(this.#entity.state);
        break;
      case 'error':
        if (outcome.error instanceof WriteRejectedError) {
          this.#host.signal('persist-rejected', outcome.error);
        }
        this.#refuse(envelope, outcome.error);
        break;
      case 'stash':
        this.#stash.hold(envelope);
        break;
      case 'fail':
        ask?.fail(outcome.error);
        this.#host.fail(outcome.error);
        break;
    }
  }

  /** The journal certainly did not store the command. */
  rejected({ envelope }: Evaluated<S>, cause: Error): void {
    const { persistenceId, settings } = this.#entity;
    const isEventsFault = cause instanceof WriteRejectedError;
    const text = `the journal refused "${envelope.event.type}" of ${persistenceId}`;
    const error = isEventsFault ? cause : new WriteRejectedError(text, { cause });
    this.#refuse(envelope, error);
    this.#host.signal('persist-rejected', error);
    const lives = isEventsFault || settings.actor.onRejected === 'continue';
    // A result or a delay that cannot be stored would be waited for in vain for ever.
    if (envelope.internal || !lives) this.#host.fail(new WriteRejectedError(text, { cause }));
  }

  /** The stash has no room for the command. */
  overflowed(envelope: Envelope): void {
    const { persistenceId, settings } = this.#entity;
    const { stashCapacity, stashOverflow } = settings.actor;
    const error = new StashOverflowError(
      `${persistenceId} holds ${stashCapacity} commands already`,
    );
    this.#refuse(envelope, error);
    if (stashOverflow === 'fail') this.#host.fail(error);
  }

  /** The write of a batch failed: tells its askers, and answers what may be evaluated again. */
  unknown(batch: readonly Evaluated<S>[], error: Error): readonly Envelope[] {
    for (const { envelope, steps } of batch) if (steps.length > 0) envelope.ask?.fail(error);
    return batch.filter(({ steps }) => steps.length === 0).map(({ envelope }) => envelope);
  }

  writeFailure(cause: unknown): WriteFailedError | DataIntegrityError {
    if (cause instanceof WriteFailedError) return cause;
    // Another writer has taken the numbers: the journal has sent nothing.
    if (cause instanceof DataIntegrityError) return cause;
    const text = `a write of ${this.#entity.persistenceId} failed; it may or may not be stored`;
    return new WriteFailedError(text, { cause });
  }

  #refuse({ event, ask, internal }: Envelope, error: Error): void {
    if (ask !== undefined) {
      ask.fail(error);
      return;
    }
    const { persistenceId, deps, settings } = this.#entity;
    const isUnhandled = error instanceof CommandUnhandledError;
    if (internal || (isUnhandled && settings.actor.unhandledCommand !== 'warn')) return;
    deps.log.warn({ persistenceId, command: event.type, err: error }, 'command refused');
  }
}

const noEvents: readonly never[] = [];

function storedEvents<S>(steps: readonly Step<S>[]): readonly EventObject[] {
  if (steps.length === 0) return noEvents;
  return steps.filter((step) => step.payload !== undefined).map((step) => step.event);
}
