import type { RowExtended } from '../../history/row-change.ts';
import { StoreUnavailableError } from '../../model/errors.ts';
import type { ReplicatedEvent } from '../../model/event.ts';
import type { Key } from '../../model/key.ts';
import type { Partition, Topic } from '../../model/position.ts';
import { SeqNr } from '../../model/seq-nr.ts';
import type {
  JournalRow,
  JournalTransactions,
  NewRow,
  RowUpdate,
} from '../relational/journal-transactions.ts';
import type { Params, PostgresSession, Run, Statement } from './session.ts';
import { type EventColumns, eventBatches, maxDeletedRows } from './tables/event-table.ts';
import { insertCells, updateCells } from './tables/metajournal-table.ts';
import type { StoreTables } from './tables/store-tables.ts';

/** What a journal needs of the store around it. */
export interface JournalTransactionsDeps {
  readonly key: Key;
  readonly session: PostgresSession;
  readonly tables: StoreTables;
  /** Of this process's claim; `undefined` = nothing is replicated. */
  readonly epochOf: (topic: Topic, partition: Partition) => number | undefined;
}

type Row = readonly [journal: number];
/** More statements on the events of one journal, in the same transaction. */
type Further = (run: Run, journal: number) => Promise<void>;

/**
 * The rows of one journal: each call is one transaction, as a rule of one statement. A row that
 * another process has changed since it was loaded is left as it is.
 */
export class PostgresJournalTransactions implements JournalTransactions {
  readonly #deps: JournalTransactionsDeps;

  constructor(deps: JournalTransactionsDeps) {
    this.#deps = deps;
  }

  async insert(row: NewRow, events: readonly ReplicatedEvent[]): Promise<number> {
    const { insert, insertWithEvents } = this.#deps.tables.metajournal;
    const { key, epochOf } = this.#deps;
    const epoch = epochOf(key.topic, row.pointer.at.partition) ?? null;
    const cells = insertCells(key, row, epoch);
    const [first, ...rest] = eventBatches(events);
    if (first === undefined) return await this.#write(insert, cells);
    return await this.#write(insertWithEvents, [...cells, ...first], this.#insertAll(rest));
  }

  async insertEvents(
    change: RowUpdate,
    { live, clearTo }: Pick<RowExtended, 'live' | 'clearTo'>,
  ): Promise<void> {
    const { update, updateWithEvents } = this.#deps.tables.metajournal;
    const cells = updateCells(change);
    const [first, ...rest] = eventBatches(live);
    const insertRest = this.#insertAll(rest);
    const clear = clearTo === undefined ? undefined : this.#deleteAll(clearTo);
    const further: Further | undefined =
      clear === undefined
        ? insertRest
        : async (run, journal) => {
            await clear(run, journal);
            await insertRest?.(run, journal);
          };
    if (first === undefined) await this.#write(update, cells, further);
    else await this.#write(updateWithEvents, [...cells, ...first], further);
  }

  async deleteEvents(change: RowUpdate): Promise<void> {
    const { update, updateAndDelete } = this.#deps.tables.metajournal;
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
    const { remove, removeWithEvents } = this.#deps.tables.metajournal;
    const { at, seqNr, deleteTo = 0 } = pointer;
    const cells = [journal, at.offset];
    if (seqNr - deleteTo <= maxDeletedRows) await this.#write(removeWithEvents, cells);
    else await this.#write(remove, cells, this.#deleteAll(SeqNr.max));
  }

  /**
   * The statement on the row, then what follows in the same transaction; answers the row's number.
   */
  async #write(statement: Statement, params: Params, further?: Further): Promise<number> {
    const { session } = this.#deps;
    if (further === undefined) return this.#numberOf(await session.write<Row>(statement, params));
    return await session.transaction(async (run) => {
      const journal = this.#numberOf(await run<Row>(statement, params));
      await further(run, journal);
      return journal;
    });
  }

  #numberOf(rows: readonly Row[]): number {
    const [row] = rows;
    if (row !== undefined) return row[0];
    const { id } = this.#deps.key;
    throw new StoreUnavailableError(
      `nothing was written to PostgreSQL: another process has changed ${id} since its row was loaded, or replicates its partition`,
    );
  }

  #insertAll(batches: readonly EventColumns[]): Further | undefined {
    if (batches.length === 0) return undefined;
    const { insert } = this.#deps.tables.events;
    return async (run, journal) => {
      for (const columns of batches) await run(insert, [journal, ...columns]);
    };
  }

  /** In steps that each end in time, however many there are. */
  #deleteAll(to: SeqNr): Further {
    const { deleteSome } = this.#deps.tables.events;
    return async (run, journal) => {
      for (let gone = maxDeletedRows; gone === maxDeletedRows; ) {
        const [row] = await run<readonly [number]>(deleteSome, [journal, to]);
        gone = row?.[0] ?? 0;
      }
    };
  }
}
