import { WriteRejectedError } from '../model/errors.ts';
import type { SnapshotMetadata } from '../ports/snapshot-store.ts';

/** The largest snapshot that a store takes. */
export interface SnapshotLimit {
  /** For messages. */
  readonly store: string;
  readonly bytes: number;
}

/**
 * Before anything of a snapshot is sent: what a store takes and cannot give back would hold its
 * entity for ever.
 *
 * @throws {WriteRejectedError} it is too large for the store; names both sizes
 */
export function checkSnapshotSize(
  { persistenceId, seqNr }: SnapshotMetadata,
  { length }: Uint8Array,
  limit: SnapshotLimit,
): void {
  if (length <= limit.bytes) return;
  const text = `the snapshot of event ${seqNr} of ${persistenceId} has ${length} bytes`;
  throw new WriteRejectedError(`${text}; ${limit.store} takes at most ${limit.bytes}`);
}
