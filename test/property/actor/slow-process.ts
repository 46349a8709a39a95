import { NotOwnerError, WriteFailedError, WriteRejectedError } from '../../../src/model/errors.ts';
import type { AtomicWrite, HeldPlugin, JournalPlugin } from '../../../src/ports/journal-plugin.ts';
import type { SnapshotStore } from '../../../src/ports/snapshot-store.ts';
import type { InMemorySnapshotStore } from '../../../src/stores/memory/in-memory-snapshot-store.ts';
import type { MemoryJournalPlugin } from '../../support/memory-journal-plugin.ts';
import type { SimulatedTime } from './differential/simulated-time.ts';

/** What becomes of a write. */
export type Fault = 'fails' | 'fails though stored' | 'refused';

export interface Delays {
  /** How long a write takes to be stored, and then to be answered; how long a save takes. */
  readonly writeMs: number;
  readonly answerMs: number;
  readonly saveMs: number;
}

/** What processes share, and what they report. */
export interface Shared {
  readonly journal: MemoryJournalPlugin;
  readonly snapshots: InMemorySnapshotStore;
  takeFault(): Fault | undefined;
  stored(payloads: readonly unknown[]): void;
  refused(payloads: readonly unknown[]): void;
  saved(): void;
}

const never = new Promise<never>(() => {});

/** Journal and snapshot store as one process sees them: slow, and gone when it dies. */
export class SlowProcess {
  readonly #shared: Shared;
  readonly #time: SimulatedTime;
  readonly #delays: Delays;
  #isDead = false;
  #tenure = new AbortController();

  constructor(shared: Shared, time: SimulatedTime, delays: Delays) {
    this.#shared = shared;
    this.#time = time;
    this.#delays = delays;
  }

  die(): void {
    this.#isDead = true;
  }

  /** Another process takes the entity over, and writes nothing. */
  lose(): void {
    this.#tenure.abort(new NotOwnerError('another process has it'));
  }

  journal(): JournalPlugin {
    const { journal: shared } = this.#shared;
    const journal: JournalPlugin = {
      write: (writes) => this.#write(writes),
      deleteTo: (id, to) => (this.#isDead ? never : shared.deleteTo(id, to)),
      highestSeqNr: (id) => shared.highestSeqNr(id),
      replay: (request) => shared.replay(request),
      hold: async (): Promise<HeldPlugin> => {
        this.#tenure = new AbortController();
        const { signal } = this.#tenure;
        return { ...journal, signal, [Symbol.asyncDispose]: async () => {} };
      },
      [Symbol.asyncDispose]: async () => {},
    };
    return journal;
  }

  store(): SnapshotStore {
    const { snapshots } = this.#shared;
    return {
      load: (id, criteria) => snapshots.load(id, criteria),
      save: async (metadata, snapshot) => {
        await this.#time.sleep(this.#delays.saveMs);
        if (this.#isDead) return never;
        this.#shared.saved();
        return snapshots.save(metadata, snapshot);
      },
      delete: (metadata) => (this.#isDead ? never : snapshots.delete(metadata)),
      deleteMatching: (id, criteria) =>
        this.#isDead ? never : snapshots.deleteMatching(id, criteria),
      [Symbol.asyncDispose]: async () => {},
    };
  }

  async #write(writes: readonly AtomicWrite[]): Promise<readonly []> {
    const { signal } = this.#tenure;
    const { writeMs, answerMs } = this.#delays;
    await this.#time.sleep(writeMs);
    if (this.#isDead) return never;
    if (signal.aborted) throw new NotOwnerError('no longer held');
    const events = writes.flatMap((write) => write.events);
    const payloads = events.map(({ payload }) => payload);
    const given = this.#shared.takeFault();
    // An init record that is refused ends the entity.
    const fault = given === 'refused' && events[0]?.seqNr === 1 ? undefined : given;
    if (fault === 'refused') {
      // Of several, the entity writes each alone to find out which one it was.
      if (writes.length === 1) this.#shared.refused(payloads);
      throw new WriteRejectedError('not of this shape');
    }
    if (fault !== 'fails') {
      await this.#shared.journal.write(writes);
      this.#shared.stored(payloads);
    }
    await this.#time.sleep(answerMs);
    if (this.#isDead) return never;
    if (fault !== undefined) throw new WriteFailedError('no answer');
    return [];
  }
}
