import type { EventObject } from 'xstate';
import { ignoreOutcome } from '../../model/at-once.ts';
import { InvalidInputError, StashOverflowError } from '../../model/errors.ts';
import { shown } from '../../model/shown.ts';

/** A command for which a full stash has no room: it is certainly not stored. */
export interface StashOverflow {
  readonly persistenceId: string;
  readonly command: EventObject;
  /** Commands that the entity may hold. */
  readonly capacity: number;
}

/** What a full stash does, in a word. */
export type StashOverflowVerdict = 'drop' | 'fail';

/** Decides what a full stash does, command by command. */
export interface StashOverflowStrategy {
  /**
   * `'drop'`: the asker gets {@link StashOverflowError}. An error: the same, with it as the cause,
   * in place of the reply of a classic strategy; the state for an answer may not be recovered yet.
   * `'fail'`: the entity ends as well. When it throws, the command is dropped, and the asker gets
   * what was thrown as the cause.
   */
  onOverflow(overflow: StashOverflow): StashOverflowVerdict | Error;
}

/** What the asker of such a command gets, and whether the entity ends. */
export function judgeOverflow(
  strategy: StashOverflowVerdict | StashOverflowStrategy,
  overflow: StashOverflow,
): { readonly error: StashOverflowError; readonly fails: boolean } {
  const verdict = typeof strategy === 'string' ? strategy : verdictOf(strategy, overflow);
  const cause = verdict instanceof Error ? { cause: verdict } : {};
  const text = `${overflow.persistenceId} holds ${overflow.capacity} commands already`;
  return { error: new StashOverflowError(text, cause), fails: verdict === 'fail' };
}

function verdictOf(
  strategy: StashOverflowStrategy,
  overflow: StashOverflow,
): StashOverflowVerdict | Error {
  try {
    const verdict: unknown = strategy.onOverflow(overflow);
    if (verdict === 'drop' || verdict === 'fail' || verdict instanceof Error) return verdict;
    ignoreOutcome(verdict);
    const text = `onOverflow must answer "drop", "fail" or an error, not ${shown(verdict)}`;
    return new InvalidInputError(text);
  } catch (cause) {
    return cause instanceof Error ? cause : new InvalidInputError('onOverflow threw', { cause });
  }
}
