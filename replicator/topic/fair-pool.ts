/** One user of a pool: a partition. */
export interface Lane {
  /** Runs the task as soon as there is room; settles as the task does. */
  run<T>(task: () => Promise<T>): Promise<T>;
}

/**
 * Bounds the work of a whole process, so that nobody keeps the others from working:
 *
 * - lanes take turns, however many tasks each has waiting;
 * - a lane that has nothing under way starts one task at once, even when slow tasks of others fill
 *   the pool. Hence at most `maxInFlight` tasks and one more for each other lane.
 */
export class FairPool {
  readonly #maxInFlight: number;
  /** Lanes that have tasks waiting, whose turn is next first. */
  readonly #turns = new Set<PoolLane>();
  #inFlight = 0;

  constructor(maxInFlight: number) {
    this.#maxInFlight = maxInFlight;
  }

  lane(): Lane {
    const lane = new PoolLane((task) => {
      lane.waiting.push(task);
      this.#turns.add(lane);
      this.#startFor(lane);
    });
    return lane;
  }

  /** A lane with nothing under way goes first; then those whose turn it is, while there is room. */
  #startFor(lane: PoolLane): void {
    if (lane.inFlight === 0) this.#startOne(lane);
    while (this.#inFlight < this.#maxInFlight) {
      const [next] = this.#turns;
      if (next === undefined) return;
      this.#turns.delete(next);
      this.#turns.add(next);
      this.#startOne(next);
    }
  }

  #startOne(lane: PoolLane): void {
    const task = lane.waiting.shift();
    if (lane.waiting.length === 0) this.#turns.delete(lane);
    if (task === undefined) return;
    this.#inFlight++;
    lane.inFlight++;
    task(() => {
      this.#inFlight--;
      lane.inFlight--;
      this.#startFor(lane);
    });
  }
}

/** A task that tells when it has settled, once. */
type Started = (settled: () => void) => void;

class PoolLane implements Lane {
  readonly waiting = new Fifo<Started>();
  inFlight = 0;
  readonly #enqueue: (task: Started) => void;

  constructor(enqueue: (task: Started) => void) {
    this.#enqueue = enqueue;
  }

  run<T>(task: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#enqueue((settled) => {
        task().then(resolve, reject).finally(settled);
      });
    });
  }
}

/** A queue whose `shift` costs the same however long it is. */
class Fifo<T> {
  readonly #items: T[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  shift(): T | undefined {
    const item = this.#items[this.#head++];
    if (this.#head >= this.#items.length) {
      this.#items.length = 0;
      this.#head = 0;
    }
    return item;
  }
}
