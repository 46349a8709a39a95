import type { Offset, Partition, Topic } from '../../model/position.ts';
import type { TenurePlace } from '../../model/tenure.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import { type KnownTenures, keptTenureMs } from '../../ports/replicated-journal.ts';
import type { TenureReads, TenureTables } from '../kept-tenures.ts';
import { offsetIn } from '../relational/journal-cells.ts';
import type { PostgresSession } from './session.ts';
import type { StoreTables } from './tables/store-tables.ts';
import { toStoredText } from './tables/stored-text.ts';
import { tenuresTable, tenuresUntilTable } from './tables/tenure-table.ts';

/** The tables of tenures of one schema, as they are read. */
export class PostgresTenureReads implements TenureReads {
  readonly #session: PostgresSession;
  readonly #statements: StoreTables['tenures'];

  constructor(session: PostgresSession, statements: StoreTables['tenures']) {
    this.#session = session;
    this.#statements = statements;
  }

  async upTo(
    topic: Topic,
    partition: Partition,
    options?: CallOptions,
  ): Promise<Offset | undefined> {
    const { selectUntil } = this.#statements;
    const [row] = await this.#session.read<[number]>(selectUntil, [topic, partition], options);
    return row && offsetIn(tenuresUntilTable, { topic, partition }, row[0]);
  }

  async last(place: TenurePlace, upTo: Offset, options?: CallOptions): Promise<Offset | undefined> {
    const { topic, partition, scope } = place;
    const params = [topic, partition, toStoredText(scope), upTo];
    const [row] = await this.#session.read<[number]>(this.#statements.selectLast, params, options);
    return row && offsetIn(tenuresTable, place, row[0]);
  }
}

/** Writes them, as the process that has claimed the partition. */
export class PostgresTenures extends PostgresTenureReads implements TenureTables {
  readonly #session: PostgresSession;
  readonly #statements: StoreTables['tenures'];
  readonly #epochOf: EpochOf;

  constructor(session: PostgresSession, statements: StoreTables['tenures'], epochOf: EpochOf) {
    super(session, statements);
    this.#session = session;
    this.#statements = statements;
    this.#epochOf = epochOf;
  }

  async save(known: KnownTenures, nowMs: number): Promise<void> {
    const { topic, partition, openings, upTo, isFirst = false } = known;
    const { insert, saveUntil, removeSuperseded, clear, clearUntil } = this.#statements;
    const place = [topic, partition];
    const epoch = this.#epochOf(topic, partition) ?? null;
    const until = [...place, upTo, epoch];
    if (openings.length === 0 && !isFirst) {
      await this.#session.write(saveUntil, until);
      return;
    }
    const scopes = openings.map(({ scope }) => toStoredText(scope));
    const columns = [
      scopes,
      openings.map(({ offset }) => offset),
      openings.map(({ holder }) => toStoredText(holder)),
      openings.map(({ address }) => (address === undefined ? null : toStoredText(address))),
    ];
    await this.#session.transaction(async (run) => {
      if (isFirst) {
        await run(clear, place);
        await run(clearUntil, place);
      }
      await run(insert, [...place, nowMs, epoch, ...columns]);
      await run(removeSuperseded, [...place, [...new Set(scopes)], nowMs - keptTenureMs]);
      await run(saveUntil, until);
    });
  }
}

/** Of a partition that this process has claimed; `undefined` = nothing is replicated. */
type EpochOf = (topic: Topic, partition: Partition) => number | undefined;
