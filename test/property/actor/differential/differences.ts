import { readFileSync } from 'node:fs';

/** The rows of docs/differences.md, and how often each was needed. */
export class Differences {
  readonly #used: Map<string, number>;

  constructor(ids: Iterable<string> = readDifferenceIds()) {
    this.#used = new Map([...ids].map((id) => [id, 0]));
  }

  /** @throws {Error} the table has no such row: the difference is a fault */
  use(id: string): void {
    const times = this.#used.get(id);
    if (times === undefined) throw new Error(`docs/differences.md has no row "${id}"`);
    this.#used.set(id, times + 1);
  }

  get used(): ReadonlyMap<string, number> {
    return this.#used;
  }

  add(other: Iterable<readonly [string, number]>): void {
    for (const [id, times] of other) this.#used.set(id, (this.#used.get(id) ?? 0) + times);
  }
}

const table = new URL('../../../../docs/differences.md', import.meta.url);

function readDifferenceIds(): readonly string[] {
  const rows = readFileSync(table, 'utf8').matchAll(/^\| `([a-z-]+)` \|/gm);
  return [...rows].flatMap(([, id]) => (id === undefined ? [] : [id]));
}
