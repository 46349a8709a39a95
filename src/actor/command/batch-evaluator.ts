import type { Entity } from '../entity/entity.ts';
import type { HostedState } from '../entity/entity-logic.ts';
import type { Envelope, Evaluated } from '../entity/evaluated.ts';
import type { Lifecycle } from '../entity/lifecycle.ts';
import type { Answers } from './answers.ts';
import { beforeEvaluation, mayStillSucceed, waitsFor } from './before-evaluation.ts';
import type { CommandStash } from './command-stash.ts';
import { CommandEvaluator, endsBatch } from './evaluate-command.ts';

/**
 * Takes waiting commands from the stash and evaluates them, each against the state that those
 * before it lead to, until they are enough for one write.
 */
export class BatchEvaluator<S extends HostedState> {
  readonly #entity: Entity<S>;
  readonly #life: Lifecycle<S>;
  readonly #stash: CommandStash;
  readonly #answers: Answers<S>;
  readonly #evaluator: CommandEvaluator<S>;
  /** Commands that each get a batch of their own. */
  #alone = 0;

  constructor(entity: Entity<S>, life: Lifecycle<S>, stash: CommandStash, answers: Answers<S>) {
    this.#entity = entity;
    this.#life = life;
    this.#stash = stash;
    this.#answers = answers;
    this.#evaluator = new CommandEvaluator(entity);
  }

  /** The next `commands` are written one by one, to find out which of them the journal rejects. */
  evaluateAlone(commands: number): void {
    this.#alone = commands;
  }

  /**
   * The commands to be written together; none = nothing that waits has to be written. A command
   * that stores nothing and has no write to wait for is answered on the way.
   */
  evaluate(): readonly Evaluated<S>[] {
    const entity = this.#entity;
    const batch: Evaluated<S>[] = [];
    let { state } = entity;
    let sequenceNr = entity.numberBeforeNext;
    let room = this.#alone > 0 ? 1 : entity.settings.actor.groupCommitMaxCommands;
    this.#evaluator.reset();
    while (room > 0 && this.#life.isReady) {
      const envelope = this.#stash.next();
      if (envelope === undefined) break;
      const evaluated = this.#evaluateIn(batch, envelope, state, sequenceNr);
      if (evaluated === undefined) break;
      const last = evaluated.steps.at(-1);
      if (last === undefined && batch.length === 0) {
        this.#answers.answer(evaluated);
        continue;
      }
      batch.push(evaluated);
      if (endsBatch(evaluated, last)) break;
      if (last === undefined) continue;
      room--;
      state = last.next;
      sequenceNr += evaluated.steps.filter(({ payload }) => payload !== undefined).length;
    }
    return batch;
  }

  /** `undefined` = the command waits until the batch before it is settled. */
  #evaluateIn(
    batch: readonly Evaluated<S>[],
    envelope: Envelope,
    state: S,
    sequenceNr: number,
  ): Evaluated<S> | undefined {
    if (!waitsFor(envelope, batch)) {
      this.#alone = Math.max(0, this.#alone - 1);
      const evaluated =
        beforeEvaluation(this.#entity, envelope, sequenceNr) ??
        this.#evaluator.evaluate(envelope, state, sequenceNr);
      const { logic } = this.#entity;
      if (batch.length === 0 || !mayStillSucceed(logic, evaluated, state)) return evaluated;
    }
    this.#stash.putBack([envelope]);
    return undefined;
  }
}
