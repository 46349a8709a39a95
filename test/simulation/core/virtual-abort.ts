type Listener = (() => void) | { handleEvent(): void };

/**
 * An abort signal as the platform's, for one thread and without weak references, whose upkeep costs
 * more than the histories: all signals that follow another are aborted before any listener is told.
 */
class VirtualAbortSignal {
  aborted = false;
  reason: unknown;
  onabort: (() => void) | null = null;
  #listeners: Listener[] = [];
  #followers: VirtualAbortSignal[] = [];

  static any(signals: Iterable<AbortSignal>): VirtualAbortSignal {
    const all = [...signals];
    const result = new VirtualAbortSignal();
    const aborted = all.find((signal) => signal.aborted);
    if (aborted !== undefined) return result.#set(aborted.reason);
    for (const signal of all) {
      if (signal instanceof VirtualAbortSignal) signal.#followers.push(result);
      else signal.addEventListener('abort', () => result.fire(signal.reason), { once: true });
    }
    return result;
  }

  static abort(reason: unknown = abortError()): VirtualAbortSignal {
    return new VirtualAbortSignal().#set(reason);
  }

  /** Each is told once at most, whatever it asks for: a signal fires once. */
  addEventListener(_type: 'abort', listener: Listener): void {
    if (!this.aborted && !this.#listeners.includes(listener)) this.#listeners.push(listener);
  }

  removeEventListener(_type: 'abort', listener: Listener): void {
    const index = this.#listeners.indexOf(listener);
    if (index >= 0) this.#listeners.splice(index, 1);
  }

  throwIfAborted(): void {
    if (this.aborted) throw this.reason;
  }

  fire(reason: unknown): void {
    if (this.aborted) return;
    const reached: VirtualAbortSignal[] = [];
    this.#mark(reason, reached);
    for (const signal of reached) signal.#tell();
  }

  #set(reason: unknown): this {
    this.aborted = true;
    this.reason = reason;
    return this;
  }

  #mark(reason: unknown, reached: VirtualAbortSignal[]): void {
    if (this.aborted) return;
    this.#set(reason);
    reached.push(this);
    for (const follower of this.#followers) follower.#mark(reason, reached);
  }

  #tell(): void {
    this.onabort?.();
    for (let next = this.#listeners.shift(); next !== undefined; next = this.#listeners.shift()) {
      if (typeof next === 'function') next();
      else next.handleEvent();
    }
  }
}

class VirtualAbortController {
  readonly signal = new VirtualAbortSignal();

  abort(reason: unknown = abortError()): void {
    this.signal.fire(reason);
  }
}

function abortError(): Error {
  const error = new Error('This operation was aborted');
  error.name = 'AbortError';
  return error;
}

/** In the place of the platform's classes of these names. */
export const virtualAbort = {
  AbortController: VirtualAbortController,
  AbortSignal: VirtualAbortSignal,
} as const;
