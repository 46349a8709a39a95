import { eventsText } from './checked-read.ts';
import {
  isSameRecord,
  type StoredJournal as JournalRow,
  type StoredEvent,
  storedEvents,
  storedJournal,
  storedOffset,
  storedUntil,
  storedWakeUp,
} from './store-view.ts';
import type { LiveEvent, WakeTruth } from './truth.ts';
import type { World } from './world.ts';

/** A row, or an event row, with the offset that the model gives the record which it names. */
type Placed<Row> = Row & Pick<LiveEvent, 'offset'>;
type StoredJournal = Placed<JournalRow>;

function journalRow(world: World, id: string): StoredJournal | undefined {
  const row = storedJournal(world.cassandra, world.log.topic, id);
  return row && { ...row, offset: world.places.offsetOf(id, row.at) };
}

function eventRows(world: World, id: string): readonly Placed<StoredEvent>[] {
  const rows = storedEvents(world.cassandra, world.log.topic, id);
  return rows.map((row) => ({ ...row, offset: world.places.offsetOf(id, row.at) }));
}

/** Watches the tables after every write, past all ports. */
export class StoreChecks {
  readonly #world: World;
  readonly #rows = new Map<string, StoredJournal | undefined>();
  readonly #offsets = new Map<number, number>();

  constructor(world: World) {
    this.#world = world;
    world.cassandra.onWrite = (table, { key }, row) => {
      if (table === 'pointer2') this.#checkOffset(key[1] as number);
      if (table === 'pointer2' || table === 'tenures_until') this.#noteBehind(key[1] as number);
      if (table === 'metajournal') this.#checkRow(String(row?.key[0]));
    };
  }

  /**
   * W is before R. An owner that was replaced before it stored a first R may still store it, and
   * its successor a W of its own: until that is refused, and claims again, readers do not guess.
   */
  #noteBehind(partition: number): void {
    const { cassandra, log, wasBehind } = this.#world;
    const replicated = storedOffset(cassandra, log.topic, partition);
    const known = storedUntil(cassandra, log.topic, partition);
    if (replicated !== undefined && known !== undefined && known < replicated)
      wasBehind.add(partition);
  }

  /** I10: R never goes back. I8: everything up to R is applied. */
  #checkOffset(partition: number): void {
    const { cassandra, log } = this.#world;
    const before = this.#offsets.get(partition) ?? -1;
    const now = storedOffset(cassandra, log.topic, partition) ?? -1;
    if (now === before) return;
    this.#world.figures.replicatedMoves++;
    this.#offsets.set(partition, now);
    if (now < before) {
      this.#world.violation(`R of ${partition} went back from ${before} to ${now} (I10)`);
    }
    this.#checkApplied(partition, now);
  }

  #checkApplied(partition: number, replicated: number): void {
    for (const { id } of this.#world.plan.journals) {
      if (this.#world.places.partitionOf(id) !== partition) continue;
      const problem = appliedProblem(this.#world, id, replicated);
      if (problem !== undefined) {
        this.#world.violation(`R is ${partition}:${replicated}, but of ${id} ${problem} (I8)`);
      }
      const wakeUp = wakeUpProblem(this.#world, id, replicated);
      if (wakeUp !== undefined) {
        this.#world.violation(`R is ${partition}:${replicated}, but of ${id} ${wakeUp} (I31)`);
      }
    }
  }

  /**
   * I10, V4: nothing of a row goes back within a generation. One exception: what a process sent
   * before it died may land after its successor loaded the row, which then goes on from what R
   * covers; never below that.
   */
  #checkRow(id: string): void {
    const { places } = this.#world;
    const before = this.#rows.get(id);
    const now = journalRow(this.#world, id);
    this.#rows.set(id, now);
    if (before === undefined || now === undefined) return;
    if (!isSameRecord(before.recordId, now.recordId)) return;
    const replicated = this.#offsets.get(places.partitionOf(id)) ?? -1;
    const covered = places.baseOf(id) + replicated + 1;
    const line = this.#world.truth(id);
    const truth = line.at(covered);
    // What R covers may be dead already: then it says nothing of the row's generation.
    if (truth.generation !== line.at(now.offset + 1).generation) return;
    this.#goesBack(id, 'offset', [before.offset, now.offset, truth.lastAction ?? -1]);
    this.#goesBack(id, 'deleteTo', [before.deleteTo, now.deleteTo, truth.deleteTo]);
    this.#goesBack(id, 'seqNr', [before.seqNr, now.seqNr, truth.last ?? 0]);
  }

  #goesBack(
    id: string,
    name: string,
    [before, now, covered]: readonly [before: number, now: number, covered: number],
  ): void {
    if (now >= before) return;
    if (now >= covered) this.#world.figures.rowsBack++;
    else
      this.#world.violation(`${name} of the row of ${id} went back from ${before} to ${now} (I10)`);
  }
}

