import type { Offset, Partition } from '../../src/model/position.ts';

interface Progress {
  marked: Offset | undefined;
  committed: Offset | undefined;
}

/**
 * Which group offsets are safe to commit: only those of partitions that are ours, only what has
 * been replicated, never backwards. The replicated offset in the store is the truth; these are
 * only a hint where another member may resume, so committing them late or not at all loses nothing.
 */
export class TopicCommit {
  readonly #partitions = new Map<Partition, Progress>();

  assign(partition: Partition): void {
    this.#partitions.set(partition, { marked: undefined, committed: undefined });
  }

  /** Everything below `nextOffset` is replicated. Ignored for a partition that is not ours. */
  mark(partition: Partition, nextOffset: Offset): void {
    const progress = this.#partitions.get(partition);
    if (progress === undefined || (progress.marked ?? -1) >= nextOffset) return;
    progress.marked = nextOffset;
  }

  /** The offset to commit now; `undefined` when there is nothing new. */
  due(partition: Partition): Offset | undefined {
    const progress = this.#partitions.get(partition);
    if (progress?.marked === undefined) return undefined;
    return progress.marked > (progress.committed ?? -1) ? progress.marked : undefined;
  }

  /** Partitions that have something to commit. */
  duePartitions(): readonly Partition[] {
    return [...this.#partitions.keys()].filter((partition) => this.due(partition) !== undefined);
  }

  /** `nextOffset` was committed. Ignored for a partition that is not ours. */
  committed(partition: Partition, nextOffset: Offset): void {
    const progress = this.#partitions.get(partition);
    if (progress === undefined || (progress.committed ?? -1) >= nextOffset) return;
    progress.committed = nextOffset;
  }

  /** The partition is no longer ours. */
  forget(partition: Partition): void {
    this.#partitions.delete(partition);
  }
}
