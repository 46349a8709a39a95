import { NotSetUpError } from '../../model/errors.ts';
import type { Offset } from '../../model/position.ts';
import type { WakeUpPlace } from '../../model/wake-up.ts';
import type { ActionConsumer } from '../../ports/action-consumer.ts';
import type { TenureHolder } from '../holding/tenure-holder.ts';
import { PartitionWaker, type WakingDeps } from './partition-waker.ts';
import { recentWakeUps } from './recent-wake-ups.ts';

/** What a scout works with. */
export interface ScoutDeps extends WakingDeps {
  readonly tenures: Pick<TenureHolder, 'keep' | 'holds'>;
  readonly consumer: Pick<ActionConsumer, 'follow' | 'endOffset'>;
}

/** Time between two looks, and up to half as long again by chance. */
const lookEveryMs = 2_000;
/** A process that lives has woken its entity by then. */
const overdueMs = 2_000;
/** Where nothing can be held, it is asked again after that time. */
const notSetUpPauseMs = 60_000;
/** Overdue wake-ups of one look. */
const maxFound = 1_000;

/**
 * Wakes the entities of one partition of a service without a fleet: nobody owns the partition for
 * good, so nobody knows who is to wake. A process does so where it holds the partition because it was
 * asked for an entity of it. Elsewhere it looks from time to time for what is overdue although the
 * log says nothing newer of it: whoever should have woken that is dead, and this process takes the
 * partition.
 *
 * An entry may be out of date, and its entity may live with nothing to do. Two processes would take
 * the partition from each other for it again and again. So each entry counts once.
 */
export class PartitionScout {
  readonly #place: WakeUpPlace;
  readonly #deps: ScoutDeps;
  readonly #waker: PartitionWaker;
  /** Overdue wake-ups that were found before, by id. */
  #seen: ReadonlyMap<string, Offset> = new Map();
  #isFirstLook = true;

  constructor(place: WakeUpPlace, deps: ScoutDeps) {
    this.#place = place;
    this.#deps = deps;
    this.#waker = new PartitionWaker(place, deps);
  }

  /** Runs until `signal` fires. Failures are logged and passed over; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, random, log } = this.#deps;
    while (!signal.aborted) {
      let pauseMs = lookEveryMs * (1 + random() / 2);
      try {
        if (await this.#isWanted(signal)) await this.#waker.run(signal);
      } catch (err) {
        if (signal.aborted) return;
        if (err instanceof NotSetUpError) pauseMs = notSetUpPauseMs;
        log.debug({ ...this.#place, err }, 'wake-ups of a partition cannot be looked at');
      }
      await clock.sleep(pauseMs, { signal }).catch(() => {});
    }
  }

  async #isWanted(signal: AbortSignal): Promise<boolean> {
    const { tenures, eventual, consumer, clock } = this.#deps;
    const { topic, partition } = this.#place;
    if (tenures.holds(topic, partition)) return true;
    const replicated = await eventual.offset(topic, partition, { signal });
    const toMs = clock.nowMs() - overdueMs;
    const found = await this.#found(toMs, signal);
    const fresh = [...found].filter(([id, offset]) => this.#seen.get(id) !== offset);
    if (fresh.length === 0 && !this.#isFirstLook) return false;
    const to = await consumer.endOffset(topic, partition, { signal });
    const recent = await recentWakeUps({ place: this.#place, replicated, to }, this.#deps, signal);
    this.#isFirstLook = false;
    this.#seen = found;
    const isOverdue = fresh.some(([id, offset]) => (recent.get(id)?.offset ?? offset) <= offset);
    const isRecentOverdue = [...recent.values()].some(
      (wakeUp) => wakeUp.reason !== 'none' && wakeUp.dueMs <= toMs,
    );
    return isOverdue || isRecentOverdue;
  }

  async #found(toMs: number, signal: AbortSignal): Promise<ReadonlyMap<string, Offset>> {
    const found = new Map<string, Offset>();
    for await (const entry of this.#deps.wakeUps.due({ ...this.#place, toMs }, { signal })) {
      found.set(entry.id, entry.offset);
      if (found.size >= maxFound) break;
    }
    return found;
  }
}
