import type { Database, Statement } from '../session.ts';

/** Longest time until a record that another process wrote is noticed. */
const lookEveryMs = 250;

/** Notices, while anybody listens, that another process has committed to the file. */
export class ForeignWrites {
  readonly #version: Statement<{ data_version: number }>;
  readonly #listeners = new Set<() => void>();
  #seen: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(database: Database) {
    this.#version = database.prepare('PRAGMA data_version');
  }

  /** Adds a listener; the answer removes it. */
  listen(listener: () => void): () => void {
    if (this.#listeners.size === 0) this.#timer = setInterval(() => this.#look(), lookEveryMs);
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) clearInterval(this.#timer);
    };
  }

  #look(): void {
    let version: number | undefined;
    try {
      version = this.#version.get()?.data_version;
    } catch {
      // An exception of a timer would end the process. The next look sees the same commit.
      return;
    }
    if (version === this.#seen) return;
    this.#seen = version;
    for (const each of this.#listeners) each();
  }
}
