/** Longest text that a message repeats. */
const maxShown = 60;

/**
 * A value of a caller's in a message: short, whatever it is, and without running code of the
 * value's own.
 */
export function shown(value: unknown): string {
  if (typeof value === 'string') {
    return JSON.stringify(value.length > maxShown ? `${value.slice(0, maxShown)}...` : value);
  }
  if (typeof value === 'function') return 'a function';
  if (typeof value !== 'object' || value === null) return String(value);
  return Array.isArray(value) ? 'an array' : 'an object';
}
