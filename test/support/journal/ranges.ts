import type { EventRecord } from '../../../src/model/event.ts';
import type { AppendedRange } from '../../../src/model/replicated-batch.ts';

/**
 * What the records of some events claim, in their order: from the first number of each to its last.
 */
export function rangesOf(events: readonly EventRecord[]): [AppendedRange, ...AppendedRange[]] {
  const ranges: AppendedRange[] = [];
  for (const { event, record } of events) {
    const last = ranges.at(-1);
    const isOfLast = last?.at.offset === record.at.offset;
    const from = isOfLast ? last.from : event.seqNr;
    ranges.splice(isOfLast ? -1 : ranges.length, 1, { at: record.at, from, to: event.seqNr });
  }
  const [first, ...rest] = ranges;
  if (first === undefined) throw new Error('an append has events');
  return [first, ...rest];
}
