import { recordIdOf } from '../codec/record-id.ts';
import type { ExpireAfter } from '../model/expire-after.ts';
import { ExpireAfter as ExpireAfters } from '../model/expire-after.ts';
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
import { boundEvent } from './event-table.ts';
import type { JournalRow } from './metajournal-table.ts';
import type { StoreTables } from './sqlite-eventual-journal.ts';

/** What a journal needs of the store around it. */
export interface KeyJournalParts {
  readonly key: Key;
  readonly tables: StoreTables;
  /** Segment size of journals that are created now. */
  readonly segmentSize: number;
  /** Runs statements as a part of the next transaction. */
  readonly write: <T>(statements: () => T) => Promise<T>;
}

/** One journal as the replicator writes it: each call is applied whole, in one transaction. */
export class SqliteKeyJournal implements ReplicatedKeyJournal {
  readonly #parts: KeyJournalParts;
  #row: JournalRow | undefined;
  /** Offset of the last purge: what was re-delivered from before it must not revive the journal. */
  #purgedAt = -1;

  constructor(parts: KeyJournalParts) {
    this.#parts = parts;
    this.#row = parts.tables.metajournal.find(parts.key);
  }

  get pointer(): JournalPointer | undefined {
    return this.#row?.pointer;
  }

  async append(batch: ReplicatedAppend, nowMs: number): Promise<boolean> {
    const row = this.#row;
    const applied = this.#appliedOffset;
    if (batch.at.offset <= applied) return false;
    const fresh = batch.events.filter(({ record }) => record.at.offset > applied);
    const pointer = this.#pointerAfter(batch, nowMs);
    const bound = fresh.map(boundEvent);
    const { tables, key, write } = this.#parts;
    const origin = batch.events[0].record.origin;
    this.#row = await write(() => {
      const journal = row?.journal ?? tables.metajournal.insert(key, pointer, { origin, nowMs });
      const after = { journal, pointer };
      if (row !== undefined) tables.metajournal.update(after, nowMs);
      for (const event of bound) tables.events.insert(journal, event);
      return after;
    });
    return true;
  }

  async delete({ at, to, origin }: ReplicatedDelete, nowMs: number): Promise<boolean> {
    if (at.offset <= this.#appliedOffset) return false;
    const { tables, key, segmentSize, write } = this.#parts;
    const row = this.#row;
    if (row === undefined) {
      const none = { expiry: undefined, recordId: undefined };
      const pointer = { at, segmentSize, seqNr: to, deleteTo: to, ...none };
      const created = { origin, nowMs };
      this.#row = await write(() => ({
        journal: tables.metajournal.insert(key, pointer, created),
        pointer,
      }));
      return true;
    }
    const { journal, pointer } = row;
    const seqNr = SeqNr.greaterOf(pointer.seqNr, pointer.deleteTo);
    const deleteTo = SeqNr.greaterOf(SeqNr.lesserOf(to, seqNr), pointer.deleteTo);
    const after = { journal, pointer: { ...pointer, at, seqNr, deleteTo } };
    this.#row = await write(() => {
      tables.metajournal.update(after, nowMs);
      tables.events.deleteTo(journal, deleteTo);
      return after;
    });
    return true;
  }

  /** `upTo` says nothing here: no append is ever applied in part (decision 26). */
  async purge({ at, onlyAt }: ReplicatedPurge): Promise<boolean> {
    const row = this.#row;
    if (row === undefined || at.offset < row.pointer.at.offset) return false;
    if (onlyAt !== undefined && !isAt(row.pointer, { ...at, offset: onlyAt })) return false;
    const { metajournal, events } = this.#parts.tables;
    await this.#parts.write(() => {
      events.deleteAll(row.journal);
      metajournal.delete(row.journal);
    });
    this.#row = undefined;
    this.#purgedAt = at.offset;
    return true;
  }

  get #appliedOffset(): number {
    return this.#row?.pointer.at.offset ?? this.#purgedAt;
  }

  #pointerAfter({ at, events, expireAfter }: ReplicatedAppend, nowMs: number): JournalPointer {
    const old = this.#row?.pointer;
    const first = events[0];
    const highest = events.reduce(
      (high, { event }) => SeqNr.greaterOf(event.seqNr, high),
      first.event.seqNr,
    );
    const expiry = expiryAfter(old?.expiry, expireAfter, nowMs);
    if (old !== undefined)
      return { ...old, at, seqNr: SeqNr.greaterOf(highest, old.seqNr), expiry };
    return {
      at,
      segmentSize: this.#parts.segmentSize,
      seqNr: highest,
      deleteTo: SeqNr.prev(first.event.seqNr),
      expiry,
      recordId: recordIdOf(this.#parts.key.topic, first.record.at),
    };
  }
}

function isAt({ at }: JournalPointer, { partition, offset }: PartitionOffset): boolean {
  return at.partition === partition && at.offset === offset;
}

const nanosInMilli = 1_000_000n;

/** The last append decides: its duration counts from now, and none removes an expiry. */
function expiryAfter(
  old: Expiry | undefined,
  after: ExpireAfter | undefined,
  nowMs: number,
): Expiry | undefined {
  if (after === undefined) return undefined;
  const expiresMs = nowMs + Number(ExpireAfters.toNanos(after) / nanosInMilli);
  const on = new Date(expiresMs).toISOString().slice(0, 10);
  const unchanged = old?.on === on && ExpireAfters.equals(old.after, after);
  return unchanged ? old : { after: ExpireAfters.ofNanos(ExpireAfters.toNanos(after)), on };
}
