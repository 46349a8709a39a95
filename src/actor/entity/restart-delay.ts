import type { ResolvedBackoff } from './entity-options.ts';

/** The delay after failure number `failures`, before the next try, ms. */
export function restartDelayMs(
  { minMs, maxMs, randomFactor }: Omit<ResolvedBackoff, 'maxRestarts'>,
  failures: number,
  random: number,
): number {
  const step = Math.min(maxMs, minMs * 2 ** Math.min(failures - 1, 30));
  return Math.round(step * (1 + random * randomFactor));
}
