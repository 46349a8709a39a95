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

/** What was thrown, for a message: callbacks of the user may throw what cannot even be a text. */
export function thrownText(thrown: unknown): string {
  if (thrown instanceof Error) return thrown.message;
  try {
    return String(thrown);
  } catch {
    return shown(thrown);
  }
}
