import { storedForm } from '../../model/stored-form.ts';
import type { CommandFact } from '../../ports/journal-plugin.ts';
import type { CommandNames } from '../entity/ask.ts';
import type { Envelope, Evaluated } from '../entity/evaluated.ts';

/** How the asker names its command. */
export function namesOf({ ask }: Envelope): CommandNames {
  if (ask === undefined) return {};
  const { expectedSequenceNr: _, ...names } = ask.terms;
  return names;
}

/**
 * Whoever asks again gets the answer from the journal, so the first one gets it in that form, too.
 *
 * @throws {WriteRejectedError} JSON cannot hold the reply; names the place
 */
export function withStoredReply<S>(evaluated: Evaluated<S>): Evaluated<S> {
  const { envelope, steps, outcome } = evaluated;
  if (envelope.ask?.terms.commandId === undefined || outcome.type !== 'reply') return evaluated;
  const isStored = steps.some(({ payload }) => payload !== undefined);
  if (!isStored || outcome.reply === undefined) return evaluated;
  return { ...evaluated, outcome: { ...outcome, reply: storedForm(outcome.reply, 'reply') } };
}

/** What is stored of the command; its first event follows on number `before`. */
export function commandFact<S>(
  { envelope, steps, outcome }: Evaluated<S>,
  before: number,
): CommandFact | undefined {
  const { commandId, correlationId, causationId } = envelope.ask?.terms ?? {};
  if (commandId === undefined && correlationId === undefined && causationId === undefined) {
    return undefined;
  }
  const count = steps.filter(({ payload }) => payload !== undefined).length;
  const reply = commandId !== undefined && outcome.type === 'reply' ? outcome.reply : undefined;
  return {
    first: before + 1,
    last: before + count,
    ...(commandId !== undefined && { commandId }),
    ...(reply !== undefined && { reply }),
    ...(correlationId !== undefined && { correlationId }),
    ...(causationId !== undefined && { causationId }),
  };
}
