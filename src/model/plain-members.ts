import { CodecError } from './errors.ts';
import { shown } from './shown.ts';

/*
 * Members of what another process sent, as a JSON reader gives them. `at` = the place of the member
 * in the message, for the error: `call.id`.
 */

/** @throws {CodecError} it is no object */
export function readObject(value: unknown, at: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Readonly<Record<string, unknown>>;
  }
  throw wrong(value, at, 'an object');
}

/** @throws {CodecError} it is no array */
export function readArray(value: unknown, at: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw wrong(value, at, 'an array');
}

/** @throws {CodecError} it is no text */
export function readText(value: unknown, at: string): string {
  if (typeof value === 'string') return value;
  throw wrong(value, at, 'a text');
}

/**
 * An integer of at least 0.
 *
 * @throws {CodecError} it is anything else, or above 2^53-1
 */
export function readCount(value: unknown, at: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw wrong(value, at, 'an integer of at least 0');
}

/** @throws {CodecError} it is none of `choices` */
export function readChoice<T extends string>(value: unknown, choices: readonly T[], at: string): T {
  const found = choices.find((choice) => choice === value);
  if (found !== undefined) return found;
  throw wrong(value, at, `one of ${choices.join(', ')}`);
}

function wrong(value: unknown, at: string, expected: string): CodecError {
  return new CodecError(`${at} must be ${expected}, not ${shown(value)}`);
}
