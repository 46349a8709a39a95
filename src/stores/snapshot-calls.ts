import { ClosedError } from '../model/errors.ts';
import type { CallOptions } from '../ports/call-options.ts';
import { unlessAborted } from '../runtime/waiting.ts';

/** Calls of a snapshot store: each ends with its signal, and closing waits for their work. */
export class SnapshotCalls {
  readonly #running = new Set<Promise<unknown>>();
  #closed = false;

  /**
   * Settles as `work` does. The work goes on when the signal fires: what it was to store may or may
   * not be stored.
   *
   * @throws {ClosedError} the store is closed, and nothing was begun
   * @throws the abort reason when the signal fires
   */
  async run<T>(options: CallOptions | undefined, work: () => Promise<T>): Promise<T> {
    options?.signal?.throwIfAborted();
    if (this.#closed) throw new ClosedError('the snapshot store is closed');
    const running = work();
    this.#running.add(running);
    const forget = (): void => {
      this.#running.delete(running);
    };
    running.then(forget, forget);
    return await unlessAborted(running, options?.signal);
  }

  /**
   * Refuses calls from now on, and resolves when the work of earlier ones has ended; never rejects.
   */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#running);
  }
}
