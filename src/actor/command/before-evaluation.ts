import { UnexpectedSequenceNrError } from '../../model/errors.ts';
import type { Entity } from '../entity/entity.ts';
import type { HostedState } from '../entity/entity-logic.ts';
import type { Envelope, Evaluated } from '../entity/evaluated.ts';

const noSteps: readonly never[] = [];

/**
 * What a command gets that must not be evaluated; `undefined` = it is evaluated.
 *
 * @param sequenceNr what `decide` would be given
 */
export function beforeEvaluation<S extends HostedState>(
  entity: Entity<S>,
  envelope: Envelope,
  sequenceNr: number,
): Evaluated<S> | undefined {
  const { expectedSequenceNr: expected } = envelope.ask?.terms ?? {};
  if (expected === undefined) return undefined;
  // An init record that waits for the first event has a number already, which nobody has seen.
  const actual = sequenceNr === entity.numberBeforeNext ? entity.sequenceNr : sequenceNr;
  if (expected === actual) return undefined;
  const text = `${entity.persistenceId} is at event ${actual}, not at ${expected} as expected`;
  const error = new UnexpectedSequenceNrError(`${text}; nothing was stored`, { expected, actual });
  return { envelope, steps: noSteps, outcome: { type: 'error', error } };
}
