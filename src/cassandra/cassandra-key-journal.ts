import { recordIdOf } from '../codec/record-id.ts';
import type { JournalPointer } from '../model/journal-pointer.ts';
import type { Key } from '../model/key.ts';
import type { Offset, PartitionOffset } from '../model/position.ts';
import { SeqNr } from '../model/seq-nr.ts';
import type {
  ReplicatedAppend,
  ReplicatedDelete,
  ReplicatedKeyJournal,
  ReplicatedPurge,
} from '../ports/replicated-journal.ts';
import { seqNrParam } from './cassandra-values.ts';
import { deleteRows, type EventRows, insertRows, lastSeqNrOf } from './event-rows.ts';
import { expiryOf, sameExpiry } from './expiry.ts';
import { SegmentNr } from './segment.ts';
import type { CassandraSession, Params } from './session-types.ts';
import {
  clearedParam,
  expiryParams,
  highest,
  insertParams,
  type NewRow,
  type OwnedRow,
  rowParams,
  updateParams,
} from './tables/metajournal-table.ts';
import type { StoreTables } from './tables/store-tables.ts';
import type { WriteClock, WriteClocks } from './write-clock.ts';

export interface KeyJournalState {
  readonly session: CassandraSession;
  readonly tables: StoreTables;
  readonly clocks: WriteClocks;
  /** Of the journal, should it be created now. */
  readonly segmentSize: number;
  readonly key: Key;
  /** Metajournal segment where the row lies, or will. */
  readonly segment: SegmentNr;
  readonly row: OwnedRow | undefined;
}

/** What one call writes: for which record, when, and with which write timestamps. */
interface Unit {
  readonly at: PartitionOffset;
  readonly nowMs: number;
  readonly clock: WriteClock;
}

/**
 * Segments that a purge clears below what is known to be cleared: the JVM system may have left rows
 * there (V8).
 */
const maxDoubtedSegments = 100_000;

/**
 * One journal's rows. Each action is a sequence of statements that may stop anywhere and be
 * repeated:
 *
 *   append   event rows → journal row
 *   delete   journal row: deleteTo, clearedTo, old offset → event rows → journal row: new offset
 *   purge    journal row: deleteTo = seqNr, clearedTo, old offset → event rows → journal row
 *
 * The offset moves last, so an action that was cut short is applied again (docs/format.md#replication).
 */
export class CassandraKeyJournal implements ReplicatedKeyJournal {
  pointer: JournalPointer | undefined;
  private readonly state: KeyJournalState;
  private segment: SegmentNr;
  /** Events up to here are gone from the table; `undefined` = all up to `deleteTo`. */
  private clearedTo: number | undefined;
  /** The row's last change is this handle's: it knows every column. */
  private isOwn = false;
  /** Nothing at or below it may create the journal again. */
  private purgedAt: Offset | undefined;

  constructor(state: KeyJournalState) {
    this.state = state;
    this.segment = state.segment;
    this.pointer = state.row?.pointer;
    this.clearedTo = state.row?.clearedTo;
  }

  async append(batch: ReplicatedAppend, nowMs: number): Promise<boolean> {
    const { pointer } = this;
    if (this.isApplied(batch.at)) return false;
    const unit = this.unit(batch.at, nowMs);
    if (pointer === undefined) await this.create(batch, unit);
    else await this.extend(pointer, batch, unit);
    return true;
  }

  async delete(batch: ReplicatedDelete, nowMs: number): Promise<boolean> {
    const { pointer } = this;
    if (this.isApplied(batch.at)) return false;
    const unit = this.unit(batch.at, nowMs);
    if (pointer === undefined) await this.createDeleted(batch, unit);
    else await this.shorten(pointer, batch, unit);
    return true;
  }

  async purge({ at, onlyAt, upTo }: ReplicatedPurge, nowMs: number): Promise<boolean> {
    const { pointer } = this;
    if (pointer !== undefined && at.offset < pointer.at.offset) return false;
    if (onlyAt !== undefined && !isAt(pointer, { ...at, offset: onlyAt })) return false;
    const unit = this.unit(at, nowMs);
    if (pointer !== undefined) await this.remove(pointer, upTo, unit);
    else if (upTo !== undefined) await this.removeOrphans(upTo, unit);
    this.pointer = undefined;
    this.clearedTo = undefined;
    this.purgedAt = at.offset;
    return pointer !== undefined;
  }

