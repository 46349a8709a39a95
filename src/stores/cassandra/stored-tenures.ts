import type { Offset, Partition, Topic } from '../../model/position.ts';
import type { TenurePlace } from '../../model/tenure.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import type { KnownTenures } from '../../ports/replicated-journal.ts';
import type { TenureTables } from '../kept-tenures.ts';
import { forEachAtOnce } from './at-once.ts';
import type { CassandraSession } from './session-types.ts';
import { type TenureStatements, tenuresTable, tenuresUntilTable } from './tables/tenure-table.ts';
import { offsetIn } from './values.ts';

/** Marks that are inserted at once; a round of a replicator that catches up may hold many. */
const insertsAtOnce = 16;

/** The tables of tenures of one keyspace. */
export class CassandraTenures implements TenureTables {
  readonly #session: CassandraSession;
  readonly #statements: TenureStatements;

  constructor(session: CassandraSession, statements: TenureStatements) {
    this.#session = session;
    this.#statements = statements;
  }

  async upTo(
    topic: Topic,
    partition: Partition,
    options?: CallOptions,
  ): Promise<Offset | undefined> {
    const { selectUntil } = this.#statements;
    const [row] = await this.#session.select(selectUntil, [topic, partition], options);
    return row && offsetIn(tenuresUntilTable, { topic, partition }, row['offset']);
  }

  async last(place: TenurePlace, upTo: Offset, options?: CallOptions): Promise<Offset | undefined> {
    const { topic, partition, scope } = place;
    const { selectLast } = this.#statements;
    const params = [topic, partition, scope, upTo];
    const [row] = await this.#session.select(selectLast, params, options);
    return row && offsetIn(tenuresTable, place, row['offset']);
  }

  async save({ topic, partition, openings, upTo }: KnownTenures, nowMs: number): Promise<void> {
    const { insert, saveUntil } = this.#statements;
    await forEachAtOnce(openings, insertsAtOnce, ({ scope, offset, holder, address }) =>
      this.#session.write(insert, [topic, partition, scope, offset, holder, address, nowMs]),
    );
    await this.#session.write(saveUntil, [topic, partition, upTo], upTo + 1);
  }
}
