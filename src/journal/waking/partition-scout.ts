import { AccessDeniedError, NotSetUpError } from '../../model/errors.ts';
import type { Offset } from '../../model/position.ts';
import type { WakeUpEntry, WakeUpPlace } from '../../model/wake-up.ts';
import type { ActionConsumer } from '../../ports/action-consumer.ts';
import type { TenureHolder } from '../holding/tenure-holder.ts';
import { PartitionWaker, pauseAfterLook, type WakingDeps } from './partition-waker.ts';
import { type RecentWakeUp, recentWakeUps } from './recent-wake-ups.ts';

/** What a scout works with. */
export interface ScoutDeps extends WakingDeps {
  readonly tenures: Pick<TenureHolder, 'keep' | 'holds'>;
  readonly consumer: Pick<ActionConsumer, 'follow' | 'endOffset'>;
}

/**
 * Time between two looks at the store, and up to half as long again by chance. A look that takes
 * long keeps its share of the time, as that of a waker.
 */
const lookEveryMs = 2_000;
/** Time between two questions whether the partition is held here by now. */
const askEveryMs = 500;
/** A process that lives has woken its entity by then. */
const overdueMs = 2_000;
type Found = ReadonlyMap<string, Omit<WakeUpEntry, 'id'>>;

/**
 * Wakes the entities of one partition of a service without a fleet: nobody owns the partition for
 * good, so it is not known which process has to wake. A process does so where it holds the
 * partition because it was asked for an entity of it. Elsewhere it looks from time to time for what
 * is overdue although the log says nothing newer of it: whoever should have woken that is dead, and
 * this process takes the partition.
 *
 * Two processes must not take the partition from each other again and again. So
 *
 * - each entry counts once: it may be out of date, and its entity may live with nothing to do;
 * - work under way counts only if this process found it in the log when it started. Work may take
 *   hours. Where it began later, its process is probably alive, and would lose the partition to
 *   every other one for nothing.
 */
export class PartitionScout {
  readonly #place: WakeUpPlace;
  readonly #deps: ScoutDeps;
  readonly #waker: PartitionWaker;
  /** Overdue wake-ups that were found before and count. */
  #seen: Found = new Map();
  /** What the log said after R when it was last read; `undefined` = it never was. */
  #recent: Map<string, RecentWakeUp> | undefined;
  /** Where the log ended at the first look. */
  #startedAt: Offset | undefined;
  /** How long the last look took. */
  #tookMs = 0;

  constructor(place: WakeUpPlace, deps: ScoutDeps) {
    this.#place = place;
    this.#deps = deps;
    this.#waker = new PartitionWaker(place, deps);
  }

  /**
   * Runs until `signal` fires. Failures of servers are logged and passed over.
   *
   * @throws {NotSetUpError} no tenure can be held there
   * @throws {AccessDeniedError} a right is missing, so nothing can be found out
   */
  async run(signal: AbortSignal): Promise<void> {
    const { log } = this.#deps;
    while (!signal.aborted) {
      try {
        await this.#look(signal);
      } catch (err) {
        if (signal.aborted) return;
        if (err instanceof NotSetUpError || err instanceof AccessDeniedError) throw err;
        log.debug({ ...this.#place, err }, 'wake-ups of a partition cannot be looked at');
      }
      await this.#rest(signal);
    }
  }

  /** Wakes here, if that is to be, as long as the partition is held. */
  async #look(signal: AbortSignal): Promise<void> {
    if (this.#isHeld()) return await this.#waker.run(signal);
    const { eventual, clock } = this.#deps;
    const { topic, partition } = this.#place;
    const beganMs = clock.steadyMs();
    // R comes first: what is stored up to there is among what the store has afterwards.
    const replicated = await eventual.offset(topic, partition, { signal });
    const found = await this.#overdue(replicated, signal);
    const isForgotten = await this.#isForgotten(found, replicated, signal);
    // With all that it has read of the log, which is long while no replicator runs.
    this.#tookMs = clock.steadyMs() - beganMs;
    if (isForgotten) await this.#waker.run(signal);
    // Not before: where the partition could not be taken, the same entries count again.
    this.#seen = found;
  }

  /**
   * Overdue according to the store, and to what the log said when it was last read, as far as it
   * counts. All of it: before a timer that nobody fires there may be any number of suspects, or of
   * work that a process is at.
   */
  async #overdue(replicated: Offset | undefined, signal: AbortSignal): Promise<Found> {
    const { wakeUps, clock } = this.#deps;
    this.#recent ??= await this.#readLog(replicated, signal);
    const toMs = clock.nowMs() - overdueMs;
    const found = new Map<string, Omit<WakeUpEntry, 'id'>>();
    for await (const entry of wakeUps.due({ ...this.#place, toMs }, { signal }))
      if (this.#counts(entry)) found.set(entry.id, entry);
    for (const [id, wakeUp] of this.#recent) {
      if (wakeUp.offset <= (replicated ?? -1)) this.#recent.delete(id);
      else if (wakeUp.reason !== 'none' && wakeUp.dueMs <= toMs && this.#counts(wakeUp))
        found.set(id, wakeUp);
      else found.delete(id);
    }
    return found;
  }

  /** Work that began after the start of this process does not. */
  #counts({ reason, offset }: Omit<WakeUpEntry, 'id'>): boolean {
    return reason === 'time' || offset < (this.#startedAt ?? 0);
  }

  /** Whether there is a new one among them of which the log says nothing newer at this moment. */
  async #isForgotten(
    found: Found,
    replicated: Offset | undefined,
    signal: AbortSignal,
  ): Promise<boolean> {
    const fresh = [...found].filter(([id, { offset }]) => this.#seen.get(id)?.offset !== offset);
    if (fresh.length === 0) return false;
    const recent = await this.#readLog(replicated, signal);
    this.#recent = recent;
    return fresh.some(([id, { offset }]) => (recent.get(id)?.offset ?? offset) <= offset);
  }

  async #readLog(
    replicated: Offset | undefined,
    signal: AbortSignal,
  ): Promise<Map<string, RecentWakeUp>> {
    const { topic, partition } = this.#place;
    const to = await this.#deps.consumer.endOffset(topic, partition, { signal });
    this.#startedAt ??= to;
    return await recentWakeUps({ place: this.#place, replicated, to }, this.#deps, signal);
  }

  /** Until the next look, or until the partition is held here. */
  async #rest(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#deps;
    const everyMs = pauseAfterLook(this.#tookMs, lookEveryMs);
    const endMs = clock.steadyMs() + everyMs * (1 + random() / 2);
    do {
      await clock.sleep(askEveryMs, { signal }).catch(() => {});
    } while (!signal.aborted && clock.steadyMs() < endMs && !this.#isHeld());
  }

  #isHeld(): boolean {
    return this.#deps.tenures.holds(this.#place.topic, this.#place.partition);
  }
}
