import { CommandUnhandledError, WriteRejectedError } from '../../model/errors.ts';
import { storedForm } from '../../model/stored-form.ts';
import type { Ask, AskResult } from '../entity/ask.ts';
import { catchRejection } from '../entity/catch-rejection.ts';
import type { Entity } from '../entity/entity.ts';
import type { HostedState } from '../entity/entity-logic.ts';
import { type Envelope, type Evaluated, isStored, type Step } from '../entity/evaluated.ts';
import type { Lifecycle } from '../entity/lifecycle.ts';
import type { RecentCommand } from '../entity/recent-commands.ts';
import type { CommandStash } from './command-stash.ts';

/** What the askers of an entity hear. */
export class Answers<S extends HostedState> {
  readonly #entity: Entity<S>;
  readonly #life: Lifecycle<S>;
  readonly #stash: CommandStash;

  constructor(entity: Entity<S>, life: Lifecycle<S>, stash: CommandStash) {
    this.#entity = entity;
    this.#life = life;
    this.#stash = stash;
  }

  /** Everything that the command led to is stored and applied. */
  answer({ envelope, steps, outcome }: Evaluated<S>): void {
    const { ask } = envelope;
    switch (outcome.type) {
      case 'reply':
        if (ask !== undefined) this.#giveFirst(ask, steps, outcome.reply);
        catchRejection(outcome.thenRun?.(this.#entity.state), this.#entity);
        break;
      case 'known':
        if (ask !== undefined) this.#giveAgain(ask, outcome.command);
        break;
      case 'error':
        // The asker first: no batch has the command, so nobody else would answer it if that threw.
        this.reject(envelope, outcome.error);
        if (outcome.error instanceof WriteRejectedError) {
          this.#entity.signal('persist-rejected', outcome.error);
        }
        break;
      case 'stash':
        if (!this.#stash.setAside(envelope)) this.overflow(envelope);
        break;
      case 'fail':
        ask?.fail(outcome.error);
        this.#life.fail(outcome.error);
        break;
    }
  }

  #giveFirst(ask: Ask, steps: readonly Step<S>[], reply: unknown): void {
    const events = steps.filter(isStored).map(({ event }) => event);
    const isKept = ask.terms.commandId !== undefined && events.length > 0;
    const { sequenceNr } = this.#entity;
    this.#give(ask, { sequenceNr, events, reply: isKept ? copyOf(reply) : reply });
  }

  #giveAgain(ask: Ask, command: RecentCommand): void {
    this.#give(ask, { ...command, reply: copyOf(command.reply) });
  }

  /** Beside the answer, which may be an earlier one, the asker gets the entity as it is now. */
  #give(ask: Ask, { sequenceNr, events, reply }: Omit<AskResult, 'snapshot'>): void {
    const snapshot = this.#life.expose(this.#stash.length);
    if (!ask.settled) ask.answer({ sequenceNr, events, snapshot, reply });
  }

  /** The entity has ended: its askers hear so, unless their command was stored already. */
  end(ask: Ask): void {
    const known = this.#entity.recent.find(ask.terms.commandId, this.#entity.deps.clock.nowMs());
    if (known === undefined) ask.fail(this.#life.endedError('no'));
    else this.#giveAgain(ask, known);
  }

  /** The command finds no room in the stash. */
  overflow(envelope: Envelope): void {
    const { error, fails } = this.#stash.overflow(envelope);
    this.reject(envelope, error);
    if (fails) this.#life.fail(error);
  }

  /** Certainly nothing of the command is stored. */
  reject({ event, ask, internal }: Envelope, error: Error): void {
    if (ask !== undefined) {
      ask.fail(error);
      return;
    }
    const { persistenceId, deps, settings } = this.#entity;
    const isUnhandled = error instanceof CommandUnhandledError;
    if (internal || (isUnhandled && settings.actor.unhandledCommand !== 'warn')) return;
    deps.log.warn({ persistenceId, command: event.type, err: error }, 'command refused');
  }

  /** Answers a command whose write was rejected, and ends the entity unless it may go on. */
  rejectedByJournal(envelope: Envelope, cause: Error): void {
    const { persistenceId, settings } = this.#entity;
    const isEventsFault = cause instanceof WriteRejectedError;
    const text = `the journal refused "${envelope.event.type}" of ${persistenceId}`;
    const error = isEventsFault ? cause : new WriteRejectedError(text, { cause });
    this.reject(envelope, error);
    this.#entity.signal('persist-rejected', error);
    const lives = isEventsFault || settings.actor.onRejected === 'continue';
    // A result or a delay that cannot be stored would be waited for in vain for ever.
    if (envelope.internal || !lives) this.#life.fail(new WriteRejectedError(text, { cause }));
  }
}

/** The reply that is kept stays as it is, whatever its asker does with the one that it gets. */
function copyOf(reply: unknown): unknown {
  return reply === undefined ? undefined : storedForm(reply, 'reply');
}
