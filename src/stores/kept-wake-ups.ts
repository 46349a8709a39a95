import { NotSetUpError } from '../model/errors.ts';
import type { Key } from '../model/key.ts';
import type { Offset, Partition, Topic } from '../model/position.ts';
import type { WakeUpChange, WakeUpEntry, WakeUpPlace, WakeUpReason } from '../model/wake-up.ts';
import type { CallOptions } from '../ports/call-options.ts';
import type { KnownWakeUps, WakeUpTime } from '../ports/replicated-journal.ts';
import type { DueRange, WakeUps } from '../ports/wake-ups.ts';

/** What a store has in the column `reason`; what a later version may write is looked at as well. */
export function reasonOf(cell: unknown): WakeUpReason {
  return cell === 'time' || cell === 'now' ? cell : 'unknown';
}

/** Writes the tables of wake-ups; every call throws `NotSetUpError` where they are not there. */
export interface WakeUpTables {
  /**
   * How far they are complete, as of the claim of the partition.
   *
   * @throws {StoreUnavailableError} retryable
   */
  upTo(topic: Topic, partition: Partition, options?: CallOptions): Promise<Offset | undefined>;
  /** @throws {StoreUnavailableError} may be stored; repeat it */
  save(known: KnownWakeUps, nowMs: number): Promise<void>;
  /** The wake-up of one journal; the answer is kept as long as the journal is open. */
  of(key: Key): KeyWakeUps;
}

/** The wake-up of one journal, as the process that owns its partition changes it. */
export interface KeyWakeUps {
  /**
   * Reads what is stored, where `save` needs it.
   *
   * @throws {StoreUnavailableError} retryable
   */
  load(partition: Partition): Promise<void>;
  /** @throws {StoreUnavailableError} may be stored; repeat it */
  save(change: WakeUpChange, time: WakeUpTime): Promise<void>;
  /**
   * Where what is stored comes from; `undefined` = nothing is.
   *
   * @throws {StoreUnavailableError} retryable
   */
  offset(partition: Partition): Promise<Offset | undefined>;
}

/**
 * Removes what is removed already no second time: most entities wait for nothing after each of
 * their appends.
 */
export function removedOnce(wakeUps: KeyWakeUps): KeyWakeUps {
  let isRemoved = false;
  return {
    load: async (partition) => {
      if (!isRemoved) await wakeUps.load(partition);
    },
    offset: (partition) => wakeUps.offset(partition),
    save: async (change, time) => {
      if (change.type === 'remove' && isRemoved) return;
      isRemoved = false;
      await wakeUps.save(change, time);
      isRemoved = change.type === 'remove';
    },
  };
}

/** The reading side of a store that may lack the tables. */
export class ReadableWakeUps implements WakeUps {
  readonly #tables: WakeUps;

  constructor(tables: WakeUps) {
    this.#tables = tables;
  }

  async until(place: WakeUpPlace, options?: CallOptions): Promise<Offset | undefined> {
    return await unlessNotSetUp(this.#tables.until(place, options));
  }

  async *due(range: DueRange, options?: CallOptions): AsyncGenerator<WakeUpEntry, void> {
    try {
      yield* this.#tables.due(range, options);
    } catch (error) {
      if (!(error instanceof NotSetUpError)) throw error;
    }
  }
}

/**
 * The writing side of a store whose tables of wake-ups may be missing: a keyspace of the JVM
 * system, a schema of an earlier version. They may be made at any time. A wake-up that could not be
 * kept is missing from then on. So in a partition where that happened nothing is kept any more, and
 * how far its wake-ups are complete does not move, until the partition is claimed again.
 */
export class KeptWakeUps {
  readonly #tables: WakeUpTables;
  readonly #incomplete = new Set<string>();

  constructor(tables: WakeUpTables) {
    this.#tables = tables;
  }

  /**
   * `undefined` also where there are no tables.
   *
   * @throws {StoreUnavailableError} retryable
   */
  async upTo(
    topic: Topic,
    partition: Partition,
    options?: CallOptions,
  ): Promise<Offset | undefined> {
    this.#incomplete.delete(nameOf(topic, partition));
    return await unlessNotSetUp(this.#tables.upTo(topic, partition, options));
  }

  /**
   * Stores nothing where there are no tables, or were not, and answers false.
   *
   * @throws {StoreUnavailableError} may be stored; repeat it
   */
  save(known: KnownWakeUps, nowMs: number): Promise<boolean> {
    const { topic, partition } = known;
    return this.#whereKept(topic, partition, () => this.#tables.save(known, nowMs));
  }

  of(key: Key): KeyWakeUps {
    const wakeUps = removedOnce(this.#tables.of(key));
    return {
      load: async (partition) => {
        if (this.#incomplete.has(nameOf(key.topic, partition))) return;
        await unlessNotSetUp(wakeUps.load(partition));
      },
      offset: (partition) => unlessNotSetUp(wakeUps.offset(partition)),
      save: async (change, time) => {
        await this.#whereKept(key.topic, time.partition, () => wakeUps.save(change, time));
      },
    };
  }

  /** Answers whether it was done. */
  async #whereKept(
    topic: Topic,
    partition: Partition,
    work: () => Promise<void>,
  ): Promise<boolean> {
    const name = nameOf(topic, partition);
    if (this.#incomplete.has(name)) return false;
    try {
      await work();
      return true;
    } catch (error) {
      if (!(error instanceof NotSetUpError)) throw error;
      this.#incomplete.add(name);
      return false;
    }
  }
}

/** `undefined` where the tables are missing. */
async function unlessNotSetUp<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof NotSetUpError) return undefined;
    throw error;
  }
}

function nameOf(topic: Topic, partition: Partition): string {
  return `${topic}:${partition}`;
}
