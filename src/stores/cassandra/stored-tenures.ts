import type { Offset, Partition, Topic } from '../../model/position.ts';
import type { TenurePlace } from '../../model/tenure.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import { type KnownTenures, keptTenureMs } from '../../ports/replicated-journal.ts';
import type { TenureReads, TenureTables } from '../kept-tenures.ts';
import { forEachAtOnce } from './at-once.ts';
import type { CassandraSession, Row } from './session-types.ts';
import { type TenureStatements, tenuresTable, tenuresUntilTable } from './tables/tenure-table.ts';
import { numberOf, offsetIn } from './values.ts';
import type { WriteClocks } from './write-clock.ts';

/** Marks, or scopes, at once; a round of a replicator that catches up may hold many. */
const writesAtOnce = 16;

/** The tables of tenures of one keyspace, as they are read. */
export class CassandraTenureReads implements TenureReads {
  protected readonly session: CassandraSession;
  protected readonly statements: TenureStatements;

  constructor(session: CassandraSession, statements: TenureStatements) {
    this.session = session;
    this.statements = statements;
  }

  async upTo(
    topic: Topic,
    partition: Partition,
    options?: CallOptions,
  ): Promise<Offset | undefined> {
    const row = await this.untilRow(topic, partition, options);
    return row && offsetIn(tenuresUntilTable, { topic, partition }, row['offset']);
  }

  protected async untilRow(
    topic: Topic,
    partition: Partition,
    options?: CallOptions,
  ): Promise<Row | undefined> {
    const [row] = await this.session.select(
      this.statements.selectUntil,
      [topic, partition],
      options,
    );
    return row;
  }

  async last(place: TenurePlace, upTo: Offset, options?: CallOptions): Promise<Offset | undefined> {
    const { topic, partition, scope } = place;
    const { selectLast } = this.statements;
    const params = [topic, partition, scope, upTo];
    const [row] = await this.session.select(selectLast, params, options);
    return row && offsetIn(tenuresTable, place, row['offset']);
  }
}

/**
 * Writes them, with the partition's write timestamps (ADR 29): what a process that was replaced
 * sends late loses against what its successor has written, whichever arrives last.
 *
 *     claim ── W is read ── marks are stored ── a first call: what is older ── W ── R
 *                │                              than the claim is deleted
 *                └── its timestamp is not below ───┘
 */
export class CassandraTenures extends CassandraTenureReads implements TenureTables {
  readonly #clocks: WriteClocks;
  /** By partition: all that was stored when this process claimed it has a timestamp up to this. */
  readonly #claimedAt = new Map<string, number>();

  constructor(session: CassandraSession, statements: TenureStatements, clocks: WriteClocks) {
    super(session, statements);
    this.#clocks = clocks;
  }

  /** W of a partition that this process has just claimed. */
  override async upTo(
    topic: Topic,
    partition: Partition,
    options?: CallOptions,
  ): Promise<Offset | undefined> {
    const clock = this.#clocks.of(topic, partition);
    const row = await this.untilRow(topic, partition, options);
    // The last owner's clock may be ahead of ours, and its writes newer than ours would be.
    clock.follow(numberOf(row?.['written'], 'WRITETIME(offset)'));
    this.#claimedAt.set(`${topic}:${partition}`, clock.lastMicros);
    return row && offsetIn(tenuresUntilTable, { topic, partition }, row['offset']);
  }

  async save(known: KnownTenures, nowMs: number): Promise<void> {
    const { topic, partition, openings, upTo, isFirst } = known;
    const { insert, clear, saveUntil } = this.statements;
    const clock = this.#clocks.of(topic, partition);
    const claimedAt = this.#claimedAt.get(`${topic}:${partition}`) ?? clock.next(nowMs);
    await forEachAtOnce(openings, writesAtOnce, ({ scope, offset, holder, address }) => {
      const params = [topic, partition, scope, offset, holder, address, nowMs];
      return this.session.write(insert, params, clock.next(nowMs));
    });
    // The marks above are newer than what this deletes, so they are never missing: another process
    // that also found nothing replicated may store R at any moment.
    if (isFirst) await this.session.write(clear, [topic, partition], claimedAt);
    await this.session.write(saveUntil, [topic, partition, upTo], clock.next(nowMs));
    const scopes = [...new Set(openings.map(({ scope }) => scope))];
    await forEachAtOnce(scopes, writesAtOnce, (scope) =>
      this.#removeSuperseded({ topic, partition, scope }, nowMs),
    );
  }

  async #removeSuperseded({ topic, partition, scope }: TenurePlace, nowMs: number): Promise<void> {
    const { selectOldest, deleteBefore } = this.statements;
    const place = [topic, partition, scope];
    const oldest = await this.session.select(selectOldest, place);
    const until = oldest.findLastIndex(({ created }) => {
      return created instanceof Date && created.getTime() <= nowMs - keptTenureMs;
    });
    if (until <= 0) return;
    const before = numberOf(oldest[until]?.['offset'], 'offset');
    const timestamp = this.#clocks.of(topic, partition).next(nowMs);
    await this.session.write(deleteBefore, [...place, before], timestamp);
  }
}
