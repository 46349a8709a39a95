import type { Offset, Partition, Topic } from '../../../model/position.ts';
import type { Database, Statement } from '../session.ts';

/**
 * A record is deleted when it has been in the store for so long: a reader that took the replicated
 * offset within this time finds every record above it.
 */
export const keepReplicatedMs = 30_000;
/** Records that one step may delete; each save of a replicated offset takes one step. */
const maxRecordsInStep = 4_000;
/** Milliseconds between two offsets of a partition that are remembered. */
const sampleEveryMs = 1_000;

interface Replicated {
  readonly offset: number;
  /** By the steady clock: what is kept for a reader lasts whatever the time of day is set to. */
  readonly atMs: number;
}

interface TrimState {
  /** Replicated offsets, oldest first; bounded by `keepReplicatedMs / sampleEveryMs`. */
  readonly samples: Replicated[];
  /** First offsets that running reads of this process still want. */
  readonly pins: Set<{ readonly from: number }>;
}

/**
 * Deletes from the log what has been replicated, a bounded step at a time and late enough for
 * every reader: otherwise the file would hold each event twice.
 */
export class LogTrim {
  readonly #states = new Map<string, TrimState>();
  readonly #partition: Statement<{ log: number; first_offset: number }>;
  readonly #deleteBodies: Statement;
  readonly #deleteBatches: Statement;
  readonly #saveFirst: Statement;

  constructor(database: Database) {
    this.#partition = database.prepare(
      'SELECT log, first_offset FROM log_partition WHERE topic = ? AND partition = ?',
    );
    const batches = 'FROM log_batch WHERE log = ? AND last_offset < ?';
    this.#deleteBodies = database.prepare(
      `DELETE FROM log_body WHERE batch IN (SELECT batch ${batches})`,
    );
    this.#deleteBatches = database.prepare(`DELETE ${batches}`);
    this.#saveFirst = database.prepare('UPDATE log_partition SET first_offset = ? WHERE log = ?');
  }

  /** Keeps everything from `from` on until it is released. */
  pin(topic: Topic, partition: Partition, from: Offset): { release(): void } {
    const { pins } = this.#state(topic, partition);
    const pin = { from };
    pins.add(pin);
    return { release: () => void pins.delete(pin) };
  }

  /** Remembers that everything up to and including `offset` was in the store at that time. */
  replicated(topic: Topic, partition: Partition, { offset, atMs }: Replicated): void {
    const { samples } = this.#state(topic, partition);
    const last = samples.at(-1);
    if (last === undefined || atMs - last.atMs >= sampleEveryMs) samples.push({ offset, atMs });
  }

  /** Deletes what is due and wanted by no read, in one step, within a transaction. */
  step(topic: Topic, partition: Partition, steadyMs: number): void {
    const { samples, pins } = this.#state(topic, partition);
    const isDue = (sample: Replicated | undefined): boolean =>
      sample !== undefined && steadyMs - sample.atMs >= keepReplicatedMs;
    // The oldest sample that is due stays first until the next one is due as well.
    while (isDue(samples[1])) samples.shift();
    const due = samples[0];
    if (due === undefined || !isDue(due)) return;
    let end = due.offset + 1;
    for (const pin of pins) end = Math.min(end, pin.from);
    this.deleteBefore(topic, partition, end);
  }

  /** Moves the first offset kept towards `end`, by one step at most; within a transaction. */
  deleteBefore(topic: Topic, partition: Partition, end: number): void {
    const row = this.#partition.get(topic, partition);
    if (row === undefined || row.first_offset >= end) return;
    const first = Math.min(end, row.first_offset + maxRecordsInStep);
    this.#deleteBodies.run(row.log, first);
    this.#deleteBatches.run(row.log, first);
    this.#saveFirst.run(first, row.log);
  }

  #state(topic: Topic, partition: Partition): TrimState {
    const name = `${topic}/${partition}`;
    const state = this.#states.get(name) ?? { samples: [], pins: new Set() };
    this.#states.set(name, state);
    return state;
  }
}
