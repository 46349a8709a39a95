import { randomUUID } from 'node:crypto';
import { FencedError } from '../../../model/errors.ts';
import type { Topic } from '../../../model/position.ts';
import type { Clock } from '../../../runtime/clock.ts';
import type { Database, Statement } from '../session.ts';
import { SignsOfLife } from '../signs-of-life.ts';
import { nameOfProcess } from '../this-process.ts';

/** So long after its last sign of life an owner may be replaced. */
export const ownerLifetimeMs = 6_000;

interface OwnerRow {
  readonly owner: string;
  readonly expires: number;
}

/**
 * Who replicates a topic: one member of one process, for as long as it shows signs of life. Every
 * method belongs into a transaction of the commit queue, so that two processes never both win.
 */
export class TopicOwnership {
  readonly #select: Statement<OwnerRow>;
  readonly #save: Statement;
  readonly #remove: Statement;
  readonly #signs: SignsOfLife;
  /** Topics that a member of this store replicates, or has lost and does not know yet. */
  readonly #members = new Map<Topic, string>();

  constructor(database: Database, clock: Pick<Clock, 'steadyMs'>) {
    this.#signs = new SignsOfLife(ownerLifetimeMs, clock);
    this.#select = database.prepare('SELECT owner, expires FROM log_owner WHERE topic = ?');
    this.#save = database.prepare('INSERT OR REPLACE INTO log_owner VALUES (?, ?, ?)');
    this.#remove = database.prepare('DELETE FROM log_owner WHERE topic = ? AND owner = ?');
  }

  /** Takes the topic if it is free; answers the name under which it was taken. */
  acquire(topic: Topic, nowMs: number): string | undefined {
    const row = this.#select.get(topic);
    if (row !== undefined) {
      const sign = { process: row.owner, expires: row.expires };
      if (!this.#signs.isDead(topic, sign, nowMs)) return undefined;
    }
    const owner = `${nameOfProcess()}/${randomUUID()}`;
    this.#save.run(topic, owner, nowMs + ownerLifetimeMs);
    this.#members.set(topic, owner);
    return owner;
  }

  /** A sign of life; false when somebody else has taken the topic. */
  renew(topic: Topic, owner: string, nowMs: number): boolean {
    if (this.#select.get(topic)?.owner !== owner) return false;
    this.#save.run(topic, owner, nowMs + ownerLifetimeMs);
    return true;
  }

  release(topic: Topic, owner: string): void {
    this.#remove.run(topic, owner);
    if (this.#members.get(topic) === owner) this.#members.delete(topic);
  }

  /**
   * Keeps a member that stood still for too long from writing over its successor.
   *
   * @throws {FencedError} another process replicates the topic now
   */
  refuseWhenLost(topic: Topic): void {
    const owner = this.#members.get(topic);
    if (owner === undefined || this.#select.get(topic)?.owner === owner) return;
    throw new FencedError(`another process replicates ${topic} now`);
  }
}
