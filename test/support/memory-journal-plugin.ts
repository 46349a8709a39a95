import type {
  AtomicWrite,
  JournalPlugin,
  PersistenceId,
  PersistentRepr,
  Recovery,
  ReplayRequest,
  WriteOutcome,
} from '../../src/ports/journal-plugin.ts';

type NextWrite = (writes: readonly AtomicWrite[]) => Promise<readonly WriteOutcome[]>;

/** A gate that a test opens. */
export interface Gate {
  /** Resolves once something waits at the gate. */
  readonly reached: Promise<void>;
  open(): void;
}

export interface MemoryJournalOptions {
  /** Without it the host has to use `highestSeqNr` and `replay`. */
  readonly onePass?: boolean;
  readonly batchSize?: number;
  readonly nowMs?: () => number;
}

/**
 * A journal in memory, for unit tests of actors; its answers can be held back, refused and failed.
 */
export class MemoryJournalPlugin implements JournalPlugin {
  readonly #journals = new Map<string, PersistentRepr[]>();
  readonly #batchSize: number;
  readonly #nowMs: () => number;
  readonly #nextWrites: NextWrite[] = [];
  #replayGate: { readonly passed: Promise<void>; readonly reach: () => void } | undefined;
  #recoveriesToFail: Error[] = [];
  #deletionsToFail: Error[] = [];
  #deletionGate: { readonly passed: Promise<void>; readonly reach: () => void } | undefined;
  /** Of journals that lost events; other journals say it by themselves. */
  readonly #highest = new Map<string, number>();
  /** Requests of reads, in order. */
  readonly requests: ReplayRequest[] = [];
  /** Calls of `write`, each with the atomic writes it was given. */
  readonly writes: (readonly AtomicWrite[])[] = [];
  /** Calls of `deleteTo`. */
  readonly deletions: (readonly [string, number])[] = [];
  readonly calls = { recover: 0, replay: 0, highestSeqNr: 0 };
  readonly recover?: NonNullable<JournalPlugin['recover']>;

  constructor({ onePass = true, batchSize = 500, nowMs = Date.now }: MemoryJournalOptions = {}) {
    this.#batchSize = batchSize;
    this.#nowMs = nowMs;
    if (onePass) this.recover = (request, options) => this.#recover(request, options?.signal);
  }