  private isApplied({ offset }: PartitionOffset): boolean {
    const applied = this.pointer?.at.offset ?? this.purgedAt;
    return applied !== undefined && offset <= applied;
  }

  private unit(at: PartitionOffset, nowMs: number): Unit {
    const { clocks, key, row } = this.state;
    const clock = clocks.of(key.topic, at.partition);
    // Its last writer's clock may be ahead of ours (ADR 29).
    if (row !== undefined) clock.follow(row.writtenMicros);
    return { at, nowMs, clock };
  }

  private async create({ at, events, expireAfter }: ReplicatedAppend, unit: Unit): Promise<void> {
    const { segmentSize, key } = this.state;
    const [{ event, record }] = events;
    const pointer: JournalPointer = {
      at,
      segmentSize,
      seqNr: lastSeqNrOf(events),
      deleteTo: SeqNr.prev(event.seqNr),
      expiry: expiryOf(expireAfter, unit.nowMs),
      // The same whenever it is repeated (D.7.5-1).
      recordId: recordIdOf(key.topic, record.at),
    };
    await insertRows(this.eventRows(pointer, unit), events);
    await this.insert({ pointer, origin: record.origin, nowMs: unit.nowMs }, unit);
  }

  private async extend(head: JournalPointer, batch: ReplicatedAppend, unit: Unit): Promise<void> {
    const { at } = batch;
    // Records of a merged batch that a poll cut differently had applied before.
    const events = batch.events.filter(({ record }) => record.at.offset > head.at.offset);
    await insertRows(this.eventRows(head, unit), events);
    const seqNr = highest(lastSeqNrOf(events), head.seqNr);
    const expiry = expiryOf(batch.expireAfter, unit.nowMs);
    const { updateSeqNr, updateExpiry } = this.state.tables.metaJournal;
    // What a former owner sets too late must find something newer in its way, even of nothing.
    if (this.isOwn && sameExpiry(expiry, head.expiry)) {
      await this.update(updateSeqNr, { at, columns: [seqNrParam(seqNr)] }, unit);
    } else {
      const columns = [seqNrParam(seqNr), ...expiryParams(expiry)];
      await this.update(updateExpiry, { at, columns }, unit);
    }
    this.pointer = { ...head, at, seqNr, expiry };
    this.isOwn = true;
  }

  /** A delete of nothing: the journal begins behind it. */
  private async createDeleted({ at, to, origin }: ReplicatedDelete, unit: Unit): Promise<void> {
    const { segmentSize } = this.state;
    const pointer: JournalPointer = {
      at,
      segmentSize,
      seqNr: to,
      deleteTo: to,
      expiry: undefined,
      recordId: undefined,
    };
    await this.insert({ pointer, origin, nowMs: unit.nowMs }, unit);
  }

  /** In two phases (D.7.5-3): readers learn of it, the rows go, and only then it counts as applied. */
  private async shorten(
    head: JournalPointer,
    { at, to }: ReplicatedDelete,
    unit: Unit,
  ): Promise<void> {
    const { updateSeqNr, updateCleared } = this.state.tables.metaJournal;
    const seqNr = highest(head.seqNr, head.deleteTo);
    // Never lower than before: events that are gone do not come back (V4, D.7.5-2).
    const deleteTo = highest(SeqNr.lesserOf(to, seqNr), head.deleteTo);
    const cleared = this.clearedBelow(head);
    if (cleared >= deleteTo) {
      await this.update(updateSeqNr, { at, columns: [seqNrParam(seqNr)] }, unit);
    } else {
      await this.align(head, { seqNr, deleteTo }, unit);
      await deleteRows(this.eventRows(head, unit), {
        first: SegmentNr.of(cleared + 1, head.segmentSize),
        last: SegmentNr.of(deleteTo, head.segmentSize),
        upTo: deleteTo < seqNr ? deleteTo : undefined,
      });
      await this.update(updateCleared, { at, columns: [null] }, unit);
    }
    this.pointer = { ...head, at, seqNr, deleteTo };
    this.clearedTo = undefined;
  }

