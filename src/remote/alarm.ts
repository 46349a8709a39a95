import type { Clock } from '../runtime/clock.ts';

/**
 * Calls `ring` once, after `ms`.
 *
 * @returns turns it off, and frees its timer
 */
export function alarm(ms: number, clock: Clock, ring: () => void): () => void {
  const off = new AbortController();
  clock.sleep(ms, { signal: off.signal }).then(ring, () => {});
  return () => off.abort('off');
}
