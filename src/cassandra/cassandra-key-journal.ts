import { recordIdOf } from '../codec/record-id.ts';
import type { EventRecord } from '../model/event.ts';
import { ExpireAfter } from '../model/expire-after.ts';
import type { Expiry, JournalPointer } from '../model/journal-pointer.ts';
import type { Key } from '../model/key.ts';
import type { Offset, PartitionOffset } from '../model/position.ts';
import { SeqNr } from '../model/seq-nr.ts';
import type {
  ReplicatedAppend,
  ReplicatedDelete,
  ReplicatedKeyJournal,
  ReplicatedPurge,
} from '../ports/replicated-journal.ts';
import type { CassandraSession, Params } from './cassandra-session.ts';
import { expireOn, seqNrParam } from './cassandra-values.ts';
import { deleteRows, type EventRows, insertRows } from './event-rows.ts';
import { SegmentNr } from './segment.ts';
import {
  expiryParams,
  highest,
  insertParams,
  rowParams,
  updateParams,
} from './tables/metajournal-table.ts';
import type { StoreTables } from './tables/store-tables.ts';

export interface KeyJournalState {
  readonly session: CassandraSession;
  readonly tables: StoreTables;
  /** Of the journal, should it be created now. */
  readonly segmentSize: number;
  readonly key: Key;
  /** Metajournal segment where the row lies, or will. */
  readonly segment: SegmentNr;
  readonly pointer: JournalPointer | undefined;
}

/**
 * Segments below an earlier delete that are cleared again when that delete may have been cut
 * short.
 */
const unsureSegments = 100;

/** Segments that a purge clears below the last one; beyond it only earlier deletes are trusted. */
const maxPurgedSegments = 100_000;

/**
 * One journal's rows. Each action is a sequence of statements that may stop anywhere and be
 * repeated:
 *
 *   append   event rows → journal row
 *   delete   journal row: deleteTo, old offset → event rows → journal row: new offset
 *   purge    journal row: deleteTo = seqNr, old offset → all event rows → journal row
 *
 * The offset moves last, so an action that was cut short is applied again (docs/format.md#replication).
 */
export class CassandraKeyJournal implements ReplicatedKeyJournal {
  pointer: JournalPointer | undefined;
  private readonly row: { readonly key: Key; readonly segment: SegmentNr };
  private readonly state: KeyJournalState;
  /** The deletes so far are known to be complete: this process made them. */
  private sure = false;
  /** Nothing at or below it may create the journal again. */
  private purgedAt: Offset | undefined;

  constructor(state: KeyJournalState) {
    this.state = state;
    this.pointer = state.pointer;
    this.row = { key: state.key, segment: state.segment };
  }

  async append(batch: ReplicatedAppend, nowMs: number): Promise<boolean> {
    const { pointer } = this;
    if (this.isApplied(batch.at)) return false;
    if (pointer === undefined) await this.create(batch, nowMs);
    else await this.extend(pointer, batch, nowMs);
    return true;
  }

  async delete(batch: ReplicatedDelete, nowMs: number): Promise<boolean> {
    const { pointer } = this;
    if (this.isApplied(batch.at)) return false;
    if (pointer === undefined) await this.createDeleted(batch, nowMs);
    else await this.shorten(pointer, batch, nowMs);
    return true;
  }

  async purge({ at }: ReplicatedPurge, nowMs: number): Promise<boolean> {
    const { pointer } = this;
    if (pointer === undefined) {
      // Rows of an append that was cut short before it made the journal's row (V7).
      await deleteRows(this.eventRows(this.state.segmentSize), {
        first: 0,
        last: 1,
        upTo: undefined,
      });
      this.purgedAt = at.offset;
      return false;
    }
    if (at.offset < pointer.at.offset) return false;
    await this.remove(pointer, nowMs);
    this.pointer = undefined;
    this.purgedAt = at.offset;
    return true;
  }

  private isApplied({ offset }: PartitionOffset): boolean {
    const applied = this.pointer?.at.offset ?? this.purgedAt;
    return applied !== undefined && offset <= applied;
  }

  private async create(
    { at, events, expireAfter }: ReplicatedAppend,
    nowMs: number,
  ): Promise<void> {
    const { segmentSize, key } = this.state;
    const [{ event, record }] = events;
    const pointer: JournalPointer = {
      at,
      segmentSize,
      seqNr: lastOf(events),
      deleteTo: SeqNr.prev(event.seqNr),
      expiry: expiryOf(expireAfter, nowMs),
      recordId: recordIdOf(key.topic, record.at),
    };
    await insertRows(this.eventRows(segmentSize, pointer.recordId), events);
    await this.insert({ pointer, origin: record.origin, nowMs });
    this.sure = true;
  }

  private async extend(
    head: JournalPointer,
    batch: ReplicatedAppend,
    nowMs: number,
  ): Promise<void> {
    const { at } = batch;
    // Records of a merged batch that a poll cut differently had applied before.
    const events = batch.events.filter(({ record }) => record.at.offset > head.at.offset);
    await insertRows(this.eventRows(head.segmentSize, head.recordId), events);
    const seqNr = highest(lastOf(events), head.seqNr);
    const expiry = expiryOf(batch.expireAfter, nowMs);
    const { updateSeqNr, updateExpiry, deleteExpiry } = this.state.tables.metaJournal;
    if (expiry !== undefined && !sameExpiry(expiry, head.expiry)) {
      await this.update(updateExpiry, {
        at,
        nowMs,
        columns: [seqNrParam(seqNr), ...expiryParams(expiry)],
      });
    } else {
      // Before the offset moves: cut short here, the journal only lives longer than it must.
      if (expiry === undefined && head.expiry !== undefined) {
        await this.write(deleteExpiry, rowParams(this.row.key, this.row.segment));
      }
      await this.update(updateSeqNr, { at, nowMs, columns: [seqNrParam(seqNr)] });
    }
    this.pointer = { ...head, at, seqNr, expiry };
  }

