import { NotOwnerError } from '../../../src/model/errors.ts';
import type {
  AtomicWrite,
  HeldPlugin,
  JournalPlugin,
  PersistenceId,
  WriteOutcome,
} from '../../../src/ports/journal-plugin.ts';
import { type Gate, MemoryJournalPlugin } from '../../support/memory-journal-plugin.ts';

/** How one hold of one entity went on. */
export interface Hold {
  readonly id: string;
  readonly signal: AbortSignal;
  released: boolean;
}

/**
 * A journal in memory that can be held. The test says when a hold is lost; what an entity sends
 * after that is void. Whatever goes past a hold is noted in `past`.
 */
export class HoldableJournal extends MemoryJournalPlugin {
  /** All holds, in order. */
  readonly holds: Hold[] = [];
  /** Calls of the journal itself, which nobody holds. */
  readonly past: string[] = [];
  /** Writes under a hold that was lost or released. */
  readonly late: string[] = [];
  readonly #controllers = new Map<string, AbortController>();
  readonly #gates: { readonly reach: () => void; readonly passed: Promise<void> }[] = [];
  readonly #failures: Error[] = [];
  /** Called at each hold. */
  onHold: (hold: Hold) => void = () => {};
  readonly hold = (
    id: PersistenceId,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<HeldPlugin> => this.#hold(id, options?.signal);

  /** The next hold waits; it does not listen to its signal. */
  blockNextHold(): Gate {
    const reached = Promise.withResolvers<void>();
    const passed = Promise.withResolvers<void>();
    this.#gates.push({ reach: reached.resolve, passed: passed.promise });
    return { reached: reached.promise, open: passed.resolve };
  }

  failNextHold(error: Error): void {
    this.#failures.push(error);
  }

  /** Another process has opened a tenure. */
  lose(id: string, reason: Error = new NotOwnerError('another process has it')): void {
    this.#controllers.get(id)?.abort(reason);
  }

  /** Holds that are neither lost nor released. */
  get current(): readonly Hold[] {
    return this.holds.filter(({ signal, released }) => !released && !signal.aborted);
  }

  override async write(writes: readonly AtomicWrite[]): Promise<readonly WriteOutcome[]> {
    this.past.push(`write ${writes[0]?.persistenceId}`);
    return await super.write(writes);
  }

  async #hold(id: PersistenceId, signal: AbortSignal | undefined): Promise<HeldPlugin> {
    const gate = this.#gates.shift();
    if (gate !== undefined) {
      gate.reach();
      await gate.passed;
    } else signal?.throwIfAborted();
    const failure = this.#failures.shift();
    if (failure !== undefined) throw failure;
    const over = new AbortController();
    this.#controllers.get(id)?.abort(new NotOwnerError('held anew'));
    this.#controllers.set(id, over);
    const hold: Hold = { id, signal: over.signal, released: false };
    this.holds.push(hold);
    this.onHold(hold);
    const { recover } = this;
    return {
      signal: over.signal,
      write: async (writes) => {
        if (over.signal.aborted || hold.released) {
          this.late.push(`write ${id}`);
          throw new NotOwnerError('no longer held', { cause: over.signal.reason });
        }
        return await super.write(writes);
      },
      deleteTo: (of, to) => this.deleteTo(of, to),
      purge: (of) => this.purge(of),
      highestSeqNr: (of) => this.highestSeqNr(of),
      replay: (request) => this.replay(request),
      ...(recover === undefined ? {} : { recover }),
      [Symbol.asyncDispose]: async () => {
        hold.released = true;
      },
    } satisfies HeldPlugin & Omit<JournalPlugin, 'hold'>;
  }
}
