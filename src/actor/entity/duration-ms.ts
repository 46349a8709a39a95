import { InvalidInputError } from '../../model/errors.ts';
import type { Duration } from './entity-options.ts';

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1e3, m: 6e4, h: 36e5, d: 864e5 };

/**
 * The duration in ms; `name` = the option, for the message.
 *
 * @throws {InvalidInputError} no number, no text of a number with or without a unit, or negative
 */
export function durationMs(value: Duration, name: string): number {
  const ms = typeof value === 'string' ? msOf(value) : value;
  if (Number.isFinite(ms) && ms >= 0) return ms;
  throw new InvalidInputError(`${name} must be milliseconds or like '200ms', not ${String(value)}`);
}

/** JavaScript makes 0 of a blank text. As `expireAfter` it would let a journal expire at once. */
function msOf(text: string): number {
  const [, length, unit = 'ms'] = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?$/.exec(text) ?? [];
  return Number(length) * (unitMs[unit] ?? 1);
}
