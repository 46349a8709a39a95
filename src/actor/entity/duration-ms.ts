import { InvalidInputError } from '../../model/errors.ts';
import type { Duration } from './entity-options.ts';

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1e3, m: 6e4, h: 36e5, d: 864e5 };

/**
 * The duration in ms; `name` = the option, for the message.
 *
 * @throws {InvalidInputError} no number, no text with a unit, or negative
 */
export function durationMs(value: Duration, name: string): number {
  const match = typeof value === 'string' ? /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/.exec(value) : null;
  const ms = match === null ? Number(value) : Number(match[1]) * (unitMs[match[2] ?? 'ms'] ?? 1);
  if (Number.isFinite(ms) && ms >= 0 && value !== '') return ms;
  throw new InvalidInputError(`${name} must be milliseconds or like '200ms', not ${String(value)}`);
}
