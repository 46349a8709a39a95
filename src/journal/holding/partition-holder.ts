import {
  ClosedError,
  LogUnavailableError,
  NotOwnerError,
  WriteFailedError,
} from '../../model/errors.ts';
import type { Key } from '../../model/key.ts';
import type { Offset } from '../../model/position.ts';
import type { OpenedTenure, TenureOpening } from '../../model/tenure.ts';
import { libraryVersion } from '../../runtime/library-version.ts';
import { onAbort } from '../../runtime/on-abort.ts';
import { Deadline, unlessAborted } from '../../runtime/waiting.ts';
import { HeldKey } from './held-key.ts';
import { HeldTenure, type TenureSpot } from './held-tenure.ts';
import type { HoldingDeps } from './holding-deps.ts';
import { TenureFollower } from './tenure-follower.ts';
import { whyNotOpen } from './why-not-open.ts';

/** How often an opening mark may be lost to another one before it is seen. */
const maxOpenings = 20;

/** A partition of which nobody holds a journal for so long, or a look longer, is given up. */
const idleMs = 60_000;

/** Time between two looks at whether the tenure is wanted, and its marks are still kept. */
const lookEveryMs = 10_000;

/**
 * One partition as this process holds it: opens tenures, has the log followed from the opening mark
 * on, and ends the journals that were recovered under a tenure when it is over.
 *
 * ```
 *   nothing ── hold ──→ opened, and seen ──→ held ⇄ opened anew, after an unknown outcome
 *      ↑                       ↑              │
 *      └─ nobody holds ────────┴─── hold ─────┴──→ lost to another opening mark
 * ```
 */
export class PartitionHolder {
  readonly #spot: TenureSpot;
  /** How many partitions the topic had when this one was computed. */
  readonly #partitions: number;
  readonly #deps: HoldingDeps;
  /** By id: the journals that are held, and those that wait for the answers of their writes. */
  readonly #keys = new Map<string, HeldKey>();
  #tenure: HeldTenure | undefined;
  /** A write under the tenure with this number has an outcome that nobody knows. */
  #doubtful: Offset | undefined;
  /** Who wants the partition although none of its journals is held. */
  readonly #keepers = new Set<AbortSignal>();
  /** A tenure that is being opened. */
  #opening: Promise<HeldTenure> | undefined;
  /** Where the opening mark on its way lands; `undefined` = that is not known. */
  #landing: Promise<Offset | undefined> | undefined;
  /** When another process was last seen to open a tenure here, ms since the epoch. */
  #lastOtherMs = Number.NEGATIVE_INFINITY;
  /** Since when there are no keys, while there are none. */
  #idleSinceMs = 0;
  #hasWarned = false;
  /** Ends the work of the tenure of the moment. */
  #working = new AbortController();
  readonly #closing = new AbortController();

  constructor(spot: TenureSpot, partitions: number, deps: HoldingDeps) {
    this.#spot = spot;
    this.#partitions = partitions;
    this.#deps = deps;
  }

