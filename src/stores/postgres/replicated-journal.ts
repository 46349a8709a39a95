import type { PostgresSettings } from '../../config/settings/postgres-settings.ts';
import { FencedError, InvalidInputError } from '../../model/errors.ts';
import type { Key } from '../../model/key.ts';
import { type Offset, type Partition, Topic } from '../../model/position.ts';
import type { LastTenure, TenurePlace } from '../../model/tenure.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import type {
  ClaimOptions,
  ExpiredJournal,
  ExpiredRange,
  JournalPlace,
  KnownTenures,
  KnownWakeUps,
  OffsetMove,
  ReplicatedJournal,
  ReplicatedKeyJournal,
} from '../../ports/replicated-journal.ts';
import { KeptTenures, readLastTenure } from '../kept-tenures.ts';
import { KeptWakeUps } from '../kept-wake-ups.ts';
import { KeyJournal } from '../key-journal.ts';
import { RelationalJournalRows } from '../relational/apply-row-change.ts';
import { expiredOf, journalPlaceOf, pointerOffset } from '../relational/journal-cells.ts';
import { PostgresJournalTransactions } from './journal-transactions.ts';
import { checkRights } from './schema/check-schema.ts';
import { openPostgresSession, type PostgresDeps, type PostgresSession } from './session.ts';
import { PostgresTenures } from './stored-tenures.ts';
import { PostgresWakeUps } from './stored-wake-ups.ts';
import {
  type ExpiredCells,
  type JournalCells,
  listedInPage,
  pointerOfCells,
  segmentSize,
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
  readonly #tenures: PostgresTenures;
  readonly #keptTenures: KeptTenures;
  readonly #wakeUps: KeptWakeUps;
  /** Partitions that this process has claimed. */
  readonly #claims = new Map<string, ClaimedPartition>();
  readonly #epochOf = (topic: Topic, partition: Partition): number | undefined =>
    this.#claims.get(`${topic}:${partition}`)?.epoch;

  constructor(session: PostgresSession, schema: string) {
    this.#session = session;
    this.#tables = storeTables(schema);
    const { tenures, wakeUps } = this.#tables;
    this.#tenures = new PostgresTenures(session, tenures, this.#epochOf);
    this.#keptTenures = new KeptTenures(this.#tenures);
    this.#wakeUps = new KeptWakeUps(new PostgresWakeUps(session, wakeUps, this.#epochOf));
  }

  async topics(options?: CallOptions): Promise<readonly Topic[]> {
    const rows = await this.#session.read<[string]>(this.#tables.pointers.topics, [], options);
    return rows.map(([topic]) => Topic.of(topic));
  }

  async claim(
    topic: Topic,
    partition: Partition,
    options: ClaimOptions,
  ): Promise<Offset | undefined> {
    options.signal?.throwIfAborted();
    const { claim } = this.#tables.pointers;
    const [row] = await this.#session.write<[number, number]>(claim, [topic, partition]);
    const known = row && pointerOffset(topic, partition, row[0]);
    this.#claims.set(`${topic}:${partition}`, { epoch: row?.[1], known });
    return known;
  }

  async saveOffset(to: OffsetMove, nowMs: number): Promise<void> {
    const { topic, partition, offset, after } = to;
    if (after !== undefined && offset < after) {
      throw new InvalidInputError(`${placeOf(to)} must not move back from ${after} to ${offset}`);
    }
    const claim = this.#claims.get(`${topic}:${partition}`);
    if (claim === undefined) throw fenced(to, 'is not claimed by this process');
    if (claim.known === offset) return;
    if (claim.known !== after) throw fenced(to, `stands at ${claim.known ?? 'none'}`);
    const { insert, move } = this.#tables.pointers;
    const params = [topic, partition, offset, nowMs];
    const [stored] =
      claim.epoch === undefined
        ? await this.#session.write<[number]>(insert, params)
        : await this.#session.write<[number]>(move, [...params, claim.epoch]);
    if (stored === undefined) throw fenced(to, 'stands elsewhere or was claimed since');
    claim.epoch = stored[0];
    claim.known = offset;
  }

  tenuresUpTo(
    topic: Topic,
    partition: Partition,
    options?: CallOptions,
  ): Promise<Offset | undefined> {
    return this.#keptTenures.upTo(topic, partition, options);
  }

  saveTenures(known: KnownTenures, nowMs: number): Promise<void> {
    return this.#keptTenures.save(known, nowMs);
  }

  lastTenure(place: TenurePlace, upTo: Offset, options?: CallOptions): Promise<LastTenure> {
    return readLastTenure(this.#tenures, place, upTo, options);
  }

  wakeUpsUpTo(
    topic: Topic,
    partition: Partition,
    options?: CallOptions,
  ): Promise<Offset | undefined> {
    return this.#wakeUps.upTo(topic, partition, options);
  }

  saveWakeUps(known: KnownWakeUps, nowMs: number): Promise<boolean> {
    return this.#wakeUps.save(known, nowMs);
  }

  async *journalPlaces(
    topic: Topic,
    options?: CallOptions,
  ): AsyncGenerator<readonly JournalPlace[]> {
    const { places } = this.#tables.metajournal;
    for (let from = '', listed: string | undefined; ; listed = from) {
      const page = await this.#session.read<PlaceCells>(places, [topic, from], options);
      const rows = page.filter(([stored]) => stored !== listed);
      const last = rows.at(-1);
      if (last === undefined) return;
      yield rows.map(([stored, partition, offset]) =>
        journalPlaceOf({ topic, id: ofStoredText(stored) }, { partition, offset }),
      );
      from = last[0];
    }
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
      yield rows.map(([stored, partition, offset, expireOn]) =>
        expiredOf({ topic, id: ofStoredText(stored) }, { partition, offset, expireOn }),
      );
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
    const row = cells && { journal: cells[0], pointer: pointerOfCells(key, cells) };
    const transactions = new PostgresJournalTransactions({
      key,
      session: this.#session,
      tables: this.#tables,
      epochOf: this.#epochOf,
    });
    const rows = new RelationalJournalRows(transactions, row);
    const wakeUps = this.#wakeUps.of(key);
    return new KeyJournal(rows, { topic: key.topic, segmentSize, wakeUps });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session[Symbol.asyncDispose]();
  }
}

type PlaceCells = [id: string, partition: number, offset: number];

interface ClaimedPartition {
  /** `undefined` while nothing is replicated. */
  epoch: number | undefined;
  /** What the owner knows; a move without an answer may have gone further. */
  known: Offset | undefined;
}

function fenced(move: OffsetMove, how: string): FencedError {
  const { after, offset } = move;
  return new FencedError(
    `${placeOf(move)} was to move from ${after ?? 'none'} to ${offset}, but ${how}: ` +
      'another process replicates the partition',
  );
}

function placeOf({ topic, partition }: OffsetMove): string {
  return `the replicated offset of ${topic}:${partition}`;
}
