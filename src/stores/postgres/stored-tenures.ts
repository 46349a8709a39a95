import type { Offset, Partition, Topic } from '../../model/position.ts';
import type { TenurePlace } from '../../model/tenure.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import type { KnownTenures } from '../../ports/replicated-journal.ts';
import type { TenureTables } from '../kept-tenures.ts';
import { offsetIn } from '../relational/journal-cells.ts';
import type { PostgresSession } from './session.ts';
import type { StoreTables } from './tables/store-tables.ts';
import { toStoredText } from './tables/stored-text.ts';
import { tenuresTable, tenuresUntilTable } from './tables/tenure-table.ts';

/** The tables of tenures of one schema. */
export class PostgresTenures implements TenureTables {
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

  async save({ topic, partition, openings, upTo }: KnownTenures, nowMs: number): Promise<void> {
    const { insert, saveUntil } = this.#statements;
    const until = [topic, partition, upTo];
    if (openings.length === 0) {
      await this.#session.write(saveUntil, until);
      return;
    }
    const columns = [
      openings.map(({ scope }) => toStoredText(scope)),
      openings.map(({ offset }) => offset),
      openings.map(({ holder }) => toStoredText(holder)),
      openings.map(({ address }) => (address === undefined ? null : toStoredText(address))),
    ];
    await this.#session.transaction(async (run) => {
      await run(insert, [topic, partition, nowMs, ...columns]);
      await run(saveUntil, until);
    });
  }
}