  /**
   * Holds the journal from now on, under a tenure without unknown outcomes; ends whoever held it
   * before in this process.
   *
   * @throws as of `Journals.hold`
   */
  async hold(key: Key, signal: AbortSignal | undefined): Promise<HeldKey> {
    for (;;) {
      await this.#endKey(key.id, signal);
      const tenure = await unlessAborted(this.#ownTenure(key), signal);
      signal?.throwIfAborted();
      // Another call for the same journal, or a loss, may have come between.
      if (this.#keys.has(key.id) || !this.#isUsable(tenure)) continue;
      const held = new HeldKey(key, tenure, {
        clock: this.#deps.clock,
        limitMs: this.#deps.limitMs,
        renewal: () => this.#opening,
        doubt: (of) => {
          // An answer to a write of before may come last: the younger doubt stays.
          this.#doubtful = Math.max(of, this.#doubtful ?? of) as Offset;
        },
        refused: (of, error) => this.#refused(tenure, of, error),
        ended: () => {
          this.#keys.delete(key.id);
          if (this.#keys.size === 0) this.#idleSinceMs = this.#deps.clock.steadyMs();
        },
      });
      this.#keys.set(key.id, held);
      return held;
    }
  }

  /**
   * Wants the partition until `signal` fires, whether one of its journals is held or not.
   *
   * @throws as of `Journals.hold`
   */
  async keep(key: Key, signal: AbortSignal): Promise<HeldTenure> {
    this.#keepers.add(signal);
    onAbort(signal, () => this.#keepers.delete(signal));
    for (;;) {
      const tenure = await unlessAborted(this.#ownTenure(key), signal);
      signal.throwIfAborted();
      if (this.#isUsable(tenure)) return tenure;
    }
  }

  /** Its tenure is seen, and not over. */
  get isHeld(): boolean {
    return this.#tenure?.isConfirmed === true && !this.#tenure.isOver;
  }

  /** A journal is about to be written without its tenure: it is no longer held. */
  writtenPast({ topic, id }: Key): void {
    const text = `${topic}:${id} is written in this process without its tenure`;
    this.#keys.get(id)?.finish(new ClosedError(text));
  }

  /** A record of this process is in the log that is no opening mark, and names no tenure. */
  wrote(offset: Offset): void {
    this.#tenure?.wrote(offset);
  }

  /** The same, of an action: what the journal sent after it builds on another state. */
  wrotePast({ id }: Key, offset: Offset): void {
    this.#keys.get(id)?.sawForeign(offset);
    this.wrote(offset);
  }

  /** Ends all that is held. */
  close(closed: ClosedError): void {
    this.#closing.abort(closed);
    this.#working.abort(closed);
    this.#tenure?.giveUp(closed);
  }

  async #endKey(id: string, signal: AbortSignal | undefined): Promise<void> {
    const held = this.#keys.get(id);
    if (held === undefined) return;
    held.finish(new ClosedError(`${this.#spot.topic}:${id} is held anew in this process`));
    await unlessAborted(held.settled(), signal);
  }

  /** The log knows of another opening mark before the follower does. */
  #refused(tenure: HeldTenure, of: Offset, error: NotOwnerError): void {
    const { clock, holder } = this.#deps;
    if (of !== tenure.of || tenure.isOver) return;
    if (error.owner?.holder !== holder) this.#lastOtherMs = clock.steadyMs();
    tenure.giveUp(error);
  }

  #isUsable(tenure: HeldTenure | undefined): tenure is HeldTenure {
    if (tenure === undefined || tenure !== this.#tenure || tenure.isOver) return false;
    return tenure.of !== this.#doubtful && this.#opening === undefined;
  }

  /** The tenure under which a recovery may begin. */
  #ownTenure(key: Key): Promise<HeldTenure> {
    if (this.#isUsable(this.#tenure)) return Promise.resolve(this.#tenure);
    this.#opening ??= this.#open(key).finally(() => {
      this.#opening = undefined;
      this.#landing = undefined;
    });
    return this.#opening;
  }

  /**
   * Opens a tenure, or opens the one that is held anew: journals that are held go on under it if no
   * other opening mark is between the two marks.
   */
  async #open(key: Key): Promise<HeldTenure> {
    const closing = this.#closing.signal;
    for (let openings = 0; openings < maxOpenings; openings++) {
      const isHeld = this.#tenure?.isOver === false;
      if (!isHeld) await this.#leaveToOther();
      const problem = await whyNotOpen(this.#spot, this.#partitions, this.#deps, closing);
      if (problem !== undefined) throw problem;
      closing.throwIfAborted();
      const landed = this.#produceMark(key);
      this.#landing = landed.catch(() => undefined);
      const of = await landed;
      closing.throwIfAborted();
      const before = this.#tenure;
      if (before !== undefined && !before.isOver) {
        await this.#seen(before, of);
        if (before.of === of) return before;
        before.giveUp(new LogUnavailableError('the log could not be followed in time'));
        closing.throwIfAborted();
      }
      const tenure = new HeldTenure(this.#spot, of);
      this.#begin(tenure);
      await this.#seen(tenure, of);
      if (tenure.isConfirmed && !tenure.isOver) return tenure;
      tenure.giveUp(new LogUnavailableError('the opening mark was not seen in time'));
      const { reason } = tenure.signal;
      if (!(reason instanceof NotOwnerError)) throw reason;
    }
    const { topic, partition } = this.#spot;
    throw new LogUnavailableError(
      `partition ${partition} of ${topic} was opened ${maxOpenings} times, and lost each time before that was seen`,
    );
  }

  /** @throws {LogUnavailableError} the mark is not stored, or nobody knows whether it is */
  async #produceMark(key: Key): Promise<Offset> {
    const { producer, clock, origin, randomUuid, holder, holding, address } = this.#deps;
    const { partition, topic } = this.#spot;
    const opens: TenureOpening = { scope: holding.scope, holder, address: address?.() };
    const by = { origin, version: libraryVersion };
    const header = { type: 'mark', id: randomUuid(), ...by, opens } as const;
    try {
      const mark = { key, timestampMs: clock.nowMs(), header };
      return (await producer.produce(mark, { partition })).offset;
    } catch (cause) {
      if (!(cause instanceof WriteFailedError)) throw cause;
      const text = `no tenure of partition ${partition} of ${topic} could be opened`;
      throw new LogUnavailableError(text, { cause });
    }
  }

  /** Resolves when the tenure has passed `offset` or is over, or the time is. */
  async #seen(tenure: HeldTenure, offset: Offset): Promise<void> {
    const deadline = new Deadline(this.#deps.limitMs, this.#deps.clock);
    try {
      while (!tenure.isOver && tenure.sureUpTo < offset) {
        if ((await deadline.within(tenure.news())) === 'expired') return;
      }
    } finally {
      deadline.end();
    }
  }

  /**
   * Another process that has opened a tenure keeps the partition for a moment. A clock that was set
   * back must not make that longer.
   */
  async #leaveToOther(): Promise<void> {
    const { clock, random, holding, hasFleet } = this.#deps;
    if (hasFleet) return; // its members agree on who has it, and the former owner was asked
    const { signal } = this.#closing;
    const keptMs = holding.holdingTimeMs * (1 + random() / 2);
    for (;;) {
      const leftMs = this.#lastOtherMs + keptMs - clock.steadyMs();
      if (!(leftMs > 0 && leftMs <= keptMs)) return;
      await clock.sleep(leftMs, { signal });
    }
  }

  #begin(tenure: HeldTenure): void {
    this.#working.abort(new ClosedError('another tenure has begun'));
    this.#working = new AbortController();
    this.#tenure = tenure;
    this.#idleSinceMs = this.#deps.clock.steadyMs();
    // One listener for all journals: a signal with thousands of them is slow.
    const endAll = (): void => {
      for (const held of this.#keys.values())
        if (held.tenure === tenure) held.finish(tenure.signal.reason);
    };
    tenure.signal.addEventListener('abort', endAll, { once: true });
    const { signal } = this.#working;
    const follower = new TenureFollower(tenure, this.#deps, {
      sawForeign: (id, offset) => this.#keys.get(id)?.sawForeign(offset),
      landing: () => this.#landing,
      lost: (opening) => this.#lost(tenure, opening),
    });
    follower.follow(signal).catch(() => {}); // the next tenure has begun, or none will
    this.#lookAfter(tenure, signal).catch(() => {}); // the same
  }

