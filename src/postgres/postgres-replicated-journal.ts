import type { PostgresSettings } from '../config/postgres-settings.ts';
import { FencedError, InvalidInputError } from '../model/errors.ts';
import type { Key } from '../model/key.ts';
import { type Offset, type Partition, Topic } from '../model/position.ts';
import type { CallOptions } from '../ports/call-options.ts';
import type {
  ExpiredJournal,
  ExpiredRange,
  OffsetMove,
  ReplicatedJournal,
  ReplicatedKeyJournal,
} from '../ports/replicated-journal.ts';
import { PostgresKeyJournal } from './postgres-key-journal.ts';
import {
  openPostgresSession,
  type PostgresDeps,
  type PostgresSession,
} from './postgres-session.ts';
import { checkRights } from './schema/check-schema.ts';
import {
  type ExpiredCells,
  type JournalCells,
  listedInPage,
  pointerOf,
} from './tables/metajournal-table.ts';
import { type StoreTables, storeTables } from './tables/store-tables.ts';
import { ofStoredText, toStoredText } from './tables/stored-text.ts';

/**
 * Connects, and looks whether the user may write.
 *
 * @throws {StoreUnavailableError} {@link NotSetUpError} as the server answers
 * @throws {AccessDeniedError} names the rights that are missing
 */
export async function openPostgresReplicatedJournal(
  settings: PostgresSettings,
  deps: PostgresDeps,
  options?: CallOptions,
): Promise<ReplicatedJournal> {
  const session = await openPostgresSession(settings, deps, options);
  try {
    await checkRights(session, settings.schema.name, options);
    return new PostgresReplicatedJournal(session, settings.schema.name);
  } catch (error) {
    await session[Symbol.asyncDispose]();
    throw error;
  }
}

/** Writes the store. */
export class PostgresReplicatedJournal implements ReplicatedJournal {
  readonly #session: PostgresSession;
  readonly #tables: StoreTables;

  constructor(session: PostgresSession, schema: string) {
    this.#session = session;
    this.#tables = storeTables(schema);
  }

  async topics(options?: CallOptions): Promise<readonly Topic[]> {
    const rows = await this.#session.read<[string]>(this.#tables.pointers.topics, [], options);
    return rows.map(([topic]) => Topic.of(topic));
  }

  async offset(
    topic: Topic,
    partition: Partition,
    options?: CallOptions,
  ): Promise<Offset | undefined> {
    const { select } = this.#tables.pointers;
    const [row] = await this.#session.read<[number]>(select, [topic, partition], options);
    return row?.[0] as Offset | undefined;
  }

  async saveOffset(to: OffsetMove, nowMs: number): Promise<void> {
    const { topic, partition, offset, after } = to;
    if (after !== undefined && offset < after) {
      throw new InvalidInputError(`${placeOf(to)} must not move back from ${after} to ${offset}`);
    }
    const { insert, move } = this.#tables.pointers;
    const params = [topic, partition, offset, nowMs];
    const moved =
      after === undefined
        ? await this.#session.write(insert, params)
        : await this.#session.write(move, [...params, after]);
    if (moved.length > 0) return;
    const found = await this.offset(topic, partition);
    // The answer to an earlier attempt may have been lost.
    if (found === offset) return;
    throw new FencedError(
      `${placeOf(to)} was to move from ${after ?? 'none'} to ${offset}, but stands at ${found ?? 'none'}: ` +
        'another process replicates the partition',
    );
  }

  async *expired(
    { topic, share, from, to }: ExpiredRange,
    options?: CallOptions,
  ): AsyncGenerator<readonly ExpiredJournal[]> {
    const range = [topic, from, to, share.index, share.of];
    for (let after = ['-infinity', '']; ; ) {
      const rows = await this.#session.read<ExpiredCells>(
        this.#tables.metajournal.expired,
        [...range, ...after],
        options,
      );
      const last = rows.at(-1);
      if (last === undefined) return;
      yield rows.map(expiredOf);
      if (rows.length < listedInPage) return;
      after = [last[3], last[0]];
    }
  }

  async expiredUntil(
    topic: Topic,
    partition: Partition,
    options?: CallOptions,
  ): Promise<string | undefined> {
    const { selectExpired } = this.#tables.pointers;
    const [row] = await this.#session.read<[string]>(selectExpired, [topic, partition], options);
    return row?.[0];
  }

  async saveExpiredUntil(
    { topic, partition, day }: Parameters<ReplicatedJournal['saveExpiredUntil']>[0],
    nowMs: number,
  ): Promise<void> {
    const { saveExpired } = this.#tables.pointers;
    await this.#session.write(saveExpired, [topic, partition, day, nowMs]);
  }

  async open(key: Key, options?: CallOptions): Promise<ReplicatedKeyJournal> {
    const { select } = this.#tables.metajournal;
    const params = [key.topic, toStoredText(key.id)];
    const [cells] = await this.#session.read<JournalCells>(select, params, options);
    const row = cells && { journal: cells[0], pointer: pointerOf(cells) };
    return new PostgresKeyJournal({ key, session: this.#session, tables: this.#tables, row });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session[Symbol.asyncDispose]();
  }
}

function expiredOf([id, partition, offset, expireOn]: ExpiredCells): ExpiredJournal {
  const at = { partition: partition as Partition, offset: offset as Offset };
  return { id: ofStoredText(id), at, expireOn };
}

function placeOf({ topic, partition }: OffsetMove): string {
  return `the replicated offset of ${topic}:${partition}`;
}
