import { isDeepStrictEqual } from 'node:util';
import type { AtomicWrite } from '../ports/journal-plugin.ts';

/**
 * Groups atomic writes, in order, into appends of at most `maxEvents` events; at most 0 = no limit.
 * An atomic write is never split: one that is larger than the limit is a group of its own. What is
 * stored beside the events is stored once for an append, so all writes of a group say the same.
 */
export function batchesOf<W extends AtomicWrite>(
  writes: readonly W[],
  maxEvents: number,
): readonly (readonly [W, ...W[]])[] {
  const [first] = writes;
  if (first === undefined) return [];
  if (writes.length === 1) return [[first]];
  const limit = maxEvents <= 0 ? Number.POSITIVE_INFINITY : maxEvents;
  const batches: [W, ...W[]][] = [];
  let room = 0;
  for (const write of writes) {
    const batch = batches.at(-1);
    const fits = write.events.length <= room && isDeepStrictEqual(batch?.[0].beside, write.beside);
    if (batch === undefined || !fits) {
      batches.push([write]);
      room = limit - write.events.length;
    } else {
      batch.push(write);
      room -= write.events.length;
    }
  }
  return batches;
}