/**
 * What the store alone says about a journal, as of R of its partition: the row's generation, above
 * deleteTo, up to its number.
 */
export function storedState(world: World, id: string, replicated: number) {
  const row = journalRow(world, id);
  if (row === undefined) return { row, events: [] };
  const events = eventRows(world, id).filter(
    ({ seqNr, offset, recordId }) =>
      seqNr > row.deleteTo &&
      seqNr <= row.seqNr &&
      offset <= world.places.baseOf(id) + replicated &&
      (row.recordId === undefined ||
        recordId === undefined ||
        isSameRecord(recordId, row.recordId)),
  );
  return { row, events };
}

/**
 * Why the store is not what R says; `undefined` when it is. It may run ahead of R, by a delete or
 * purge as well, so what later records take away may be gone, but all else has to be there and
 * nothing more.
 */
export function appliedProblem(world: World, id: string, replicated: number): string | undefined {
  const line = world.truth(id);
  const covered = world.places.baseOf(id) + replicated;
  const truth = line.at(covered + 1);
  const now = line.at(Number.POSITIVE_INFINITY);
  const { row, events } = storedState(world, id, replicated);
  const found = () => `${eventsText(events)}, last ${row?.seqNr}, is stored`;
  const hasExtra = events.some((event) => !includes(truth.events, event));
  const misses = truth.events.some(
    (event) => !includes(events, event) && includes(now.events, event),
  );
  // Rows of records that lost stay beside those of the winner, as far as no delete reaches them.
  const hasConflict = now.losers.length > 0 || truth.losers.length > 0;
  if (misses || (hasExtra && !hasConflict)) {
    return `${found()}, where ${eventsText(truth.events)} is right`;
  }
  const isPast = now.generation !== truth.generation;
  if (isPast || isAhead(row, covered) || row?.seqNr === truth.last) return undefined;
  return `${found()}, where last ${truth.last} is right`;
}

/**
 * Why the wake-up that is stored is not that of R or of a later moment; `undefined` when it is. It
 * may be gone while it is replaced: readers follow the log from R on, and see the record that
 * replaces it. Where records lost, a repetition may take one of them for one that counts: the row
 * does not say it any more.
 */
export function wakeUpProblem(world: World, id: string, replicated: number): string | undefined {
  const { cassandra, log, plan } = world;
  if (!plan.saysWakes) return undefined;
  const partition = log.partitionOf(id);
  const truths = world.truth(id).between(replicated + 1, Number.POSITIVE_INFINITY);
  if (truths.some(({ losers }) => losers.length > 0)) return undefined;
  const stored = storedWakeUp(cassandra, [log.topic, partition], id);
  const text = (wake: WakeTruth | undefined): string =>
    wake ? `${wake.dueMs}@${wake.offset}` : 'none';
  const isOne = truths.some(({ wake }) => text(wake) === text(stored));
  const isReplaced = new Set(truths.map(({ wake }) => text(wake))).size > 1;
  if (isOne || (stored === undefined && isReplaced)) return undefined;
  return `the wake-up ${text(stored)} is stored, where ${truths.map(({ wake }) => text(wake)).join(' or ')} is right`;
}

function isAhead(row: StoredJournal | undefined, replicated: number): boolean {
  return row !== undefined && row.offset > replicated;
}

function includes(events: readonly LiveEvent[], { seqNr, offset }: LiveEvent): boolean {
  return events.some((event) => event.seqNr === seqNr && event.offset === offset);
}

/** An event row that nothing can ever show, when all is replicated. */
interface Leftover extends LiveEvent {
  /**
   * Of a generation that no row names: an attempt that was cut short inserted it, and what it
   * belonged to was covered by a delete when it was repeated.
   */
  readonly isKnown: boolean;
}

export function leftovers(world: World, id: string): readonly Leftover[] {
  const truth = world.truth(id).at(Number.POSITIVE_INFINITY);
  const row = journalRow(world, id);
  // Of a record that lost rows may be left, below the last number.
  const isLeft = (event: LiveEvent): boolean =>
    truth.losers.length > 0 ? event.seqNr > (truth.last ?? 0) : !includes(truth.events, event);
  return eventRows(world, id)
    .filter(isLeft)
    .map((event) => ({
      ...event,
      isKnown: row !== undefined && !isSameRecord(event.recordId, row.recordId),
    }));
}
