import { recordIdOf } from '../codec/record-id.ts';
import { StoreUnavailableError } from '../model/errors.ts';
import { ExpireAfter } from '../model/expire-after.ts';
import type { Expiry, JournalPointer } from '../model/journal-pointer.ts';
import type { Key } from '../model/key.ts';
import { SeqNr } from '../model/seq-nr.ts';
import type {
  ReplicatedAppend,
  ReplicatedDelete,
  ReplicatedKeyJournal,
  ReplicatedPurge,
} from '../ports/replicated-journal.ts';
import type { Params, PostgresSession, Run, Statement } from './postgres-session.ts';
import { eventBatches, maxDeletedRows } from './tables/event-table.ts';
import {
  insertCells,
  type JournalRow,
  segmentSize,
  updateCells,
} from './tables/metajournal-table.ts';
import type { StoreTables } from './tables/store-tables.ts';

/** What a journal needs of the store around it. */
export interface KeyJournalParts {
  readonly key: Key;
  readonly session: PostgresSession;
  readonly tables: StoreTables;
  /** The row as it was loaded. */
  readonly row: JournalRow | undefined;
}

type Row = readonly [journal: number];

/**
 * One journal as the replicator writes it: each call is one transaction, as a rule of one statement. A row
 * that another process has changed since it was loaded is left as it is.
 */
export class PostgresKeyJournal implements ReplicatedKeyJournal {
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
    const row = this.#row;
    const applied = this.#appliedOffset;
    if (batch.at.offset <= applied) return false;
    const fresh = batch.events.filter(({ record }) => record.at.offset > applied);
    const pointer = this.#pointerAfter(batch, nowMs);
    const [first, ...rest] = eventBatches(fresh);
    const { metajournal, events } = this.#parts.tables;
    const origin = batch.events[0].record.origin;
    const cells =
      row === undefined
        ? insertCells(this.#parts.key, pointer, { origin, nowMs })
        : updateCells(row, pointer, nowMs);
    const statement =
      row === undefined ? metajournal.insertWithEvents : metajournal.updateWithEvents;
    const journal = await this.#write(
      statement,
      [...cells, ...(first ?? [])],
      rest.length === 0
        ? undefined
        : async (run, number) => {
            for (const columns of rest) await run(events.insert, [number, ...columns]);
          },
    );
    this.#row = { journal, pointer };
    return true;
  }

  async delete({ at, to, origin }: ReplicatedDelete, nowMs: number): Promise<boolean> {
    if (at.offset <= this.#appliedOffset) return false;
    const { metajournal } = this.#parts.tables;
    const row = this.#row;
    if (row === undefined) {
      const none = { expiry: undefined, recordId: undefined };
      const pointer = { at, segmentSize, seqNr: to, deleteTo: to, ...none };
      const cells = insertCells(this.#parts.key, pointer, { origin, nowMs });
      this.#row = { journal: await this.#write(metajournal.insert, cells), pointer };
      return true;
    }
    const seqNr = SeqNr.greaterOf(row.pointer.seqNr, row.pointer.deleteTo);
    const deleteTo = SeqNr.greaterOf(SeqNr.lesserOf(to, seqNr), row.pointer.deleteTo);
    const pointer = { ...row.pointer, at, seqNr, deleteTo };
    const cells = updateCells(row, pointer, nowMs);
    const { journal } = row;
    if (deleteTo - (row.pointer.deleteTo ?? 0) <= maxDeletedRows) {
      await this.#write(metajournal.updateAndDelete, [...cells, deleteTo]);
    } else {
      await this.#write(metajournal.update, cells, (run) =>
        this.#deleteEvents(run, journal, deleteTo),
      );
    }
    this.#row = { journal, pointer };
    return true;
  }

  async purge({ at, onlyAt }: ReplicatedPurge): Promise<boolean> {
    const row = this.#row;
    if (row === undefined || at.offset < row.pointer.at.offset) return false;
    if (onlyAt !== undefined && !standsAt(row.pointer, { ...at, offset: onlyAt })) return false;
    const { remove, removeWithEvents } = this.#parts.tables.metajournal;
    const { seqNr, deleteTo = 0 } = row.pointer;
    const cells = [row.journal, row.pointer.at.offset];
    if (seqNr - deleteTo <= maxDeletedRows) {
      await this.#write(removeWithEvents, cells);
    } else {
      await this.#write(remove, cells, (run) => this.#deleteEvents(run, row.journal, SeqNr.max));
    }
    this.#row = undefined;
    this.#purgedAt = at.offset;
    return true;
  }

  get #appliedOffset(): number {
    return this.#row?.pointer.at.offset ?? this.#purgedAt;
  }

  /** The statement on the row, and what comes behind it in the same transaction; answers its number. */
  async #write(
    statement: Statement,
    params: Params,
    behind?: (run: Run, journal: number) => Promise<void>,
  ): Promise<number> {
    const { session } = this.#parts;
    if (behind === undefined) return this.#numberOf(await session.write<Row>(statement, params));
    return await session.transaction(async (run) => {
      const journal = this.#numberOf(await run<Row>(statement, params));
      await behind(run, journal);
      return journal;
    });
  }

  #numberOf(rows: readonly Row[]): number {
    const [row] = rows;
    if (row !== undefined) return row[0];
    const { id } = this.#parts.key;
    throw new StoreUnavailableError(
      `nothing was written: another process has changed ${id} since its row was loaded`,
    );
  }

  /** In steps that each end in time, however many there are. */
  async #deleteEvents(run: Run, journal: number, to: number): Promise<void> {
    const { deleteSome } = this.#parts.tables.events;
    for (let gone = maxDeletedRows; gone === maxDeletedRows; ) {
      const [row] = await run<readonly [number]>(deleteSome, [journal, to]);
      gone = row?.[0] ?? 0;
    }
  }

  #pointerAfter({ at, events, expireAfter }: ReplicatedAppend, nowMs: number): JournalPointer {
    const old = this.#row?.pointer;
    const first = events[0];
    const highest = events.reduce(
      (high, { event }) => SeqNr.greaterOf(event.seqNr, high),
      first.event.seqNr,
    );
    const expiry = expiryAfter(old?.expiry, expireAfter, nowMs);
    if (old !== undefined) {
      return { ...old, at, seqNr: SeqNr.greaterOf(highest, old.seqNr), expiry };
    }
    return {
      at,
      segmentSize,
      seqNr: highest,
      deleteTo: SeqNr.prev(first.event.seqNr),
      expiry,
      recordId: recordIdOf(this.#parts.key.topic, first.record.at),
    };
  }
}

function standsAt({ at }: JournalPointer, place: JournalPointer['at']): boolean {
  return at.partition === place.partition && at.offset === place.offset;
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
