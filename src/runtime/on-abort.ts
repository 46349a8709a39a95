/**
 * Calls `listener` with the reason once `signal` fires, at once when it has fired already.
 *
 * @returns stops listening. Call it when the wait is over: a signal may live as long as the process
 */
export function onAbort(
  signal: AbortSignal | undefined,
  listener: (reason: unknown) => void,
): () => void {
  if (signal === undefined) return () => {};
  const fired = (): void => listener(signal.reason);
  if (signal.aborted) fired();
  else signal.addEventListener('abort', fired, { once: true });
  return () => signal.removeEventListener('abort', fired);
}
