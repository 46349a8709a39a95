import { InvalidInputError } from './errors.ts';

/**
 * What a function of a user's has answered, which must be no promise: nobody waits for it, and its
 * failure would end the process.
 *
 * @param what names the function: `toJournal of its event adapter`
 * @throws {InvalidInputError} it is a promise
 */
export function atOnce<T>(answer: T, what: string): T {
  if (!(answer instanceof Promise)) return answer;
  answer.catch(() => {});
  throw new InvalidInputError(`${what} answered a promise; it must answer at once`);
}
