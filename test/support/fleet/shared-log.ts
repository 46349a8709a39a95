import { partitionOf } from '../../../src/codec/java-hash.ts';
import { NotOwnerError, WriteFailedError } from '../../../src/model/errors.ts';
import type { SeqNr } from '../../../src/model/seq-nr.ts';
import type {
  AtomicWrite,
  HeldPlugin,
  JournalPlugin,
  PersistenceId,
  PersistentRepr,
  Recovery,
  WriteOutcome,
} from '../../../src/ports/journal-plugin.ts';
import type { ProcessClock } from './virtual-time.ts';

interface Tenure {
  readonly holder: string;
  readonly number: number;
  readonly over: AbortController;
  readonly clock: ProcessClock;
}

/** Journals of one topic that several processes write under tenures, each partition by one. */
export class SharedLog {
  readonly partitions: number;
  readonly #random: () => number;
  readonly #journals = new Map<string, PersistentRepr[]>();
  readonly #tenures = new Map<number, Tenure>();
  #numbers = 0;
  /** Of each write: its outcome is not known. */
  unknownRate = 0;
  longestDelayMs = 4;
  /** Why no journal can be held at the moment. */
  refusal: NotOwnerError | undefined;
  /** Opening marks by process, in order: `process partition`. */
  readonly openings: string[] = [];
  /** Writes that came too late. */
  voids = 0;
  /** Deletions and purges, as `process what id`. */
  readonly upkeep: string[] = [];

  constructor(partitions: number, random: () => number) {
    this.partitions = partitions;
    this.#random = random;
  }

  events(id: string): readonly PersistentRepr[] {
    return this.#journals.get(id) ?? [];
  }

  partitionOf(id: string): number {
    return partitionOf(Buffer.from(id), this.partitions);
  }

  /** The journals as one process sees them. */
  plugin(holder: string, clock: ProcessClock): JournalPlugin {
    const pause = (): Promise<void> => clock.sleep(this.#random() * this.longestDelayMs);
    const reading = {
      deleteTo: async (id: PersistenceId, to: SeqNr) => {
        await pause();
        this.upkeep.push(`${holder} delete ${id} to ${to}`);
      },
      highestSeqNr: async (id: PersistenceId) => {
        await pause();
        return this.events(id).length;
      },
      replay: () => {
        throw new Error('recoveries take one pass');
      },
      recover: async ({ persistenceId }: { persistenceId: PersistenceId }): Promise<Recovery> => {
        await pause();
        const events = [...this.events(persistenceId)];
        return {
          highestSeqNr: async () => events.length,
          events: (async function* () {
            if (events.length > 0) yield events;
          })(),
        };
      },
      [Symbol.asyncDispose]: async () => {},
    };
    return {
      ...reading,
      write: () => Promise.reject(new Error('nobody writes without a hold')),
      purge: () => Promise.reject(new Error('nobody purges without a hold')),
      hold: async (id) => {
        if (this.refusal !== undefined) throw this.refusal;
        await pause();
        const tenure = this.#open(this.partitionOf(id), holder, clock);
        await pause();
        const released = new AbortController();
        return {
          ...reading,
          signal: AbortSignal.any([tenure.over.signal, released.signal]),
          write: async (writes) => {
            await clock.outside(this.#random() * this.longestDelayMs);
            const outcomes = this.#write(writes, tenure);
            await pause();
            return outcomes();
          },
          purge: async (of) => {
            await clock.outside(this.#random() * this.longestDelayMs);
            if (this.#tenures.get(this.partitionOf(of)) !== tenure) {
              throw new NotOwnerError('the purge came too late');
            }
            this.upkeep.push(`${holder} purge ${of}`);
            this.#journals.delete(of);
            await pause();
          },
          [Symbol.asyncDispose]: async () => released.abort(new NotOwnerError('released')),
        } satisfies HeldPlugin;
      },
    };
  }

  #open(partition: number, holder: string, clock: ProcessClock): Tenure {
    const before = this.#tenures.get(partition);
    if (before?.holder === holder && !before.over.signal.aborted) return before;
    this.openings.push(`${holder} ${partition}`);
    const number = ++this.#numbers;
    const tenure = { holder, number, clock, over: new AbortController() };
    this.#tenures.set(partition, tenure);
    const isAnothers = before !== undefined && before.holder !== holder;
    if (isAnothers) this.#lose(before, this.#random() * 300);
    return tenure;
  }

  #lose({ over, clock }: Tenure, delayMs: number): void {
    const lost = new NotOwnerError('another process has opened a tenure');
    clock.sleep(delayMs).then(
      () => over.abort(lost),
      () => {},
    );
  }

  /** What the writer gets when it reads the answer. */
  #write(writes: readonly AtomicWrite[], tenure: Tenure): () => readonly WriteOutcome[] {
    const id = writes[0]?.persistenceId ?? '';
    const partition = this.partitionOf(id);
    if (this.#tenures.get(partition) !== tenure) {
      this.voids++;
      return () => {
        throw new NotOwnerError('the write came too late');
      };
    }
    const isUnknown = this.#random() < this.unknownRate;
    if (!isUnknown || this.#random() < 0.5) this.#store(writes);
    if (!isUnknown) return () => [];
    tenure.over.abort(new WriteFailedError('an outcome is not known'));
    return () => {
      throw new WriteFailedError('no answer');
    };
  }

  #store(writes: readonly AtomicWrite[]): void {
    for (const { persistenceId, events } of writes) {
      const journal = this.#journals.get(persistenceId) ?? [];
      this.#journals.set(persistenceId, journal);
      for (const event of events) {
        if (event.seqNr !== journal.length + 1) {
          throw new Error(`${persistenceId}: ${event.seqNr} is written after ${journal.length}`);
        }
        journal.push(event);
      }
    }
  }
}