  /** A delete of nothing: the journal begins behind it. */
  private async createDeleted({ at, to, origin }: ReplicatedDelete, nowMs: number): Promise<void> {
    const { segmentSize } = this.state;
    const pointer: JournalPointer = {
      at,
      segmentSize,
      seqNr: to,
      deleteTo: to,
      expiry: undefined,
      recordId: undefined,
    };
    await this.insert({ pointer, origin, nowMs });
    this.sure = true;
  }

  private async shorten(
    head: JournalPointer,
    { at, to }: ReplicatedDelete,
    nowMs: number,
  ): Promise<void> {
    const seqNr = highest(head.seqNr, head.deleteTo);
    // Never lower than before: events that are gone do not come back (V4).
    const deleteTo = highest(SeqNr.lesserOf(to, seqNr), head.deleteTo);
    await this.align(head, { seqNr, deleteTo }, nowMs);
    const from = this.firstToDelete(head, deleteTo);
    if (from !== undefined) {
      const last = SegmentNr.of(deleteTo, head.segmentSize);
      const upTo = deleteTo < seqNr ? deleteTo : undefined;
      await deleteRows(this.eventRows(head.segmentSize), { first: from, last, upTo });
    }
    await this.update(this.state.tables.metaJournal.updateOffset, { at, nowMs });
    this.pointer = { ...head, at, seqNr, deleteTo };
    this.sure = true;
  }

  /** The segment to begin with; `undefined` when an earlier delete has left nothing to do. */
  private firstToDelete(
    { deleteTo: before, segmentSize }: JournalPointer,
    deleteTo: SeqNr,
  ): number | undefined {
    if (this.sure) {
      if (before === deleteTo) return undefined;
      return SegmentNr.of((before ?? 0) + 1, segmentSize);
    }
    return Math.max(0, SegmentNr.of(before ?? 1, segmentSize) - unsureSegments);
  }

  private async remove(head: JournalPointer, nowMs: number): Promise<void> {
    const last = highest(head.seqNr, head.deleteTo);
    await this.align(head, { seqNr: last, deleteTo: last }, nowMs);
    // From the beginning, whatever deleteTo says: it cannot tell a purge that was cut short. One
    // segment
    // more than the row knows, for an append that was cut short.
    const top = last === SeqNr.max ? 0 : SegmentNr.of(last, head.segmentSize);
    const first = Math.max(0, top - maxPurgedSegments);
    await deleteRows(this.eventRows(head.segmentSize), { first, last: top + 1, upTo: undefined });
    await this.write(
      this.state.tables.metaJournal.delete,
      rowParams(this.row.key, this.row.segment),
    );
  }

  /**
   * Shows readers what is about to be deleted; the offset stays, so that the action can be
   * repeated.
   */
  private async align(
    head: JournalPointer,
    { seqNr, deleteTo }: { readonly seqNr: SeqNr; readonly deleteTo: SeqNr },
    nowMs: number,
  ): Promise<void> {
    const { updateAll, updateDeleteTo, updateSeqNr } = this.state.tables.metaJournal;
    const at = head.at;
    if (seqNr === head.seqNr && deleteTo === head.deleteTo) return;
    if (seqNr === head.seqNr)
      return await this.update(updateDeleteTo, { at, nowMs, columns: [seqNrParam(deleteTo)] });
    if (deleteTo === head.deleteTo)
      return await this.update(updateSeqNr, { at, nowMs, columns: [seqNrParam(seqNr)] });
    await this.update(updateAll, { at, nowMs, columns: [seqNrParam(seqNr), seqNrParam(deleteTo)] });
  }

  private eventRows(segmentSize: number, recordId?: string): EventRows {
    const { session, tables, key } = this.state;
    return { session, statements: tables.journal, key, segmentSize, recordId };
  }

  private async insert(row: Parameters<typeof insertParams>[2]): Promise<void> {
    const { key, segment } = this.row;
    await this.write(this.state.tables.metaJournal.insert, insertParams(key, segment, row));
    this.pointer = row.pointer;
  }

  private update(cql: string, values: Parameters<typeof updateParams>[1]): Promise<void> {
    return this.write(cql, updateParams(this.row, values));
  }

  private write(cql: string, params: Params): Promise<void> {
    return this.state.session.write(cql, params);
  }
}

/**
 * The highest number: that of the last event, unless a conflicting record is among them (decision
 * 17).
 */
function lastOf(events: readonly EventRecord[]): SeqNr {
  let last = SeqNr.min;
  for (const { event } of events) if (event.seqNr > last) last = event.seqNr;
  return last;
}

function expiryOf(expireAfter: ExpireAfter | undefined, nowMs: number): Expiry | undefined {
  if (expireAfter === undefined) return undefined;
  const after = ExpireAfter.ofNanos(ExpireAfter.toNanos(expireAfter));
  return { after, on: expireOn(nowMs, after) };
}

function sameExpiry(a: Expiry, b: Expiry | undefined): boolean {
  return b !== undefined && a.on === b.on && ExpireAfter.equals(a.after, b.after);
}
