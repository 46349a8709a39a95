import { JournalError } from '../../model/errors.ts';
import type { Clock } from '../../runtime/clock.ts';
import { type Database, fileCheck, isBusy } from './session.ts';

/** One write. `run` is only statements; exactly one of `committed` and `failed` follows. */
export interface CommitJob {
  run(): void;
  committed(): void;
  /** `certain`: the write is surely not in the file. */
  failed(cause: unknown, certain: boolean): void;
}

/** Who gathers the writes of a transaction, to send them off together before its commit. */
export interface CommitParticipant {
  begin(): void;
  flush(): void;
  committed(): void;
  rolledBack(): void;
}

/** Jobs stop joining a transaction after this time, so that the event loop goes on. */
const defaultGroupLimitMs = 4;
const busyRetryMs = 5;
/** Longest time that another process may hold the write lock before jobs fail. */
const busyLimitMs = 10_000;
const maxWaitingJobs = 262_144;

/** What the queue works with. */
export interface CommitQueueDeps {
  readonly participant: CommitParticipant;
  readonly clock: Clock;
  /** How long jobs join one transaction; 4 ms unless given. */
  readonly groupLimitMs?: number;
}

/**
 * Group commit: all writes that were handed in during one turn of the event loop are one
 * transaction, and share its flush to the disk. They run in the order handed in.
 */
export class CommitQueue {
  readonly #database: Database;
  readonly #participant: CommitParticipant;
  readonly #clock: Clock;
  readonly #groupLimitMs: number;
  readonly #checkFile: () => void;
  #waiting: CommitJob[] = [];
  #scheduled = false;
  #busySinceMs: number | undefined;
  #idle: (() => void)[] = [];
  #closed: Error | undefined;

  constructor(database: Database, deps: CommitQueueDeps) {
    this.#database = database;
    this.#participant = deps.participant;
    this.#clock = deps.clock;
    this.#groupLimitMs = deps.groupLimitMs ?? defaultGroupLimitMs;
    this.#checkFile = fileCheck(database);
  }

  /**
   * False when too many jobs wait: this one was not taken.
   *
   * @throws the error given to `close`
   */
  enqueue(job: CommitJob): boolean {
    if (this.#closed !== undefined) throw this.#closed;
    if (this.#waiting.length >= maxWaitingJobs) return false;
    this.#waiting.push(job);
    this.#schedule();
    return true;
  }

  /**
   * Runs `write` in the next transaction; answers what it returned once that is committed. A
   * `JournalError` that it throws before its first statement fails this call alone; any other
   * error fails the whole group.
   *
   * @throws {JournalError} of `write`; nothing of it is stored
   * @throws {Error} SQLite's own, or too many writes wait; not stored, unless the commit itself
   *   failed: then it may be
   */
  write<T>(write: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      let settle: () => void;
      const run = (): void => {
        try {
          const result = write();
          settle = () => resolve(result);
        } catch (error) {
          if (!(error instanceof JournalError)) throw error;
          settle = () => reject(error);
        }
      };
      const taken = this.enqueue({ run, committed: () => settle(), failed: reject });
      if (!taken) reject(new Error(`more than ${maxWaitingJobs} writes are waiting`));
    });
  }

  /** Resolves when nothing waits; never rejects. */
  drained(): Promise<void> {
    if (this.#waiting.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** Later jobs fail with this error; nothing may be waiting. */
  close(error: Error): void {
    this.#closed = error;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#commitGroup());
  }

  #commitGroup(): void {
    try {
      this.#database.exec('BEGIN IMMEDIATE');
    } catch (error) {
      const steadyMs = this.#clock.steadyMs();
      this.#busySinceMs ??= steadyMs;
      if (isBusy(error) && steadyMs - this.#busySinceMs < busyLimitMs) {
        setTimeout(() => this.#commitGroup(), busyRetryMs);
        return;
      }
      this.#busySinceMs = undefined;
      this.#scheduled = false;
      const group = this.#waiting;
      this.#waiting = [];
      for (const job of group) job.failed(error, true);
      this.#next();
      return;
    }
    this.#busySinceMs = undefined;
    this.#scheduled = false;
    this.#runGroup();
    this.#next();
  }

  #runGroup(): void {
    const group = this.#waiting;
    this.#waiting = [];
    let committing = false;
    try {
      this.#participant.begin();
      this.#checkFile();
      this.#waiting = group.splice(runJobs(group, this.#groupLimitMs));
      this.#participant.flush();
      committing = true;
      this.#database.exec('COMMIT');
    } catch (error) {
      try {
        // After a failed COMMIT, SQLite may have ended the transaction by itself.
        if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      } finally {
        this.#participant.rolledBack();
      }
      for (const job of group) job.failed(error, !committing);
      return;
    }
    this.#participant.committed();
    for (const job of group) job.committed();
  }

  #next(): void {
    if (this.#waiting.length > 0) {
      this.#schedule();
      return;
    }
    const idle = this.#idle;
    this.#idle = [];
    for (const resolve of idle) resolve();
  }
}

/** Runs jobs until their time is over; answers how many ran, at least one. */
function runJobs(group: readonly CommitJob[], limitMs: number): number {
  const endMs = performance.now() + limitMs;
  let count = 0;
  for (const job of group) {
    job.run();
    count++;
    if (performance.now() > endMs) break;
  }
  return count;
}
