import { InvalidInputError, WriteFailedError } from '../../model/errors.ts';
import { SeqNr } from '../../model/seq-nr.ts';
import type { WriteOutcome } from '../../ports/journal-plugin.ts';

/** The journal of an entity, and where it is. */
export interface JournalName {
  readonly persistenceId: string;
  /** Configuration path; `undefined` = the default one. */
  readonly journalPluginId: string | undefined;
  /** Of its snapshot store; `undefined` = the default one. */
  readonly snapshotPluginId: string | undefined;
}

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

/** @throws {InvalidInputError} the journal ends before event `to` */
export function checkDelete(persistenceId: string, to: SeqNr, highest: number): void {
  if (to <= highest || to === SeqNr.max) return;
  const text = `${persistenceId} has ${highest} events, so they cannot be deleted up to ${to}`;
  throw new InvalidInputError(`${text}; nothing was deleted (SeqNr.max = all)`);
}