  /** The row stays until the last event is gone, and with it the range that is left (D.7.5-6). */
  private async remove(head: JournalPointer, upTo: SeqNr | undefined, unit: Unit): Promise<void> {
    const last = highest(head.seqNr, head.deleteTo);
    await this.align(head, { seqNr: last, deleteTo: last }, unit);
    const known = SegmentNr.of(this.clearedBelow(head) + 1, head.segmentSize);
    const top = topSegment(highest(last, upTo), head.segmentSize);
    await deleteRows(this.eventRows(head, unit), {
      first: Math.max(0, Math.min(known, top - maxDoubtedSegments)),
      // One more than the row knows, for an append of the JVM system that was cut short.
      last: top + 1,
      upTo: undefined,
    });
    await this.removeRow(unit);
  }

  /** Rows of an append that was cut short before it made the journal's row (V7, D.7.5-5). */
  private async removeOrphans(upTo: SeqNr, unit: Unit): Promise<void> {
    const { segmentSize } = this.state;
    const last = topSegment(upTo, segmentSize);
    const first = Math.max(0, last - maxDoubtedSegments);
    const rows = this.eventRows({ segmentSize, recordId: undefined }, unit);
    await deleteRows(rows, { first, last, upTo: undefined });
    // The row itself may still arrive from the attempt that was cut short.
    await this.removeRow(unit);
  }

  /** Events up to here are surely gone. */
  private clearedBelow(head: JournalPointer): number {
    return this.clearedTo ?? head.deleteTo ?? 0;
  }

  /**
   * Shows readers what is about to be deleted, and a repetition how much of it may be left. The
   * offset stays, so that the action is repeated.
   */
  private async align(
    head: JournalPointer,
    { seqNr, deleteTo }: { readonly seqNr: SeqNr; readonly deleteTo: SeqNr },
    unit: Unit,
  ): Promise<void> {
    if (seqNr === head.seqNr && deleteTo === head.deleteTo) return;
    const cleared = clearedParam(this.clearedBelow(head));
    const columns = [seqNrParam(seqNr), seqNrParam(deleteTo), cleared];
    await this.update(this.state.tables.metaJournal.updateDeleted, { at: head.at, columns }, unit);
  }

  private eventRows(
    { segmentSize, recordId }: Pick<JournalPointer, 'segmentSize' | 'recordId'>,
    { clock, nowMs }: Unit,
  ): EventRows {
    const { session, tables, key } = this.state;
    const timestamp = clock.next(nowMs);
    return { session, statements: tables.journal, key, segmentSize, recordId, timestamp };
  }

  private async insert(row: NewRow, unit: Unit): Promise<void> {
    const { key, tables } = this.state;
    await this.write(tables.metaJournal.insert, insertParams(key, this.segment, row), unit);
    this.pointer = row.pointer;
    this.clearedTo = undefined;
    this.isOwn = true;
  }

  private update(
    cql: string,
    { at, columns }: { readonly at: PartitionOffset; readonly columns: Params },
    unit: Unit,
  ): Promise<void> {
    const row = { key: this.state.key, segment: this.segment };
    return this.write(cql, updateParams(row, { at, nowMs: unit.nowMs, columns }), unit);
  }

  private async removeRow(unit: Unit): Promise<void> {
    const { tables, key } = this.state;
    await this.write(tables.metaJournal.delete, rowParams(key, this.segment), unit);
    this.isOwn = false;
    // The next life begins where new rows go, also that of a row of an old version.
    [this.segment] = SegmentNr.ofId(key.id);
  }

  private write(cql: string, params: Params, { clock, nowMs }: Unit): Promise<void> {
    return this.state.session.write(cql, params, clock.next(nowMs));
  }
}

function isAt(
  pointer: JournalPointer | undefined,
  { partition, offset }: PartitionOffset,
): boolean {
  return pointer?.at.partition === partition && pointer.at.offset === offset;
}

/** A delete of everything made the journal: it says nothing of where events lie. */
function topSegment(last: SeqNr, segmentSize: number): number {
  return last === SeqNr.max ? 0 : SegmentNr.of(last, segmentSize);
}