  /** The next write waits at a gate, then goes on. */
  blockNextWrite(): Gate {
    const gate = openGate();
    this.#nextWrites.push(async (writes) => {
      gate.reach();
      await gate.passed;
      return this.#store(writes);
    });
    return gate;
  }

  /** The next write throws; nothing of it is stored unless `stored` is set. */
  failNextWrite(error: Error, { stored = false }: { readonly stored?: boolean } = {}): void {
    this.#nextWrites.push(async (writes) => {
      if (stored) this.#store(writes);
      throw error;
    });
  }

  /** The next write waits at a gate, then throws. */
  blockAndFailNextWrite(error: Error): Gate {
    const gate = openGate();
    this.#nextWrites.push(async () => {
      gate.reach();
      await gate.passed;
      throw error;
    });
    return gate;
  }

  /**
   * The next write answers a rejection for each atomic write whose index is listed, and stores the
   * others.
   */
  rejectNextWrite(cause: Error, indexes: readonly number[] = [0]): void {
    this.#nextWrites.push(async (writes) => {
      this.#store(writes.filter((_, index) => !indexes.includes(index)));
      return writes.map((_, index) =>
        indexes.includes(index) ? { type: 'rejected', cause } : { type: 'stored' },
      );
    });
  }

  /** The next write stores nothing and answers this. */
  answerNextWrite(outcomes: readonly WriteOutcome[]): void {
    this.#nextWrites.push(async () => outcomes);
  }

  /** All recoveries from now on wait before their first event. */
  blockReplay(): Gate {
    const gate = openGate();
    this.#replayGate = gate;
    return {
      reached: gate.reached,
      open: () => {
        this.#replayGate = undefined;
        gate.open();
      },
    };
  }

  /** The next deletion waits at a gate, then goes on. */
  blockNextDeletion(): Gate {
    const gate = openGate();
    this.#deletionGate = gate;
    return gate;
  }

  failNextRecovery(error: Error): void {
    this.#recoveriesToFail.push(error);
  }

  failNextDeletion(error: Error): void {
    this.#deletionsToFail.push(error);
  }

  /** What is stored under an id. */
  stored(id: string): readonly PersistentRepr[] {
    return this.#journals.get(id) ?? [];
  }

  payloads(id: string): readonly unknown[] {
    return this.stored(id).map((repr) => repr.payload);
  }

  /** Puts events into a journal, as if an earlier process had written them. */
  seed(id: string, payloads: readonly unknown[], timestampMs = this.#nowMs()): void {
    const journal = this.#journal(id);
    for (const payload of payloads) {
      journal.push({
        persistenceId: id as PersistenceId,
        seqNr: (this.#highestOf(id) + 1) as PersistentRepr['seqNr'],
        payload,
        manifest: '',
        writerUuid: 'seed',
        timestampMs,
        tags: [],
        facts: {},
      });
    }
  }

  async write(writes: readonly AtomicWrite[]): Promise<readonly WriteOutcome[]> {
    this.writes.push(writes);
    const next = this.#nextWrites.shift();
    return next === undefined ? this.#store(writes) : next(writes);
  }

  async deleteTo(id: PersistenceId, to: number): Promise<void> {
    this.deletions.push([id, to]);
    const failure = this.#deletionsToFail.shift();
    if (failure !== undefined) throw failure;
    const gate = this.#deletionGate;
    this.#deletionGate = undefined;
    gate?.reach();
    await gate?.passed;
    this.#highest.set(id, this.#highestOf(id));
    this.#journals.set(
      id,
      this.#journal(id).filter((repr) => repr.seqNr > to),
    );
  }

  /** Everything goes, and numbering begins anew. */
  async purge(id: string): Promise<void> {
    this.#journals.delete(id as PersistenceId);
    this.#highest.delete(id as PersistenceId);
  }

  async highestSeqNr(id: PersistenceId): Promise<number> {
    this.calls.highestSeqNr++;
    return this.#highestOf(id);
  }

  replay(request: ReplayRequest): AsyncIterable<readonly PersistentRepr[]> {
    this.calls.replay++;
    return this.#events(request);
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  async #recover(request: ReplayRequest, signal?: AbortSignal): Promise<Recovery> {
    this.calls.recover++;
    const error = this.#recoveriesToFail.shift();
    if (error !== undefined) throw error;
    signal?.throwIfAborted();
    const highest = this.#highestOf(request.persistenceId);
    return { highestSeqNr: async () => highest, events: this.#events(request) };
  }

  #highestOf(id: string): number {
    return this.stored(id).at(-1)?.seqNr ?? this.#highest.get(id) ?? 0;
  }

  async *#events(request: ReplayRequest): Recovery['events'] {
    const { persistenceId, from, to, maxEvents } = request;
    this.requests.push(request);
    const gate = this.#replayGate;
    if (gate !== undefined) {
      gate.reach();
      await gate.passed;
    }
    const wanted = this.stored(persistenceId)
      .filter((repr) => repr.seqNr >= from && repr.seqNr <= to)
      .slice(0, maxEvents);
    for (let i = 0; i < wanted.length; i += this.#batchSize)
      yield wanted.slice(i, i + this.#batchSize);
  }

  #store(writes: readonly AtomicWrite[]): readonly WriteOutcome[] {
    const timestampMs = this.#nowMs();
    for (const { persistenceId, events } of writes) {
      const journal = this.#journal(persistenceId);
      for (const repr of events) {
        const expected = this.#highestOf(persistenceId) + 1;
        if (repr.seqNr !== expected) {
          throw new Error(
            `${persistenceId}: number ${repr.seqNr} written where ${expected} is next`,
          );
        }
        journal.push({ ...repr, timestampMs });
      }
    }
    return [];
  }

  #journal(id: string): PersistentRepr[] {
    const existing = this.#journals.get(id);
    if (existing !== undefined) return existing;
    const fresh: PersistentRepr[] = [];
    this.#journals.set(id, fresh);
    return fresh;
  }
}

function openGate(): Gate & { readonly passed: Promise<void>; readonly reach: () => void } {
  const reached = Promise.withResolvers<void>();
  const passed = Promise.withResolvers<void>();
  return {
    reached: reached.promise,
    reach: reached.resolve,
    passed: passed.promise,
    open: passed.resolve,
  };
}
