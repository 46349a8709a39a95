import type { Key } from '../../src/model/key.ts';
import type { CallOptions } from '../../src/ports/call-options.ts';
import type {
  ReplicatedJournal,
  ReplicatedKeyJournal,
} from '../../src/ports/replicated-journal.ts';

/** Journals of one partition that are kept open at most; the least recently used goes first. */
export const maxOpenJournals = 10_000;

/** How long and how many journals stay open. */
export interface KeyJournalsLimits {
  /** A journal that was not used for so long is opened again. */
  readonly expireAfterMs: number;
  /** At least 1; {@link maxOpenJournals} unless given. */
  readonly maxOpen?: number;
}

interface OpenJournal {
  readonly journal: ReplicatedKeyJournal;
  usedAtMs: number;
}

/**
 * The open journals of one partition, so that a key that is busy has its row loaded once.
 *
 * What it holds is true only while this process owns the partition and every write succeeded:
 * a journal is forgotten after any failure, and all of them when the partition is given up.
 */
export class KeyJournals {
  readonly #store: ReplicatedJournal;
  readonly #expireAfterMs: number;
  readonly #maxOpen: number;
  /** Least recently used first: an entry moves to the end when it is used. */
  readonly #open = new Map<string, OpenJournal>();

  constructor(store: ReplicatedJournal, limits: KeyJournalsLimits) {
    this.#store = store;
    this.#expireAfterMs = limits.expireAfterMs;
    this.#maxOpen = limits.maxOpen ?? maxOpenJournals;
  }

  get size(): number {
    return this.#open.size;
  }

  /**
   * Calls for one key must not overlap.
   *
   * @throws {StoreUnavailableError}
   */
  async open(key: Key, nowMs: number, options: CallOptions): Promise<ReplicatedKeyJournal> {
    const known = this.#open.get(key.id);
    if (known !== undefined && nowMs - known.usedAtMs < this.#expireAfterMs) {
      this.#keep(key.id, known, nowMs);
      return known.journal;
    }
    this.#open.delete(key.id);
    const journal = await this.#store.open(key, options);
    this.#keep(key.id, { journal, usedAtMs: nowMs }, nowMs);
    return journal;
  }

  /**
   * A journal for a look, which is not kept open for it: a walk over all of them must not push out
   * those that are busy. Calls for one key must not overlap.
   *
   * @throws {StoreUnavailableError}
   */
  async peek(key: Key): Promise<ReplicatedKeyJournal> {
    return this.#open.get(key.id)?.journal ?? (await this.#store.open(key));
  }

  #keep(id: string, entry: OpenJournal, nowMs: number): void {
    entry.usedAtMs = nowMs;
    this.#open.delete(id);
    this.#open.set(id, entry);
    if (this.#open.size <= this.#maxOpen) return;
    const [oldest] = this.#open.keys();
    if (oldest !== undefined) this.#open.delete(oldest);
  }

  /** Drops what was not used for the time that was set. */
  expire(nowMs: number): void {
    for (const [id, entry] of this.#open) {
      if (nowMs - entry.usedAtMs < this.#expireAfterMs) return;
      this.#open.delete(id);
    }
  }

  forget(key: Key): void {
    this.#open.delete(key.id);
  }

  clear(): void {
    this.#open.clear();
  }
}
