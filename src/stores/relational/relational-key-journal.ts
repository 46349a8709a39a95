import { recordIdOf } from '../../codec/record/record-id.ts';
import { LastNumbers } from '../../model/appended-range.ts';
import { ExpireAfter } from '../../model/expire-after.ts';
import type { Expiry, JournalPointer } from '../../model/journal-pointer.ts';
import type { Key } from '../../model/key.ts';
import type { PartitionOffset } from '../../model/position.ts';
import { SeqNr } from '../../model/seq-nr.ts';
import type {
  ReplicatedAppend,
  ReplicatedDelete,
  ReplicatedKeyJournal,
  ReplicatedPurge,
} from '../../ports/replicated-journal.ts';
import type { JournalRow, JournalRows, NewRow, RowChange } from './journal-rows.ts';

/** What a journal needs of the store around it. */
export interface KeyJournalParts {
  readonly key: Key;
  readonly rows: JournalRows;
  /** The row as it was loaded. */
  readonly row: JournalRow | undefined;
  /** Segment size of the journal, should it be created now. */
  readonly segmentSize: number;
}

/**
 * One journal as the replicator writes it into a relational database: what an action makes of its row is
 * decided here, how the rows change is the database's business.
 */
export class RelationalKeyJournal implements ReplicatedKeyJournal {
  readonly #parts: KeyJournalParts;
  #row: JournalRow | undefined;
  /** Offset of the last purge: what was re-delivered from before it must not revive the journal. */
  #purgedAt = -1;

  constructor(parts: KeyJournalParts) {
    this.#parts = parts;
    this.#row = parts.row;
  }

  get pointer(): JournalPointer | undefined {
    return this.#row?.pointer;
  }

  async append(batch: ReplicatedAppend, nowMs: number): Promise<boolean> {
    const applied = this.#appliedOffset;
    if (batch.at.offset <= applied) return false;
    await this.#deleteEarly(batch, nowMs);
    const row = this.#row;
    // Records of a merged batch that a poll cut differently had applied before.
    const isFresh = ({ at }: { readonly at: PartitionOffset }): boolean => at.offset > applied;
    const numbers = new LastNumbers(row?.pointer.seqNr ?? 0, batch.ranges.filter(isFresh));
    const pointer =
      row === undefined
        ? this.#firstPointer(batch, numbers.last, nowMs)
        : pointerAfter(row.pointer, { ...batch, seqNr: numbers.last }, nowMs);
    const gone = batch.deleteTo === undefined ? 0 : (pointer.deleteTo ?? 0);
    // Of a record that loses, those above the last number are not stored: nobody sees them.
    const fresh = batch.events.filter(
      ({ event: { seqNr }, record }) =>
        isFresh(record) && seqNr > gone && numbers.keeps(seqNr, record.at.offset),
    );
    if (row === undefined) {
      const [{ record }] = batch.events;
      await this.#insert({ pointer, origin: record.origin, nowMs }, fresh);
    } else {
      await this.#parts.rows.insertEvents({ row, pointer, nowMs }, fresh);
      this.#changed({ row, pointer, nowMs });
    }
    return true;
  }

  /** What a delete behind an append takes of the events that are stored, the row's offset unchanged. */
  async #deleteEarly({ deleteTo }: ReplicatedAppend, nowMs: number): Promise<void> {
    const row = this.#row;
    if (row === undefined || deleteTo === undefined) return;
    const pointer = { ...row.pointer, deleteTo: reached(row.pointer, deleteTo) };
    if (pointer.deleteTo === row.pointer.deleteTo) return;
    const change = { row, pointer, nowMs };
    await this.#parts.rows.deleteEvents(change);
    this.#changed(change);
  }

  async delete({ at, to }: ReplicatedDelete, nowMs: number): Promise<boolean> {
    const row = this.#row;
    // Of nothing: void.
    if (row === undefined || at.offset <= this.#appliedOffset) return false;
    const seqNr = SeqNr.greaterOf(row.pointer.seqNr, row.pointer.deleteTo);
    const deleteTo = reached(row.pointer, to);
    const change = { row, pointer: { ...row.pointer, at, seqNr, deleteTo }, nowMs };
    await this.#parts.rows.deleteEvents(change);
    this.#changed(change);
    return true;
  }

  /** `upTo` says nothing here: no append is ever applied in part. */
  async purge({ at, onlyAt }: ReplicatedPurge): Promise<boolean> {
    const row = this.#row;
    if (row === undefined || at.offset < row.pointer.at.offset) return false;
    if (onlyAt !== undefined && !standsAt(row.pointer, { ...at, offset: onlyAt })) return false;
    await this.#parts.rows.remove(row);
    this.#row = undefined;
    this.#purgedAt = at.offset;
    return true;
  }

  get #appliedOffset(): number {
    return this.#row?.pointer.at.offset ?? this.#purgedAt;
  }

  async #insert(row: NewRow, events: ReplicatedAppend['events'][number][]): Promise<void> {
    const journal = await this.#parts.rows.insert(row, events);
    this.#row = { journal, pointer: row.pointer };
  }

  #changed({ row: { journal }, pointer }: RowChange): void {
    this.#row = { journal, pointer };
  }

  #firstPointer(batch: ReplicatedAppend, seqNr: SeqNr, nowMs: number): JournalPointer {
    const { key, segmentSize } = this.#parts;
    const { at, ranges, expireAfter, deleteTo } = batch;
    const [first] = ranges;
    const begun = { seqNr, deleteTo: SeqNr.prev(first.from) };
    return {
      at,
      segmentSize,
      seqNr,
      deleteTo: deleteTo === undefined ? begun.deleteTo : reached(begun, deleteTo),
      expiry: expiryAfter(undefined, expireAfter, nowMs),
      // The same whenever it is repeated.
      recordId: recordIdOf(key.topic, first.at),
    };
  }
}

function pointerAfter(
  old: JournalPointer,
  { at, seqNr, expireAfter, deleteTo }: ReplicatedAppend & { readonly seqNr: SeqNr },
  nowMs: number,
): JournalPointer {
  const expiry = expiryAfter(old.expiry, expireAfter, nowMs);
  const next = { ...old, at, seqNr, expiry };
  return deleteTo === undefined ? next : { ...next, deleteTo: reached(next, deleteTo) };
}

/** How far a delete reaches: to what exists. Never lower than before: events that are gone do not come back. */
function reached(
  { seqNr, deleteTo }: Pick<JournalPointer, 'seqNr' | 'deleteTo'>,
  to: SeqNr,
): SeqNr {
  const last = SeqNr.greaterOf(seqNr, deleteTo);
  return SeqNr.greaterOf(SeqNr.lesserOf(to, last), deleteTo);
}

function standsAt({ at }: JournalPointer, { partition, offset }: PartitionOffset): boolean {
  return at.partition === partition && at.offset === offset;
}

const nanosInMilli = 1_000_000n;
/** The last day that a date of four digits can tell. */
const lastDayMs = Date.UTC(9999, 11, 31);

/** The last append decides: its duration counts from now, and none removes an expiry. */
function expiryAfter(
  old: Expiry | undefined,
  after: ExpireAfter | undefined,
  nowMs: number,
): Expiry | undefined {
  if (after === undefined) return undefined;
  const nanos = ExpireAfter.toNanos(after);
  const expiresMs = Math.min(nowMs + Number(nanos / nanosInMilli), lastDayMs);
  const on = new Date(expiresMs).toISOString().slice(0, 10);
  const unchanged = old?.on === on && ExpireAfter.equals(old.after, after);
  return unchanged ? old : { after: ExpireAfter.ofNanos(nanos), on };
}
