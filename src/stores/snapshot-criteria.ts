import type { SnapshotCriteria } from '../ports/snapshot-store.ts';

/** Whether the criteria mean snapshots of that number. */
export function meetsNumbers(seqNr: number, { minSeqNr, maxSeqNr }: SnapshotCriteria): boolean {
  return minSeqNr <= seqNr && seqNr <= maxSeqNr;
}

/** Whether the criteria mean snapshots that were saved then. */
export function meetsTimes(
  timestampMs: number,
  { minTimestampMs, maxTimestampMs }: SnapshotCriteria,
): boolean {
  return minTimestampMs <= timestampMs && timestampMs <= maxTimestampMs;
}

/** Whether it does not matter to the criteria when a snapshot was saved. */
export function isOfAnyTime({ minTimestampMs, maxTimestampMs }: SnapshotCriteria): boolean {
  return minTimestampMs <= 0 && maxTimestampMs >= Number.MAX_SAFE_INTEGER;
}
