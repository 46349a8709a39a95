import { InvalidInputError } from './errors.ts';

/**
 * What a function of a user's has answered. Nobody would wait for a promise: it would be stored in
 * place of what it resolves with, and if it rejected, the process would end. So a promise is
 * refused.
 *
 * @param what names the function, as `toJournal`
 * @throws {InvalidInputError} it is a promise
 */
export function atOnce<T>(answer: T, what: string): T {
  if (!(answer instanceof Promise)) return answer;
  ignoreOutcome(answer);
  throw new InvalidInputError(`${what} answered a promise; it must answer at once`);
}

/** The failure of a promise that nobody awaits would end the process. */
export function ignoreOutcome(value: unknown): void {
  if (value instanceof Promise) value.catch(() => {});
}
