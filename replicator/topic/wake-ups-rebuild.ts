import { suspectOf, type UnkeptRange } from '../../src/history/wake-ups.ts';
import { Key } from '../../src/model/key.ts';
import type { Partition, Topic } from '../../src/model/position.ts';
import type { JournalPlace } from '../../src/ports/replicated-journal.ts';
import type { FlowDeps } from '../replicator-deps.ts';
import type { FlowTurn, PartitionFlow } from './partition-flow.ts';

/** How often a partition whose wake-ups are not complete is looked at for a request. */
export const lookEveryMs = 5_000;

/** Journals looked at together, at one moment: the records of the partition wait meanwhile. */
const journalsInTurn = 16;

/**
 * Rebuilds the wake-ups of the partitions of a topic that are ours, one partition after the other,
 * where some are missing and an operator has asked for it (ADR 33):
 *
 *     looking ── asked ──► begin: the range that ──► its journals, ──► end
 *        ▲                 nobody kept               some in a turn     │
 *        └── failed, given up, or complete: then it is looked at no more
 *
 * Each step runs between two rounds of the partition's flow. So nothing else changes its journals
 * meanwhile, and what the flow stores later replaces what is stored here, never the other way
 * round. A crash leaves entries that the next rebuild finds and lets be, and how far they are
 * complete does not move before all are there.
 */
export class WakeUpsRebuild {
  readonly #topic: Topic;
  readonly #deps: Pick<FlowDeps, 'store' | 'clock' | 'log'>;
  readonly #flows: ReadonlyMap<Partition, PartitionFlow>;
  #watching: Promise<void> | undefined;

  /** @param flows of the partitions that are ours at the moment */
  constructor(
    topic: Topic,
    deps: Pick<FlowDeps, 'store' | 'clock' | 'log'>,
    flows: ReadonlyMap<Partition, PartitionFlow>,
  ) {
    this.#topic = topic;
    this.#deps = deps;
    this.#flows = flows;
  }

  /**
   * Looks for requests, at once and then from time to time, until the wake-ups of all flows are
   * complete or the signal fires.
   */
  watch(signal: AbortSignal): void {
    this.#watching ??= this.#watch(signal);
  }

  /** Resolves when nothing is done any more, once the signal has fired; never rejects. */
  async settled(): Promise<void> {
    await this.#watching;
  }

  async #watch(signal: AbortSignal): Promise<void> {
    for (;;) {
      const incomplete = [...this.#flows].filter(([, { wakeUps }]) => !wakeUps.areComplete);
      if (signal.aborted || incomplete.length === 0) break;
      for (const [partition, flow] of incomplete) await this.#look(partition, flow, signal);
      await this.#deps.clock.sleep(lookEveryMs, { signal }).catch(() => {});
    }
    this.#watching = undefined;
  }

  /** Never rejects. */
  async #look(partition: Partition, flow: PartitionFlow, signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps;
    const log = this.#deps.log.child({ topic: this.#topic, partition });
    try {
      if (!(await flow.wakeUps.isRebuildAsked({ signal }))) return;
      const beganMs = clock.nowMs();
      log.info({}, 'wake-ups are rebuilt');
      const rebuilt = await this.#rebuild(partition, flow, signal);
      if (rebuilt === undefined) return;
      log.info({ ...rebuilt, durationMs: clock.nowMs() - beganMs }, 'wake-ups are complete');
    } catch (err) {
      if (!signal.aborted) log.warn({ err }, 'wake-ups not rebuilt; trying again');
    }
  }

  /** Answers `undefined` when the partition was given up. */
  async #rebuild(
    partition: Partition,
    flow: PartitionFlow,
    signal: AbortSignal,
  ): Promise<Rebuilt | undefined> {
    const { store, clock } = this.#deps;
    const ranges: UnkeptRange[] = [];
    await flow.betweenRounds(async ({ replicated }) => {
      ranges.push(await flow.wakeUps.beginRebuild(replicated, { signal }));
    }, signal);
    const [range] = ranges;
    if (range === undefined) return undefined;
    let [journals, suspects] = [0, 0];
    for await (const page of store.journalPlaces(this.#topic, { signal })) {
      const places = page.filter(({ at }) => at.partition === partition && at.offset > range.after);
      journals += places.length;
      for (let from = 0; from < places.length; from += journalsInTurn) {
        const some = places.slice(from, from + journalsInTurn);
        const work = async (turn: FlowTurn): Promise<void> => {
          suspects += await this.#suspect(some, range, turn);
        };
        if (!(await flow.betweenRounds(work, signal))) return undefined;
      }
    }
    const isDone = await flow.betweenRounds(
      ({ replicated }) => flow.wakeUps.endRebuild(replicated, { nowMs: clock.nowMs(), signal }),
      signal,
    );
    return isDone ? { ...range, journals, suspects } : undefined;
  }

  /** Waits for all, also when one fails. Answers how many there are now that were not before. */
  async #suspect(
    places: readonly JournalPlace[],
    range: UnkeptRange,
    turn: FlowTurn,
  ): Promise<number> {
    const nowMs = this.#deps.clock.nowMs();
    const settled = await Promise.allSettled(
      places.map(({ id }) => suspectIfUnknown(Key.of(this.#topic, id), { range, turn, nowMs })),
    );
    let suspects = 0;
    for (const result of settled) {
      if (result.status === 'rejected') throw result.reason;
      if (result.value) suspects++;
    }
    return suspects;
  }
}

/** What was done: journals of the range, and how many of them are suspects now. */
interface Rebuilt extends UnkeptRange {
  readonly journals: number;
  readonly suspects: number;
}

interface SuspectDeps {
  readonly range: UnkeptRange;
  readonly turn: FlowTurn;
  readonly nowMs: number;
}

async function suspectIfUnknown(key: Key, { range, turn, nowMs }: SuspectDeps): Promise<boolean> {
  const { journals, mayWrite } = turn;
  try {
    const journal = await journals.peek(key);
    const row = journal.pointer;
    // It was purged meanwhile.
    if (row === undefined) return false;
    const { partition } = row.at;
    const stored = await journal.wakeUpOffset(partition);
    const offset = suspectOf(row.at.offset, stored, range);
    if (offset === undefined || !mayWrite()) return false;
    const wakeUp = { dueMs: nowMs, reason: 'unknown', offset } as const;
    await journal.saveWakeUp({ type: 'set', wakeUp }, { partition, nowMs });
    return true;
  } catch (error) {
    journals.forget(key);
    throw error;
  }
}
