import { InvalidInputError } from './errors.ts';
import { shown } from './shown.ts';

/** A name for each option: one that is missing here does not compile. */
export type OptionNames<Options> = Readonly<Record<keyof Options, true>>;

/**
 * A misspelt option would count as one that is not given: an entity would store its commands as
 * they are, or events that are not encrypted; a command would run again whose `commandID` nobody
 * read. TypeScript sees that, except where options are spread.
 *
 * @param taker the function that takes the options
 * @throws {InvalidInputError} there are no options; or names all that do not exist
 */
export function checkOptionNames(options: unknown, known: object, taker: string): void {
  if (typeof options !== 'object' || options === null) {
    throw new InvalidInputError(`${taker} needs an object of options, not ${shown(options)}`);
  }
  // Each command comes this way: nothing is made unless there is something to say.
  for (const name in options) {
    if (!Object.hasOwn(known, name) && says(options, name)) throw strange(options, known, taker);
  }
}

/**
 * A signal in the place of the options has names that it inherits, and is not taken for none. An
 * `AbortController`, whose method is inherited, may stand for `{ signal }`.
 */
function says(options: object, name: string): boolean {
  const value = (options as Readonly<Record<string, unknown>>)[name];
  return value !== undefined && (typeof value !== 'function' || Object.hasOwn(options, name));
}

/** As {@link checkOptionNames}, where no options need be given. */
export function checkGivenNames(options: unknown, known: object, taker: string): void {
  if (options !== undefined && options !== null) checkOptionNames(options, known, taker);
}

function strange(options: object, known: object, taker: string): InvalidInputError {
  const names: string[] = [];
  for (const name in options) {
    if (!Object.hasOwn(known, name) && says(options, name)) names.push(shown(name));
  }
  return new InvalidInputError(`${taker} has no option ${names.join(', ')}`);
}
