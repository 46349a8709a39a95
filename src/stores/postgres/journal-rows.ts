import { StoreUnavailableError } from '../../model/errors.ts';
import type { ReplicatedEvent } from '../../model/event.ts';
import type { Key } from '../../model/key.ts';
import { SeqNr } from '../../model/seq-nr.ts';
import type { JournalRow, JournalRows, NewRow, RowChange } from '../relational/journal-rows.ts';
import type { Params, PostgresSession, Run, Statement } from './session.ts';
import { type EventColumns, eventBatches, maxDeletedRows } from './tables/event-table.ts';
import { insertCells, updateCells } from './tables/metajournal-table.ts';
import type { StoreTables } from './tables/store-tables.ts';

/** What a journal needs of the store around it. */
export interface JournalRowsParts {
  readonly key: Key;
  readonly session: PostgresSession;
  readonly tables: StoreTables;
}

type Row = readonly [journal: number];
type Behind = (run: Run, journal: number) => Promise<void>;

/**
 * The rows of one journal: each call is one transaction, as a rule of one statement. A row that another
 * process has changed since it was loaded is left as it is.
 */
export class PostgresJournalRows implements JournalRows {
  readonly #parts: JournalRowsParts;

  constructor(parts: JournalRowsParts) {
    this.#parts = parts;
  }

  async insert(row: NewRow, events: readonly ReplicatedEvent[]): Promise<number> {
    const { insert, insertWithEvents } = this.#parts.tables.metajournal;
    const cells = insertCells(this.#parts.key, row);
    const [first, ...rest] = eventBatches(events);
    if (first === undefined) return await this.#write(insert, cells);
    return await this.#write(insertWithEvents, [...cells, ...first], this.#insertAll(rest));
  }

  async insertEvents(change: RowChange, events: readonly ReplicatedEvent[]): Promise<void> {
    const { update, updateWithEvents } = this.#parts.tables.metajournal;
    const cells = updateCells(change);
    const [first, ...rest] = eventBatches(events);
    if (first === undefined) await this.#write(update, cells);
    else await this.#write(updateWithEvents, [...cells, ...first], this.#insertAll(rest));
  }

  async deleteEvents(change: RowChange): Promise<void> {
    const { update, updateAndDelete } = this.#parts.tables.metajournal;
    const before = change.row.pointer.deleteTo ?? 0;
    const { deleteTo = SeqNr.min } = change.pointer;
    const cells = updateCells(change);
    if (deleteTo - before <= maxDeletedRows) {
      await this.#write(updateAndDelete, [...cells, deleteTo]);
    } else {
      await this.#write(update, cells, this.#deleteAll(deleteTo));
    }
  }

  async remove({ journal, pointer }: JournalRow): Promise<void> {
    const { remove, removeWithEvents } = this.#parts.tables.metajournal;
    const { at, seqNr, deleteTo = 0 } = pointer;
    const cells = [journal, at.offset];
    if (seqNr - deleteTo <= maxDeletedRows) await this.#write(removeWithEvents, cells);
    else await this.#write(remove, cells, this.#deleteAll(SeqNr.max));
  }

  /** The statement on the row, and what comes behind it in the same transaction; answers its number. */
  async #write(statement: Statement, params: Params, behind?: Behind): Promise<number> {
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
      `nothing was written to PostgreSQL: another process has changed ${id} since its row was loaded`,
    );
  }

  #insertAll(batches: readonly EventColumns[]): Behind | undefined {
    if (batches.length === 0) return undefined;
    const { insert } = this.#parts.tables.events;
    return async (run, journal) => {
      for (const columns of batches) await run(insert, [journal, ...columns]);
    };
  }

  /** In steps that each end in time, however many there are. */
  #deleteAll(to: SeqNr): Behind {
    const { deleteSome } = this.#parts.tables.events;
    return async (run, journal) => {
      for (let gone = maxDeletedRows; gone === maxDeletedRows; ) {
        const [row] = await run<readonly [number]>(deleteSome, [journal, to]);
        gone = row?.[0] ?? 0;
      }
    };
  }
}
