/** So that code which changes it in place fails in development, and not in a later replay. */
export function freezeContext(state: unknown): void {
  deepFreeze((state as { readonly context?: unknown }).context);
}

/**
 * Makes plain objects and arrays unchangeable, all the way down, so that code which changes them
 * in place throws where it does so. What is frozen already is taken as done; other objects,
 * actors among them, are left alone.
 */
export function deepFreeze(value: unknown): void {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null && !Array.isArray(value)) return;
  Object.freeze(value);
  for (const inner of Object.values(value)) deepFreeze(inner);
}
