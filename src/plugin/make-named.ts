import { problemAt } from '../config/settings/class-name.ts';
import { ConfigError } from '../model/errors.ts';
import type { Clock } from '../runtime/clock.ts';
import { within } from '../runtime/waiting.ts';
import { type MadeFrom, makeFrom, missingMethods, resolveExport } from './resolve-export.ts';

/**
 * Loads what the key names, and makes something of it that has the methods.
 *
 * @throws {ConfigError} at the place of the key: the export is not there, fails, or makes something
 * else
 */
export async function makeNamed<T>(
  context: unknown,
  place: MadeFrom,
  methods: readonly (keyof T & string)[],
): Promise<T> {
  const { config, key, what } = place;
  const { value } = await resolveExport(config, key, { what, builtins: new Map<string, never>() });
  const made = await makeBy(value, context, place);
  const missing = missingMethods(made, methods);
  if (missing.length === 0) return made as T;
  const text = `must make ${what}; what it made lacks ${missing.join(', ')}`;
  throw new ConfigError([problemAt(config, key, text)]);
}

/** Longest time for loading a module and making something of it that needs no I/O. */
const limitMs = 10_000;

/**
 * What is being made, once it is there. Without a limit a promise of a user's that never settles
 * would hold the start of the program, or a recovery and its permit.
 *
 * @throws {ConfigError} at the place of the key: it takes longer than 10 s
 * @throws what `making` rejects with
 */
export async function madeInTime<T>(
  making: Promise<T>,
  { config, key, what }: MadeFrom,
  clock: Clock,
): Promise<T> {
  const made = await within(making, limitMs, clock);
  if (made !== 'expired') return made;
  const text = `names an export that did not make ${what} within ${limitMs} ms`;
  throw new ConfigError([problemAt(config, key, text)]);
}

/**
 * Makes something from what a module exports.
 *
 * @throws {ConfigError} at the place of the key: it is of the wrong kind, or fails
 */
export async function makeBy(
  exported: unknown,
  context: unknown,
  place: MadeFrom,
): Promise<unknown> {
  try {
    return await makeFrom(exported, context, place);
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause;
    const text = `names an export that failed to make ${place.what}: ${String(cause)}`;
    throw new ConfigError([problemAt(place.config, place.key, text)], { cause });
  }
}
