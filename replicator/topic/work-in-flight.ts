import PQueue, { PriorityQueue, type Queue, type QueueAddOptions, type RunFunction } from 'p-queue';

/** The tasks of one partition. They start in the order in which they were given. */
export class Lane {
  /** Tasks that have not started. */
  readonly waiting = new PriorityQueue();
  /** Tasks that have started and not settled. */
  inFlight = 0;
}

/**
 * Bounds the work of a whole process, so that no partition keeps the others from working:
 *
 * - lanes take turns, however many tasks each has waiting;
 * - a lane with nothing under way starts one task at once, even while slow tasks of others fill the
 *   bound. Hence at most `maxInFlight` tasks, and one more for each other lane.
 *
 * There is no signal: a task under way is a write in hand, which must be waited for, and p-queue
 * would reject at once. A task that is no longer wanted returns when its turn comes. That is soon:
 * when the tasks of its own lane that are under way have settled, whatever the other lanes do.
 */
export class WorkInFlight {
  readonly #maxInFlight: number;
  readonly #queue: PQueue<FairQueue, LaneOptions>;

  /** @param maxInFlight tasks at one moment, at least 1 */
  constructor(maxInFlight: number) {
    this.#maxInFlight = maxInFlight;
    this.#queue = new PQueue({ concurrency: maxInFlight, queueClass: FairQueue });
  }

  /**
   * Runs the task as soon as there is room; settles as the task does.
   *
   * @throws whatever the task rejects with; tasks that wait run all the same
   */
  run<T>(lane: Lane, task: () => Promise<T>): Promise<T> {
    const settled = this.#queue.add(
      async () => {
        lane.inFlight++;
        try {
          return await task();
        } finally {
          lane.inFlight--;
          // p-queue gives this task's place away a little later: the lane must not wait for it.
          if (lane.waiting.size > 0) this.#startIdle(lane);
        }
      },
      { lane },
    );
    if (lane.waiting.size > 0) this.#startIdle(lane);
    return settled as Promise<T>;
  }

  /** Makes room for one task more. This lane gets it, since `dequeue` prefers an idle one. */
  #startIdle(lane: Lane): void {
    if (lane.inFlight > 0) return;
    this.#queue.concurrency = Math.max(this.#maxInFlight, this.#queue.pending + 1);
    this.#queue.concurrency = this.#maxInFlight;
  }
}

interface LaneOptions extends QueueAddOptions {
  readonly lane: Lane;
}

/** The tasks that wait, in the order in which p-queue starts them: idle lanes first, in turn. */
class FairQueue implements Queue<RunFunction, LaneOptions> {
  /** Lanes that have tasks waiting; the first one's turn is next. */
  readonly #turns = new Set<Lane>();
  size = 0;

  enqueue(run: RunFunction, options?: Partial<LaneOptions>): void {
    const lane = options?.lane;
    if (lane === undefined) throw new Error('a task belongs to a lane');
    lane.waiting.enqueue(run);
    this.#turns.add(lane);
    this.size++;
  }

  dequeue(): RunFunction | undefined {
    const [first] = this.#turns;
    let lane = first;
    for (const waiting of this.#turns) {
      if (waiting.inFlight > 0) continue;
      lane = waiting;
      break;
    }
    if (lane === undefined) return undefined;
    const run = lane.waiting.dequeue();
    this.size--;
    // The next turn of this lane comes after those of all others.
    this.#turns.delete(lane);
    if (lane.waiting.size > 0) this.#turns.add(lane);
    return run;
  }

  // p-queue needs these only for a caller that sets priorities or signals, and none does.
  filter = notUsed;
  setPriority = notUsed;
  remove = notUsed;
}

function notUsed(): never {
  throw new Error('tasks of a lane have neither priorities nor signals');
}
