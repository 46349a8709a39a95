import { recordIdOf } from '../codec/record-id.ts';
import { ExpireAfter } from '../model/expire-after.ts';
import type { Expiry, JournalPointer } from '../model/journal-pointer.ts';
import type { Key } from '../model/key.ts';
import type { PartitionOffset } from '../model/position.ts';
import { SeqNr } from '../model/seq-nr.ts';
import type {
  ReplicatedAppend,
  ReplicatedDelete,
  ReplicatedKeyJournal,
  ReplicatedPurge,
} from '../ports/replicated-journal.ts';
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
    // Records of a merged batch that a poll cut differently had applied before.
    const fresh = batch.events.filter(({ record }) => record.at.offset > applied);
    const row = this.#row;
    if (row === undefined) {
      const [{ record }] = batch.events;
      const pointer = this.#firstPointer(batch, nowMs);
      await this.#insert({ pointer, origin: record.origin, nowMs }, fresh);
    } else {
      const change = { row, pointer: pointerAfter(row.pointer, batch, nowMs), nowMs };
      await this.#parts.rows.insertEvents(change, fresh);
      this.#changed(change);
    }
    return true;
  }

  async delete({ at, to, origin }: ReplicatedDelete, nowMs: number): Promise<boolean> {
    if (at.offset <= this.#appliedOffset) return false;
    const row = this.#row;
    if (row === undefined) {
      // Of nothing: the journal begins behind it.
      const { segmentSize } = this.#parts;
      const none = { expiry: undefined, recordId: undefined };
      const pointer = { at, segmentSize, seqNr: to, deleteTo: to, ...none };
      await this.#insert({ pointer, origin, nowMs }, []);
    } else {
      const seqNr = SeqNr.greaterOf(row.pointer.seqNr, row.pointer.deleteTo);
      // Never lower than before: events that are gone do not come back.
      const deleteTo = SeqNr.greaterOf(SeqNr.lesserOf(to, seqNr), row.pointer.deleteTo);
      const change = { row, pointer: { ...row.pointer, at, seqNr, deleteTo }, nowMs };
      await this.#parts.rows.deleteEvents(change);
      this.#changed(change);
    }
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

  #firstPointer({ at, events, expireAfter }: ReplicatedAppend, nowMs: number): JournalPointer {
    const { key, segmentSize } = this.#parts;
    const [{ event, record }] = events;
    return {
      at,
      segmentSize,
      seqNr: highestOf(events),
      deleteTo: SeqNr.prev(event.seqNr),
      expiry: expiryAfter(undefined, expireAfter, nowMs),
      // The same whenever it is repeated.
      recordId: recordIdOf(key.topic, record.at),
    };
  }
}

function pointerAfter(
  old: JournalPointer,
  { at, events, expireAfter }: ReplicatedAppend,
  nowMs: number,
): JournalPointer {
  const seqNr = SeqNr.greaterOf(highestOf(events), old.seqNr);
  return { ...old, at, seqNr, expiry: expiryAfter(old.expiry, expireAfter, nowMs) };
}

function highestOf([first, ...rest]: ReplicatedAppend['events']): SeqNr {
  return rest.reduce((high, { event }) => SeqNr.greaterOf(event.seqNr, high), first.event.seqNr);
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
