import type {
  AtomicWrite,
  JournalPlugin,
  PersistenceId,
  PersistentRepr,
  PluginContext,
  ReplayRequest,
  SeqNr,
  WriteOutcome,
} from '../../../src/index.ts';

/** One line of the journal, as a program of a user might write it down. */
interface Line {
  readonly seqNr: SeqNr;
  readonly text: string;
  readonly writerUuid: string;
  readonly tags: readonly string[];
  readonly timestampMs: number;
  readonly repr: PersistentRepr;
}

/** Every one that was made, in order: tests look at what became of it. */
export const made: OwnJournal[] = [];

/** A journal as a user writes one, with nothing but the public exports: lines of JSON in memory. */
export class OwnJournal implements JournalPlugin {
  readonly context: PluginContext;
  readonly #lines = new Map<PersistenceId, Line[]>();
  readonly #highest = new Map<PersistenceId, number>();
  isClosed = false;
  /** The most events that were read and not yet taken. */
  mostAhead = 0;
  /** Replays that hold something open. */
  cursors = 0;

  constructor(context: PluginContext) {
    this.context = context;
    made.push(this);
  }

  async write(writes: readonly AtomicWrite[]): Promise<readonly WriteOutcome[]> {
    this.#checkOpen();
    const timestampMs = this.context.clock.nowMs();
    // Written down before anything is stored, so that a request is stored whole or not at all.
    const lines = writes.flatMap(({ events }) =>
      events.map((repr): Line => {
        const { seqNr, writerUuid, tags } = repr;
        const text = JSON.stringify({ payload: repr.payload });
        return { seqNr, writerUuid, tags, timestampMs, text, repr };
      }),
    );
    await Promise.resolve();
    for (const line of lines) {
      const id = line.repr.persistenceId;
      this.#lines.set(id, [...(this.#lines.get(id) ?? []), line]);
      this.#highest.set(id, line.seqNr);
    }
    return [];
  }

  async deleteTo(id: PersistenceId, to: SeqNr): Promise<void> {
    this.#checkOpen();
    const kept = (this.#lines.get(id) ?? []).filter(({ seqNr }) => seqNr > to);
    this.#lines.set(id, kept);
  }

  async highestSeqNr(id: PersistenceId, from: number): Promise<number> {
    this.#checkOpen();
    return Math.max(this.#highest.get(id) ?? 0, from);
  }

  async *replay({
    persistenceId,
    from,
    to,
    maxEvents,
    maxAhead = 100,
  }: ReplayRequest): AsyncGenerator<readonly PersistentRepr[]> {
    const lines = (this.#lines.get(persistenceId) ?? [])
      .filter(({ seqNr }) => seqNr >= from && seqNr <= to)
      .slice(0, maxEvents);
    this.cursors++;
    try {
      for (let at = 0; at < lines.length; at += maxAhead) {
        const batch = lines.slice(at, at + maxAhead).map(readBack);
        this.mostAhead = Math.max(this.mostAhead, batch.length);
        yield batch;
      }
    } finally {
      this.cursors--;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.isClosed = true;
  }

  #checkOpen(): void {
    if (this.isClosed) throw new Error('the journal is closed');
  }
}

function readBack({ repr, text, timestampMs }: Line): PersistentRepr {
  const { form: _form, ...rest } = repr;
  const { payload } = JSON.parse(text) as { readonly payload: unknown };
  return { ...rest, payload, timestampMs };
}

export default (context: PluginContext): OwnJournal => new OwnJournal(context);

/** Nothing that could make a journal. */
export const notAJournal = 5;

/** It lacks most of a journal. */
export const halfAJournal = () => ({ write: async () => [] });

/** A snapshot store. */
export const aSnapshotStore = () => ({
  load: async () => undefined,
  save: async () => {},
  delete: async () => {},
  deleteMatching: async () => {},
  [Symbol.asyncDispose]: async () => {},
});

export const throwing = () => {
  throw new Error('no such disk');
};

export const hanging = () => new Promise(() => {});