  async #lookAfter(tenure: HeldTenure, signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps;
    for (;;) {
      await clock.sleep(lookEveryMs, { signal });
      const isWanted = this.#keys.size + this.#keepers.size > 0 || this.#opening !== undefined;
      if (!isWanted && clock.steadyMs() - this.#idleSinceMs >= idleMs) {
        const idle = new ClosedError('no journal of the partition was held for a while');
        this.#tenure = undefined;
        tenure.giveUp(idle);
        this.#working.abort(idle);
        return;
      }
      if (tenure.isOver) continue;
      // A server that does not answer says nothing about the tenure.
      const asking = whyNotOpen(this.#spot, this.#partitions, this.#deps, signal);
      const problem = await asking.catch(() => undefined);
      if (problem !== undefined) tenure.giveUp(problem);
    }
  }

  /** Whoever wrote the mark: one of this process that was given up for lost counts, too. */
  #lost(tenure: HeldTenure, opening: OpenedTenure): void {
    const { clock, log, holder, hasFleet = false } = this.#deps;
    if (opening.holder !== holder) this.#lastOtherMs = clock.steadyMs();
    if (tenure.isOver) return;
    // What is idle is for others to take.
    const isNews = !this.#hasWarned && this.#keys.size + this.#keepers.size > 0;
    tenure.lostTo(opening);
    const fields = { ...this.#spot, offset: opening.offset, by: opening.holder };
    log[isNews && !hasFleet ? 'warn' : 'debug'](fields, takenOver);
    this.#hasWarned ||= isNews;
  }
}

const takenOver =
  'another process has taken the partition over. That is usual when instances of a service start and ' +
  'stop; services that share a topic, but no entity, need different tenure scopes';
