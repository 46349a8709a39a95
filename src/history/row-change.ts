import { recordIdOf } from '../codec/record/record-id.ts';
import type { ReplicatedEvent } from '../model/event.ts';
import { ExpireAfter } from '../model/expire-after.ts';
import type { Expiry, JournalPointer } from '../model/journal-pointer.ts';
import type { Offset, PartitionOffset, Topic } from '../model/position.ts';
import type {
  ReplicatedAppend,
  ReplicatedDelete,
  ReplicatedPurge,
} from '../model/replicated-batch.ts';
import { SeqNr } from '../model/seq-nr.ts';
import { applyAction } from './apply-action.ts';
import { Life } from './life.ts';

/** One journal as its writer knows it before a change. */
export interface BeforeChange {
  /** The journal's row; `undefined` = the store has none. */
  readonly row: JournalPointer | undefined;
  /** The last purge of this writer: nothing at or before it may create the journal again. */
  readonly purgedAt: Offset | undefined;
}

/** What a change of a row needs besides the row and the batch. */
export interface ChangeSettings {
  readonly topic: Topic;
  /** Of the journal, should it be created now. */
  readonly segmentSize: number;
  /** The replicator's clock. */
  readonly nowMs: number;
}

/** What a batch makes of a journal's row and of its events; a store only executes it. */
export type RowChange = NoChange | RowCreated | RowExtended | RowShortened | RowRemoved;

/** The batch is applied already, or is void. */
export interface NoChange {
  readonly type: 'none';
}

/** A life begins. */
export interface RowCreated {
  readonly type: 'create';
  readonly pointer: JournalPointer;
  /** The events to store. */
  readonly live: readonly ReplicatedEvent[];
  /** Who wrote the first of the batch's events. */
  readonly origin: string | undefined;
  /**
   * Event rows up to this number may be there although the row calls them deleted: of an attempt
   * that was cut short. `undefined` = a repetition writes the same rows again.
   */
  readonly doubtfulTo: SeqNr | undefined;
}

/** A life goes on. */
export interface RowExtended {
  readonly type: 'extend';
  readonly pointer: JournalPointer;
  /** The events to store. */
  readonly live: readonly ReplicatedEvent[];
  /**
   * A delete of the same poll, which follows as a change of its own, covers the events up to and
   * including this number that were stored before. `undefined` = it covers none. The row hides
   * them from now on; before this change they must stay, since a reader whose end is before the
   * append still sees them.
   */
  readonly clearTo: SeqNr | undefined;
}

/** Events are deleted. */
export interface RowShortened {
  readonly type: 'shorten';
  /** While events are being removed: they are hidden, and the batch does not count as applied. */
  readonly during: JournalPointer;
  readonly pointer: JournalPointer;
  /** Event rows up to and including this number go. */
  readonly clearTo: SeqNr;
}

/** A life ends: all event rows go, then the row. */
export interface RowRemoved {
  readonly type: 'remove';
  /** While events are being removed; `undefined` = there is no row. */
  readonly during: JournalPointer | undefined;
  /** Event rows up to this number may be there without a row: of an attempt that was cut short. */
  readonly doubtfulTo: SeqNr | undefined;
}

const none: NoChange = { type: 'none' };

/**
 * What an append makes of a journal. Each record takes its numbers or loses, in offset order; of
 * one that loses, the events above the last number are not stored: nobody would see them.
 */
