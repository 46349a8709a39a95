import { ConfigError, type ConfigProblem } from '../model/errors.ts';

/**
 * Runs several settings readers and reports the problems of all of them together.
 *
 * @throws {ConfigError} when any of them found a problem
 */
export function readTogether<T extends Record<string, () => unknown>>(
  readers: T,
): { readonly [K in keyof T]: ReturnType<T[K]> } {
  const problems: ConfigProblem[] = [];
  const results = Object.entries(readers).map(([name, read]) => {
    try {
      return [name, read()];
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      problems.push(...error.problems);
      return [name, undefined];
    }
  });
  if (problems.length > 0) throw new ConfigError(problems);
  return Object.fromEntries(results) as { [K in keyof T]: ReturnType<T[K]> };
}
