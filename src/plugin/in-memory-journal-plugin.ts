import { parseJson } from '../codec/json/json.ts';
import { ClosedError, WriteRejectedError } from '../model/errors.ts';
import { PrintedJson } from '../model/payload.ts';
import { SeqNr } from '../model/seq-nr.ts';
import type { CallOptions } from '../ports/call-options.ts';
import type {
  AtomicWrite,
  JournalPlugin,
  PersistenceId,
  PersistentRepr,
  Recovery,
  ReplayRequest,
  WriteOutcome,
} from '../ports/journal-plugin.ts';
import type { Clock } from '../runtime/clock.ts';
import { decodePersistentRepr } from './persistent-repr.ts';
import { toEvent } from './repr-to-event.ts';

/** How the journal works, and where it takes the time from. */
export interface InMemoryJournalOptions {
  /** Events are written down and read again, as a journal on disk does. */
  readonly testSerialization: boolean;
  readonly delayWritesMs: number;
  readonly clock: Clock;
}

/** One journal. Deleting events does not lower its highest number. */
interface Stored {
  readonly events: PersistentRepr[];
  highest: number;
}

const eventsAtOnce = 1000;
const nothing: Stored = { events: [], highest: 0 };

/** Events that last as long as the plugin: for tests, and for what may be lost. */
export class InMemoryJournalPlugin implements JournalPlugin {
  readonly #journals = new Map<PersistenceId, Stored>();
  readonly #options: InMemoryJournalOptions;
  readonly #closing = new AbortController();

  constructor(options: InMemoryJournalOptions) {
    this.#options = options;
  }

  /**
   * Stores atomic writes in order. One that cannot be written down is rejected, and with it those
   * after it, since their numbers follow on.
   *
   * @throws {ClosedError} nothing is stored
   */
  async write(writes: readonly AtomicWrite[]): Promise<readonly WriteOutcome[]> {
    const { delayWritesMs, clock, testSerialization } = this.#options;
    const { signal } = this.#closing;
    signal.throwIfAborted();
    if (delayWritesMs > 0) await clock.sleep(delayWritesMs, { signal });
    if (testSerialization) return this.#storeReadAgain(writes);
    const timestampMs = clock.nowMs();
    for (const { persistenceId, events } of writes) {
      const journal = this.#journal(persistenceId);
      for (const repr of events) this.#store(journal, repr, timestampMs);
    }
    return [];
  }

  async deleteTo(id: PersistenceId, to: SeqNr): Promise<void> {
    this.#closing.signal.throwIfAborted();
    const { events } = this.#of(id);
    const first = events.findIndex(({ seqNr }) => seqNr > to);
    events.splice(0, first < 0 ? events.length : first);
  }

  /** Everything goes, and numbering begins anew. */
  async purge(id: PersistenceId): Promise<void> {
    this.#closing.signal.throwIfAborted();
    this.#journals.delete(id);
  }

  async highestSeqNr(id: PersistenceId, from: number): Promise<number> {
    this.#closing.signal.throwIfAborted();
    return Math.max(this.#of(id).highest, from);
  }

  replay(request: ReplayRequest, options?: CallOptions): AsyncIterable<readonly PersistentRepr[]> {
    return this.#events(request, options);
  }

  async recover(request: ReplayRequest, options?: CallOptions): Promise<Recovery> {
    this.#closing.signal.throwIfAborted();
    const { highest } = this.#of(request.persistenceId);
    return { highestSeqNr: async () => highest, events: this.#events(request, options) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new ClosedError('the journal in memory is closed'));
    this.#journals.clear();
  }

  async *#events(
    { persistenceId, from, to, maxEvents, maxAhead = eventsAtOnce }: ReplayRequest,
    options: CallOptions | undefined,
  ): AsyncGenerator<readonly PersistentRepr[], void> {
    const { events, highest } = this.#of(persistenceId);
    const isWhole = from <= SeqNr.min && to >= highest && maxEvents >= events.length;
    const wanted = isWhole
      ? events.slice()
      : events.filter(({ seqNr }) => seqNr >= from && seqNr <= to).slice(0, maxEvents);
    for (let at = 0; at < wanted.length; at += maxAhead) {
      options?.signal?.throwIfAborted();
      this.#closing.signal.throwIfAborted();
      yield wanted.slice(at, at + maxAhead);
    }
  }

  #storeReadAgain(writes: readonly AtomicWrite[]): readonly WriteOutcome[] {
    const timestampMs = this.#options.clock.nowMs();
    for (const [index, write] of writes.entries()) {
      try {
        const events = write.events.map(readAgain);
        const journal = this.#journal(write.persistenceId);
        for (const repr of events) this.#store(journal, repr, timestampMs);
      } catch (cause) {
        if (!(cause instanceof WriteRejectedError)) throw cause;
        const text = 'an event before it in the same write was rejected';
        const later = new WriteRejectedError(text, { cause });
        return writes.map((_, other): WriteOutcome => {
          if (other < index) return { type: 'stored' };
          return { type: 'rejected', cause: other === index ? cause : later };
        });
      }
    }
    return [];
  }

  #store(journal: Stored, repr: PersistentRepr, timestampMs: number): void {
    journal.events.push({ ...repr, timestampMs });
    if (repr.seqNr > journal.highest) journal.highest = repr.seqNr;
  }

  #of(id: PersistenceId): Stored {
    return this.#journals.get(id) ?? nothing;
  }

  #journal(id: PersistenceId): Stored {
    const known = this.#journals.get(id);
    if (known !== undefined) return known;
    const journal: Stored = { events: [], highest: 0 };
    this.#journals.set(id, journal);
    return journal;
  }
}

/** @throws {WriteRejectedError} it cannot be written down */
function readAgain(repr: PersistentRepr): PersistentRepr {
  const { payload: written, tags } = toEvent(repr);
  const stored =
    written instanceof PrintedJson
      ? ({ type: 'json', value: parseJson(written.text) } as const)
      : written;
  const { form: _form, ...rest } = repr;
  if (stored === undefined) return rest;
  const { payload, manifest, writerUuid } = decodePersistentRepr(stored);
  return { ...rest, payload, manifest, writerUuid, tags };
}
