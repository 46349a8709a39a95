import PQueue from 'p-queue';
import { Key } from '../../model/key.ts';
import type { Offset } from '../../model/position.ts';
import {
  openAheadMs,
  type WakeUpEntry,
  type WakeUpPlace,
  type Woken,
} from '../../model/wake-up.ts';
import type { ActionConsumer } from '../../ports/action-consumer.ts';
import type { EventualJournal } from '../../ports/eventual-journal.ts';
import type { WakeUps } from '../../ports/wake-ups.ts';
import { Alarms } from '../../runtime/alarms.ts';
import { type Backoff, backoffDelayMs } from '../../runtime/retry.ts';
import type { HeldTenure } from '../holding/held-tenure.ts';
import type { TenureHolder } from '../holding/tenure-holder.ts';
import type { JournalDeps } from '../journal-deps.ts';
import { type RecentWakeUp, recentWakeUps } from './recent-wake-ups.ts';

/** What waking the entities of a partition works with. */
export interface WakingDeps extends Pick<JournalDeps, 'clock' | 'log'> {
  readonly consumer: Pick<ActionConsumer, 'follow'>;
  readonly eventual: Pick<EventualJournal, 'offset' | 'lastTenure'>;
  readonly tenures: Pick<TenureHolder, 'keep'>;
  readonly wakeUps: WakeUps;
  /** 0 <= value < 1; decides the jitter. */
  readonly random: () => number;
  /**
   * Opens the entity of a journal, unless it lives already. Resolves once it has recovered, with
   * what is known of it; `undefined` = it is of no type that is registered here.
   *
   * @throws when it could not be opened
   */
  readonly open: (key: Key) => Promise<Woken | undefined>;
  /** Number of types that are registered here so far. */
  readonly types: () => number;
}

/**
 * Time between two looks; what is written in between is due later, or its entity lives here. A look
 * reads all that is overdue. Where that takes long, as with many suspects, the looks keep their
 * share of the time, and come less often.
 */
const lookEveryMs = 10_000;
const longestEveryMs = 300_000;
const longestShare = 1 / 20;
/** What is due before the next look has ended, and the one after it, is in memory. */
const looksAhead = 3;
/** Entities that are opened at one moment, by why they are. */
const atOnce = { time: 50, now: 8, unknown: 2 } as const;
const retryBackoff: Backoff = { initialMs: 1_000, maxMs: 60_000 };

/** @param leastMs the pause where a look takes no time */
export function pauseAfterLook(tookMs: number, leastMs: number): number {
  return Math.min(longestEveryMs, Math.max(leastMs, tookMs / longestShare));
}

type Reason = keyof typeof atOnce;

/**
 * Suspects of one partition whose entities had recovered and waited for nothing, with the offset of
 * the entry. They stay in the store until the journal's next append. As long as the same entry is
 * there, no append has said anything else, so nothing has changed. There are never more than the
 * store has.
 */
export type SettledSuspects = Map<string, Offset>;

/** A wake-up that was found; it is done with, but kept, until the store has another one. */
interface Known extends Pick<WakeUpEntry, 'offset' | 'reason'> {
  /** Number of the registered types when its entity was of none of them. */
  readonly unknownTo?: number;
}

/**
 * Wakes the entities of one partition that wait for a time, or have work to do, as long as this
 * process holds the partition. What it finds are hints: an entity that is opened looks at its own
 * timers.
 *
 * The order matters: first the tenure, then R, then the store, then the log after R. What former
 * holders wrote is in the store or in the log by then, and nobody else writes any more. What is
 * written from then on is of entities that live here.
 */
