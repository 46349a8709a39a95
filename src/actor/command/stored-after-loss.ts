import { EntityStoppedError } from '../../model/errors.ts';
import { type Evaluated, isStored, type Step } from '../entity/evaluated.ts';
import type { Exposed } from '../entity/lifecycle.ts';

/**
 * Answers commands whose events are stored, though their entity was lost before they were
 * committed. No effect of them happens. Where nothing but the next state would have come of the
 * commit, the asker gets its answer, as if the loss had come right after it; else an error that
 * says so.
 *
 * @param committed the last committed state
 * @param expose what the asker is to see of a state
 */
export function answerStored<S>(
  stored: readonly Evaluated<S>[],
  committed: S | undefined,
  expose: (state: S, sequenceNr: number) => Exposed<S>,
): void {
  let state = committed;
  for (const evaluated of stored) {
    for (const { base, next, trace } of evaluated.steps) {
      // Without a trace the commit does something, and then nobody knows what follows on it.
      state = base === state && trace !== undefined ? next : undefined;
    }
    if (isWritten(evaluated.steps)) answer(evaluated, state, expose);
  }
}

/** @param state the one that the command leads to; `undefined` = its commit has effects */
function answer<S>(
  { envelope: { ask }, steps, outcome }: Evaluated<S>,
  state: S | undefined,
  expose: (state: S, sequenceNr: number) => Exposed<S>,
): void {
  if (ask === undefined || ask.settled) return;
  if (state === undefined || outcome.type !== 'reply' || outcome.thenRun !== undefined) {
    ask.fail(new EntityStoppedError(lostText, { stored: 'yes' }));
    return;
  }
  const written = steps.filter(isStored);
  const sequenceNr = written[written.length - 1]?.seqNr ?? 0;
  const events = written.map((step) => step.event);
  ask.answer({ sequenceNr, events, snapshot: expose(state, sequenceNr), reply: outcome.reply });
}

const lostText =
  'the command is stored, but the process lost the entity before it could answer; it runs no effect ' +
  'of the command except what a recovery starts';

/** Some of the events were given numbers, and handed to the journal. */
export function isWritten<S>(steps: readonly Step<S>[]): boolean {
  return steps.some(({ seqNr }) => seqNr > 0);
}
