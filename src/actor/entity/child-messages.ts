import { Queue } from '../../runtime/queue.ts';

/**
 * Messages from machines below an entity that are still in its mailbox. A snapshot may restore such
 * a machine in a later state, in which it does not send them again.
 */
export class ChildMessages {
  readonly #arriving = new Queue<unknown>();
  /** The entity is stopping and has not taken one of them: nothing after it may be stored. */
  isOneLeftOut = false;

  /** One is on its way, or will never be stored. */
  get areOpen(): boolean {
    return this.isOneLeftOut || this.#arriving.length > 0;
  }

  /** The mailbox gives them in the order in which they were sent, between those of others. */
  sent(message: unknown): void {
    this.#arriving.push(message);
  }

  /** Whether what comes from the mailbox is the next one of them. */
  arrived(message: unknown): boolean {
    if (this.#arriving.length === 0 || this.#arriving.peek() !== message) return false;
    this.#arriving.shift();
    return true;
  }

  /** The actor has another mailbox. */
  clear(): void {
    this.#arriving.drain();
    this.isOneLeftOut = false;
  }
}