export class PartitionWaker {
  readonly #place: WakeUpPlace;
  readonly #deps: WakingDeps;
  readonly #queues: Readonly<Record<Reason, PQueue>> = {
    time: new PQueue({ concurrency: atOnce.time }),
    now: new PQueue({ concurrency: atOnce.now }),
    unknown: new PQueue({ concurrency: atOnce.unknown }),
  };

  readonly #settled: SettledSuspects;

  /** @param settled what this process found out when it had the partition before */
  constructor(place: WakeUpPlace, deps: WakingDeps, settled: SettledSuspects = new Map()) {
    this.#place = place;
    this.#deps = deps;
    this.#settled = settled;
  }

  /**
   * Takes the partition and wakes, until `signal` fires or another process takes it over. Failures
   * of the log and the store are passed over. Resolves when nothing is being opened any more.
   *
   * @throws {NotSetUpError} no tenure can be held there
   * @throws as of `Journals.hold`
   */
  async run(signal: AbortSignal): Promise<void> {
    const { topic, partition } = this.#place;
    const ended = new AbortController();
    try {
      const until = AbortSignal.any([signal, ended.signal]);
      const tenure = await this.#deps.tenures.keep(topic, partition, until);
      await this.#wakeUnder(tenure, AbortSignal.any([until, tenure.signal]));
    } finally {
      ended.abort();
      await Promise.all(Object.values(this.#queues).map((queue) => queue.onIdle()));
    }
  }

  async #wakeUnder(tenure: HeldTenure, signal: AbortSignal): Promise<void> {
    const { clock, log, random } = this.#deps;
    const known = new Map<string, Known>();
    const alarms = new Alarms({
      clock,
      closing: signal,
      wake: (id) => this.#wake(id, { known, alarms, signal }),
    });
    let recent: Map<string, RecentWakeUp> | undefined;
    let everyMs = lookEveryMs;
    for (let failures = 0; !signal.aborted; ) {
      let pauseMs = everyMs;
      const beganMs = clock.steadyMs();
      try {
        recent = await this.#recentAfter(tenure, recent, signal);
        const toMs = clock.nowMs() + looksAhead * everyMs;
        await this.#look(toMs, { recent, known, alarms, signal });
        failures = 0;
        // From the next look on: this one does not know what is due after so long a pause.
        everyMs = pauseAfterLook(clock.steadyMs() - beganMs, lookEveryMs);
      } catch (err) {
        if (signal.aborted) return;
        // What was found before goes on being woken.
        log.warn({ ...this.#place, err, failures: ++failures }, cannotWake);
        pauseMs = Math.min(pauseMs, backoffDelayMs(retryBackoff, failures, random()));
      }
      await clock.sleep(pauseMs, { signal }).catch(() => {});
    }
  }

  /**
   * What the log says after R. Of what was known before, that is what the store does not have yet.
   */
  async #recentAfter(
    tenure: HeldTenure,
    before: Map<string, RecentWakeUp> | undefined,
    signal: AbortSignal,
  ): Promise<Map<string, RecentWakeUp>> {
    const { eventual, wakeUps, log } = this.#deps;
    const { topic, partition } = this.#place;
    const replicated = await eventual.offset(topic, partition, { signal });
    if (before !== undefined) {
      // R is read before the store is, and stored last: what is removed here the store will give.
      for (const [id, { offset }] of before)
        if (replicated !== undefined && offset <= replicated) before.delete(id);
      return before;
    }
    const kept = await wakeUps.until(this.#place, { signal });
    if (replicated !== undefined && (kept === undefined || kept < replicated)) {
      log.warn({ ...this.#place, replicated, kept }, notKept);
    }
    const part = { place: this.#place, replicated, to: tenure.of };
    return await recentWakeUps(part, this.#deps, signal);
  }

  /** Sets an alarm for each wake-up that is due until then and was not found before. */
  async #look(toMs: number, { recent, known, alarms, signal }: Looking): Promise<void> {
    const found = new Set<string>();
    const types = this.#deps.types();
    const note = ({ id, dueMs, offset, reason }: WakeUpEntry): void => {
      found.add(id);
      const before = known.get(id);
      // A program may register a type after its first look: the entity may be of that one.
      const isOfNewType = before?.unknownTo !== undefined && before.unknownTo < types;
      if (before?.offset === offset && !isOfNewType) return;
      known.set(id, { offset, reason });
      if (this.#settled.get(id) === offset) return;
      const atMs = reason === 'time' ? dueMs - openAheadMs : dueMs;
      alarms.set(id, { atMs, failures: 0 });
    };
    for await (const entry of this.#deps.wakeUps.due({ ...this.#place, toMs }, { signal })) {
      const later = recent.get(entry.id);
      if (later === undefined || later.offset <= entry.offset) note(entry);
    }
    for (const [id, wakeUp] of recent) {
      if (wakeUp.reason !== 'none' && wakeUp.dueMs <= toMs) note({ ...wakeUp, id });
    }
    for (const id of known.keys()) {
      if (found.has(id)) continue;
      known.delete(id);
      alarms.take(id);
    }
    for (const id of this.#settled.keys()) if (!found.has(id)) this.#settled.delete(id);
  }

  #wake(id: string, { known, alarms, signal }: Waking): void {
    const { clock, log, random, open, types } = this.#deps;
    const failures = alarms.take(id)?.failures ?? 0;
    const entry = known.get(id);
    const queue = this.#queues[entry?.reason ?? 'unknown'];
    const opening = queue.add(async () => {
      if (signal.aborted) return;
      const unknownTo = types();
      const woken = await open(Key.of(this.#place.topic, id));
      if (woken === undefined && entry !== undefined && known.get(id) === entry)
        known.set(id, { ...entry, unknownTo });
      if (signal.aborted || woken !== 'idle' || entry?.reason !== 'unknown') return;
      this.#settled.set(id, entry.offset);
    });
    opening.catch((err: unknown) => {
      if (signal.aborted || !known.has(id)) return;
      log.warn({ ...this.#place, id, err, failures: failures + 1 }, cannotOpen);
      const delayMs = backoffDelayMs(retryBackoff, failures + 1, random());
      alarms.set(id, { atMs: clock.nowMs() + delayMs, failures: failures + 1 });
    });
  }
}

interface Waking {
  readonly known: Map<string, Known>;
  readonly alarms: Alarms;
  readonly signal: AbortSignal;
}

interface Looking extends Waking {
  readonly recent: Map<string, RecentWakeUp>;
}

const cannotWake = 'entities of a partition cannot be woken at the moment; it is tried again';
const cannotOpen = 'an entity that has work to do cannot be opened; it is tried again later';
const notKept =
  'the replicator has not kept all wake-ups of the partition: entities that wait may sleep until they are ' +
  'spoken to. Update the replicators, then run kafka-journal wakeups rebuild';
