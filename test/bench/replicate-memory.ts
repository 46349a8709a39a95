import { measureCatchUp } from '../chaos/catch-up.ts';
import type { Stack } from '../support/stack/stack.ts';
import { type Figure, figure } from './figures.ts';

/**
 * A replicator process that starts when none of that many events is replicated: its memory, and how
 * fast it catches up.
 */
export async function benchReplicateMemory(
  stack: Stack,
  events: number,
): Promise<readonly Figure[]> {
  const note = (line: string): void => console.error(line);
  const { eventsPerSecond, memory, problems } = await measureCatchUp({ stack, events, note });
  if (problems.length > 0) throw new Error(problems.join('\n'));
  return [
    figure('replicate.memory.first-quarter', 'MB', [memory.firstMb]),
    figure('replicate.memory.last-quarter', 'MB', [memory.lastMb]),
    figure('replicate.memory.peak', 'MB', [memory.peakMb]),
    figure('replicate.memory.rate', 'events/s', [eventsPerSecond]),
  ];
}
