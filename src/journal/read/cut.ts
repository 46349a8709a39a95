import type { Offset, PartitionOffset } from '../../model/position.ts';

/** Which part of the log the store does not have yet, as of one moment. */
export interface Cut {
  /** The end of the read, exclusive: everything acknowledged before the read lies in front of it. */
  readonly end: PartitionOffset;
  /** Everything up to and including this offset is in the store; read before any row. */
  readonly replicated: Offset | undefined;
}
