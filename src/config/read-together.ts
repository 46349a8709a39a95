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

/**
 * The same for readers that take their time; they run at the same time. The cause of the first
 * problem that has one is kept.
 *
 * @throws {ConfigError} when any of them found a problem
 */
export async function readAllTogether<T extends readonly unknown[]>(
  ...readers: { readonly [K in keyof T]: () => Promise<T[K]> | T[K] }
): Promise<T> {
  const read = async <R>(reader: () => Promise<R> | R): Promise<R> => await reader();
  const results = await Promise.allSettled(readers.map((reader) => read(reader)));
  const failures = results.flatMap((result) => {
    if (result.status === 'fulfilled') return [];
    if (!(result.reason instanceof ConfigError)) throw result.reason;
    return [result.reason];
  });
  if (failures.length > 0) {
    const cause = failures.find((failure) => failure.cause !== undefined)?.cause;
    const problems = failures.flatMap((failure) => failure.problems);
    throw new ConfigError(problems, cause === undefined ? {} : { cause });
  }
  const values: unknown = results.map((result) =>
    result.status === 'fulfilled' ? result.value : undefined,
  );
  return values as T;
}
