import type { AtomicWrite } from '../ports/journal-plugin.ts';

/**
 * Groups atomic writes, in order, into appends of at most `maxEvents` events; at most 0 = one
 * group. An atomic write is never split: one that is larger than the limit is a group of its own.
 */
export function batchesOf<W extends AtomicWrite>(
  writes: readonly W[],
  maxEvents: number,
): readonly (readonly W[])[] {
  const total = writes.reduce((sum, { events }) => sum + events.length, 0);
  if (writes.length <= 1 || maxEvents <= 0 || total <= maxEvents) return [writes];
  const batches: W[][] = [];
  let room = 0;
  for (const write of writes) {
    const batch = batches.at(-1);
    if (batch === undefined || write.events.length > room) {
      batches.push([write]);
      room = maxEvents - write.events.length;
    } else {
      batch.push(write);
      room -= write.events.length;
    }
  }
  return batches;
}
