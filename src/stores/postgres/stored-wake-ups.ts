import type { Key } from '../../model/key.ts';
import type { Offset, Partition, Topic } from '../../model/position.ts';
import type { WakeUpEntry, WakeUpPlace } from '../../model/wake-up.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import type { KnownWakeUps } from '../../ports/replicated-journal.ts';
import type { DueRange, WakeUps } from '../../ports/wake-ups.ts';
import type { KeyWakeUps, WakeUpTables } from '../kept-wake-ups.ts';
import { offsetIn, wakeUpOf } from '../relational/journal-cells.ts';
import type { PostgresSession } from './session.ts';
import type { StoreTables } from './tables/store-tables.ts';
import { ofStoredText, toStoredText } from './tables/stored-text.ts';
import { dueInPage, wakeUpsTable, wakeUpsUntilTable } from './tables/wake-up-table.ts';

type DueCells = readonly [id: string, due: unknown, reason: unknown, offset: unknown];

/** The tables of wake-ups of one schema, as they are read. */
export class PostgresWakeUpReads implements WakeUps {
  readonly #session: PostgresSession;
  readonly #statements: StoreTables['wakeUps'];

  constructor(session: PostgresSession, statements: StoreTables['wakeUps']) {
    this.#session = session;
    this.#statements = statements;
  }

  async until(
    { topic, partition }: WakeUpPlace,
    options?: CallOptions,
  ): Promise<Offset | undefined> {
    const { selectUntil } = this.#statements;
    const [row] = await this.#session.read<[number]>(selectUntil, [topic, partition], options);
    return row && offsetIn(wakeUpsUntilTable, { topic, partition }, row[0]);
  }

  async *due(
    { topic, partition, toMs }: DueRange,
    options?: CallOptions,
  ): AsyncGenerator<WakeUpEntry, void> {
    const { selectDue } = this.#statements;
    for (let after: readonly [unknown: number, id: string] = [-1, '']; ; ) {
      const params = [topic, partition, toMs, ...after];
      const rows = await this.#session.read<DueCells>(selectDue, params, options);
      let last: WakeUpEntry | undefined;
      for (const [stored, due, reason, offset] of rows) {
        last = wakeUpOf({ topic, id: ofStoredText(stored) }, { due, reason, offset });
        yield last;
      }
      if (last === undefined || rows.length < dueInPage) return;
      after = [last.dueMs, toStoredText(last.id)];
    }
  }
}

/** Writes them, as the process that has claimed the partition. */
export class PostgresWakeUps extends PostgresWakeUpReads implements WakeUpTables {
  readonly #session: PostgresSession;
  readonly #statements: StoreTables['wakeUps'];
  readonly #epochOf: EpochOf;
  /** By partition of which nothing is replicated: the journal that the first record has changed. */
  readonly #first = new Map<string, string>();

  constructor(session: PostgresSession, statements: StoreTables['wakeUps'], epochOf: EpochOf) {
    super(session, statements);
    this.#session = session;
    this.#statements = statements;
    this.#epochOf = epochOf;
  }

  upTo(topic: Topic, partition: Partition, options?: CallOptions): Promise<Offset | undefined> {
    this.#first.delete(`${topic}:${partition}`);
    return this.until({ topic, partition }, options);
  }

  async save({ topic, partition, upTo, isFirst }: KnownWakeUps): Promise<void> {
    const { saveUntil, clear, clearUntil } = this.#statements;
    const until = [topic, partition, upTo, this.#epoch(topic, partition)];
    if (!isFirst) {
      await this.#session.write(saveUntil, until);
      return;
    }
    await this.#session.transaction(async (run) => {
      await run(clear, [topic, partition, this.#first.get(`${topic}:${partition}`) ?? null]);
      await run(clearUntil, [topic, partition]);
      await run(saveUntil, until);
    });
  }

  of({ topic, id }: Key): KeyWakeUps {
    return {
      load: async () => {},
      offset: async (partition) => {
        const { selectOffset } = this.#statements;
        const place = [topic, partition, toStoredText(id)];
        const [row] = await this.#session.read<[number]>(selectOffset, place);
        return row && offsetIn(wakeUpsTable, { topic, partition }, row[0]);
      },
      save: async (change, { partition }) => {
        const { save, remove } = this.#statements;
        const epoch = this.#epoch(topic, partition);
        const place = [topic, partition, epoch, toStoredText(id)];
        if (epoch === null) this.#first.set(`${topic}:${partition}`, toStoredText(id));
        if (change.type === 'remove') await this.#session.write(remove, place);
        else {
          const { dueMs, reason, offset } = change.wakeUp;
          await this.#session.write(save, [...place, dueMs, reason, offset]);
        }
      },
    };
  }

  #epoch(topic: Topic, partition: Partition): number | null {
    return this.#epochOf(topic, partition) ?? null;
  }
}

/** Of a partition that this process has claimed; `undefined` = nothing is replicated. */
type EpochOf = (topic: Topic, partition: Partition) => number | undefined;
