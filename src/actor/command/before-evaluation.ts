import { EntityDoneError, UnexpectedSequenceNrError } from '../../model/errors.ts';
import type { Entity } from '../entity/entity.ts';
import type { EntityLogic, HostedState } from '../entity/entity-logic.ts';
import type { Envelope, Evaluated, Outcome } from '../entity/evaluated.ts';

const noSteps: readonly never[] = [];

/*
 * What becomes of commands other than by their own evaluation.
 */

/**
 * What a command gets that must not be evaluated: it was stored already, or the entity has moved
 * on. `undefined` = it is evaluated.
 *
 * @param sequenceNr what `decide` would be given
 */
export function beforeEvaluation<S extends HostedState>(
  entity: Entity<S>,
  envelope: Envelope,
  sequenceNr: number,
): Evaluated<S> | undefined {
  const { commandId, expectedSequenceNr: expected } = envelope.ask?.terms ?? {};
  const command = entity.recent.find(commandId, entity.deps.clock.nowMs());
  // Before the numbers are compared: it was the command itself that moved the entity on.
  if (command !== undefined) return ended(envelope, { type: 'known', command });
  if (entity.isOnlyDelivering && envelope.delivery === undefined) {
    // What a child or a timer had sent before the end.
    if (envelope.internal) return ended(envelope, { type: 'reply', reply: undefined });
    const text = `${entity.persistenceId} has reached its final state; nothing was stored`;
    return ended(envelope, { type: 'error', error: new EntityDoneError(text) });
  }
  if (expected === undefined) return undefined;
  // An init record that waits for the first event has a number already, which nobody has seen.
  const actual = sequenceNr === entity.numberBeforeNext ? entity.sequenceNr : sequenceNr;
  if (expected === actual) return undefined;
  const text = `${entity.persistenceId} is at event ${actual}, not at ${expected} as expected`;
  const error = new UnexpectedSequenceNrError(`${text}; nothing was stored`, { expected, actual });
  return ended(envelope, { type: 'error', error });
}

function ended<S>(envelope: Envelope, outcome: Outcome<S>): Evaluated<S> {
  return { envelope, steps: noSteps, outcome };
}

/** Whether a command of the batch has the same id, and is about to be stored. */
export function waitsFor<S>({ ask }: Envelope, batch: readonly Evaluated<S>[]): boolean {
  const id = ask?.terms.commandId;
  if (id === undefined) return false;
  return batch.some(
    ({ envelope, steps }) => envelope.ask?.terms.commandId === id && steps.length > 0,
  );
}

/**
 * The command was rejected while events of earlier commands are not committed yet. Their effects on
 * children have still to happen and may make it possible, so it is evaluated again after that.
 */
export function mayStillSucceed<S>(
  logic: EntityLogic<S>,
  { outcome }: Evaluated<S>,
  state: S,
): boolean {
  if (outcome.type === 'fail') return true;
  return outcome.type === 'error' && logic.hasRunningChild(state);
}