export function changeByAppend(
  before: BeforeChange,
  batch: ReplicatedAppend,
  { topic, segmentSize, nowMs }: ChangeSettings,
): RowChange {
  if (isApplied(before, batch.at)) return none;
  const { row } = before;
  const { at, ranges, events, deleteTo } = batch;
  const [first] = ranges;
  const stored = Life.ofRow(row, at.partition);
  // A journal that begins above 1 counts as deleted up to there.
  let life = row === undefined ? { ...stored, deletedTo: SeqNr.prev(first.from) } : stored;
  /**
   * The last number after each record that was not applied before: a poll may have been cut
   * differently.
   */
  const lasts = new Map<Offset, SeqNr | undefined>();
  for (const range of ranges) {
    if (isApplied(before, range.at)) continue;
    [life] = applyAction(life, { type: 'append', range }, range.at.offset);
    lasts.set(range.at.offset, life.last);
  }
  if (deleteTo !== undefined) {
    [life] = applyAction(life, { type: 'delete', to: deleteTo }, at.offset);
  }
  const gone = deleteTo === undefined ? 0 : (life.deletedTo ?? 0);
  const live = events.filter(({ event: { seqNr }, record }) => {
    const last = lasts.get(record.at.offset);
    return last !== undefined && gone < seqNr && seqNr <= last;
  });
  const expiry = expiryOf(batch.expireAfter, nowMs);
  const numbers = { seqNr: life.last ?? first.to, deleteTo: life.deletedTo };
  if (row === undefined) {
    // The same name whenever it is repeated.
    const recordId = recordIdOf(topic, first.at);
    const pointer = { at, segmentSize, ...numbers, expiry, recordId };
    const doubtfulTo = deleteTo === undefined ? undefined : life.deletedTo;
    return { type: 'create', pointer, live, origin: events[0].record.origin, doubtfulTo };
  }
  const pointer = { ...row, at, ...numbers, expiry };
  return { type: 'extend', pointer, live, clearTo: coveredTo(row, batch) };
}

/** How far a delete that comes with an append reaches into what is stored and not yet deleted. */
function coveredTo(row: JournalPointer, { at, deleteTo }: ReplicatedAppend): SeqNr | undefined {
  if (deleteTo === undefined) return undefined;
  const deed = { type: 'delete', to: deleteTo } as const;
  const [{ deletedTo }] = applyAction(Life.ofRow(row, at.partition), deed, at.offset);
  return deletedTo === row.deleteTo ? undefined : deletedTo;
}

/** What a delete makes of a journal. */
export function changeByDelete(before: BeforeChange, { at, to }: ReplicatedDelete): RowChange {
  if (isApplied(before, at)) return none;
  const { row } = before;
  const life = Life.ofRow(row, at.partition);
  const [{ last }, effect] = applyAction(life, { type: 'delete', to }, at.offset);
  if (row === undefined || effect.type !== 'deleted') return none;
  const during = { ...row, seqNr: last ?? row.seqNr, deleteTo: effect.upTo };
  return { type: 'shorten', during, pointer: { ...during, at }, clearTo: effect.upTo };
}

/**
 * What a purge makes of a journal. At the offset of the row it is applied again: it may have been
 * cut short.
 */
export function changeByPurge(
  { row }: BeforeChange,
  { at, onlyAt, upTo }: ReplicatedPurge,
): RowChange {
  const isAppliedPast = row?.at.partition === at.partition && at.offset < row.at.offset;
  if (isAppliedPast) return none;
  const life = Life.ofRow(row, at.partition);
  const [, effect] = applyAction(life, { type: 'purge', onlyAt }, at.offset);
  if (effect.type !== 'purged') return none;
  if (row === undefined) return { type: 'remove', during: undefined, doubtfulTo: upTo };
  const last = SeqNr.greaterOf(row.seqNr, row.deleteTo);
  const during = { ...row, seqNr: last, deleteTo: last, purgingAt: at.offset };
  return { type: 'remove', during, doubtfulTo: upTo };
}

/** A row that was written for another partition says nothing of this one: the key has moved. */
function isApplied({ row, purgedAt }: BeforeChange, at: PartitionOffset): boolean {
  if (row !== undefined) return row.at.partition === at.partition && at.offset <= row.at.offset;
  return purgedAt !== undefined && at.offset <= purgedAt;
}

/** The last day that a date of four digits can name. */
const lastDayMs = Date.UTC(9999, 11, 31);

/**
 * The last append decides: its duration counts from `nowMs`, and without one the journal does not
 * expire.
 */
export function expiryOf(after: ExpireAfter | undefined, nowMs: number): Expiry | undefined {
  if (after === undefined) return undefined;
  const nanos = ExpireAfter.toNanos(after);
  const expiresMs = Math.min(nowMs + Number(nanos / 1_000_000n), lastDayMs);
  const on = new Date(expiresMs).toISOString().slice(0, 10);
  return { after: ExpireAfter.ofNanos(nanos), on };
}
