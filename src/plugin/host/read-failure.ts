import { JournalError, StoreUnavailableError } from '../../model/errors.ts';

/**
 * What a read of a plugin failed with, as its caller has to take it. An error of the plugin's own
 * says neither which plugin it is from, nor that nothing has changed.
 *
 * @param name the plugin, for messages: `journal my.journal`
 * @throws the abort reason when the signal has fired
 */
export function asReadFailure(
  cause: unknown,
  name: string,
  signal: AbortSignal | undefined,
): JournalError {
  signal?.throwIfAborted();
  if (cause instanceof JournalError) return cause;
  return new StoreUnavailableError(`${name} failed`, { cause });
}
