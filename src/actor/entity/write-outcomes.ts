import { WriteFailedError } from '../../model/errors.ts';
import type { WriteOutcome } from '../../ports/journal-plugin.ts';

/**
 * The causes of rejection, one a write, `undefined` = stored; or `undefined` when everything is
 * stored.
 *
 * @throws {WriteFailedError} the answer has not one outcome a write
 */
export function rejectionsOf(
  outcomes: readonly WriteOutcome[],
  writes: number,
): readonly (Error | undefined)[] | undefined {
  if (outcomes.length === 0) return undefined;
  if (outcomes.length !== writes) {
    throw new WriteFailedError(
      `the journal answered ${outcomes.length} outcomes to ${writes} writes`,
    );
  }
  if (outcomes.every((outcome) => outcome.type === 'stored')) return undefined;
  return outcomes.map((outcome) => (outcome.type === 'rejected' ? outcome.cause : undefined));
}
