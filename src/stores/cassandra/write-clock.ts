import type { Partition, Topic } from '../../model/position.ts';

/**
 * Write timestamps of one partition's rows, in microseconds, strictly ascending.
 *
 * They follow the time at which the replicator last knew that it owns the partition, not the time
 * of the statement: what a process that lost the partition sends late is older than anything of
 * its successor and loses against it (ADR 29).
 */
export class WriteClock {
  #last = 0;

  /**
   * Everything to come is newer than `micros`.
   *
   * A process that was replaced may read what its successor has written. Were that followed, what
   * it still has in hand would be newer than its successor's, for whichever key. So follow only
   * what was read before the ownership was last checked.
   */
  follow(micros: number): void {
    if (micros > this.#last) this.#last = micros;
  }

  /** All of them so far are at most this. */
  get lastMicros(): number {
    return this.#last;
  }

  /** All of them so far are at or before this time. */
  get lastMs(): number {
    return Math.ceil(this.#last / 1000);
  }

  /** @param nowMs when the ownership was checked */
  next(nowMs: number): number {
    this.#last = Math.max(this.#last + 1, nowMs * 1000);
    return this.#last;
  }
}

/** One clock a partition, kept as long as the process may write; bounded by the partitions. */
export class WriteClocks {
  readonly #clocks = new Map<string, WriteClock>();

  of(topic: Topic, partition: Partition): WriteClock {
    const name = `${topic}:${partition}`;
    const known = this.#clocks.get(name);
    if (known !== undefined) return known;
    const clock = new WriteClock();
    this.#clocks.set(name, clock);
    return clock;
  }
}
