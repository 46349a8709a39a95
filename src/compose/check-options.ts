import { InvalidInputError } from '../model/errors.ts';
import { checkOptionNames } from '../model/option-names.ts';
import { shown } from '../model/shown.ts';
import { missingMethods } from '../plugin/resolve-export.ts';

const texts = ['file', 'config', 'plugin'];
const logMethods = ['debug', 'info', 'warn', 'error', 'child'];

/**
 * Callers in JavaScript get to know at once. With a logger that lacks `child`, such as `console`,
 * an embedded journal would never be replicated.
 *
 * @throws {InvalidInputError} names the option
 */
export function checkOptions(options: unknown, known: object, taker: string): void {
  if (typeof options !== 'object' || options === null) {
    const example = "{ file: 'application.conf' }";
    throw new InvalidInputError(
      `options must be an object such as ${example}, not ${shown(options)}`,
    );
  }
  checkOptionNames(options, known, taker);
  const given: Readonly<Record<string, unknown>> = { ...options };
  for (const name of texts) {
    const value = given[name];
    if (value === undefined || typeof value === 'string') continue;
    throw new InvalidInputError(`the option "${name}" must be a text, not ${shown(value)}`);
  }
  const lacks = given.log === undefined ? [] : missingMethods(given.log, logMethods);
  if (lacks.length > 0) {
    const text = 'must be a logger of the shape of pino';
    throw new InvalidInputError(`the option "log" ${text}; it lacks ${lacks.join(', ')}`);
  }
}
