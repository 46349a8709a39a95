import type { CassandraSettings } from '../../config/settings/cassandra-settings.ts';
import type { Key } from '../../model/key.ts';
import type { Offset, Partition, Topic } from '../../model/position.ts';
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
import { CassandraJournalRows, type LoadedRow } from './apply-row-change.ts';
import { readExpired, readJournalPlaces } from './expired-journals.ts';
import { CassandraWakeUps } from './kept-wake-up-tables.ts';
import { PartitionPointers } from './partition-pointers.ts';
import { checkTables } from './schema/check-schema.ts';
import { SegmentNr } from './segment.ts';
import { openCassandraSession } from './session.ts';
import type { CassandraDeps, CassandraSession } from './session-types.ts';
import { CassandraTenureReads, CassandraTenures } from './stored-tenures.ts';
import { ownedRowOf, rowParams } from './tables/metajournal-table.ts';
import { expiredUntilKey } from './tables/setting-table.ts';
import { type StoreTables, storeTables } from './tables/store-tables.ts';
import { WriteClocks } from './write-clock.ts';

/**
 * Connects and looks whether the tables exist; needs the rights to SELECT and MODIFY on the
 * keyspace. `settings.segmentSize` is that of journals created from now on. The caller disposes it.
 *
 * @throws {StoreUnavailableError} retryable
 * @throws {AccessDeniedError} the user may not log in or read
 * @throws {NotSetUpError} names the keyspace or the tables that are missing
 * @throws the abort reason when `options.signal` fires
 */
export async function openCassandraReplicatedJournal(
  settings: CassandraSettings,
  deps: CassandraDeps,
  options?: CallOptions,
): Promise<ReplicatedJournal> {
  const session = await openCassandraSession(settings, deps, options);
  try {
    await checkTables(session, settings.schema, options);
    return new CassandraReplicatedJournal(session, settings);
  } catch (error) {
    await session[Symbol.asyncDispose]();
    throw error;
  }
}

/** The store over a connected session, which it closes when it is disposed. */
export class CassandraReplicatedJournal implements ReplicatedJournal {
  readonly #session: CassandraSession;
  readonly #tables: StoreTables;
  readonly #segmentSize: number;
  readonly #clocks = new WriteClocks();
  readonly #pointers: PartitionPointers;
  readonly #tenureReads: CassandraTenureReads;
  readonly #keptTenures: KeptTenures;
  readonly #wakeUps: KeptWakeUps;

  constructor(
    session: CassandraSession,
    { schema, segmentSize }: Pick<CassandraSettings, 'schema' | 'segmentSize'>,
  ) {
    this.#session = session;
    this.#tables = storeTables(schema);
    this.#segmentSize = segmentSize;
    const { pointer, tenures, wakeUps } = this.#tables;
    this.#tenureReads = new CassandraTenureReads(session, tenures);
    this.#keptTenures = new KeptTenures(new CassandraTenures(session, tenures, this.#clocks));
    this.#wakeUps = new KeptWakeUps(new CassandraWakeUps(session, wakeUps, this.#clocks));
    this.#pointers = new PartitionPointers({ session, clocks: this.#clocks, statements: pointer });
  }

  async topics(options?: CallOptions): Promise<readonly Topic[]> {
    const topics = new Set<Topic>();
    let from: string | undefined;
    do {
      const page = await this.#session.page(this.#tables.pointer.selectTopics, [], {
        ...options,
        from,
      });
      for (const { topic } of page.rows) topics.add(topic as Topic);
      from = page.next;
    } while (from !== undefined);
    return [...topics];
  }

  claim(topic: Topic, partition: Partition, options: ClaimOptions): Promise<Offset | undefined> {
    return this.#pointers.claim({ topic, partition }, options);
  }

  saveOffset(move: OffsetMove, nowMs: number): Promise<void> {
    return this.#pointers.move(move, nowMs);
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
    return readLastTenure(this.#tenureReads, place, upTo, options);
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

  journalPlaces(topic: Topic, options?: CallOptions): AsyncIterable<readonly JournalPlace[]> {
    const statements = this.#tables.metaJournal;
    return readJournalPlaces({ session: this.#session, statements }, topic, options);
  }

  expired(range: ExpiredRange, options?: CallOptions): AsyncIterable<readonly ExpiredJournal[]> {
    const session = this.#session;
    const tables = this.#tables;
    return readExpired({ session, statements: tables.metaJournal }, range, options);
  }

  async expiredUntil(
    topic: Topic,
    partition: Partition,
    options?: CallOptions,
  ): Promise<string | undefined> {
    const key = expiredUntilKey(topic, partition);
    const [row] = await this.#session.select(this.#tables.setting.select, [key], options);
    const value = row?.['value'];
    return typeof value === 'string' ? value : undefined;
  }

  async saveExpiredUntil({ topic, partition, day }: ExpiredUntil, nowMs: number): Promise<void> {
    const key = expiredUntilKey(topic, partition);
    await this.#session.write(this.#tables.setting.insert, [key, day, nowMs, null]);
  }

  /** First segment, then the older one: rows of old versions stay where they are. */
  async open(key: Key, options?: CallOptions): Promise<ReplicatedKeyJournal> {
    const session = this.#session;
    const tables = this.#tables;
    const clocks = this.#clocks;
    const segmentSize = this.#segmentSize;
    const deps = { session, tables, clocks, segmentSize };
    const [segment, ...older] = SegmentNr.ofId(key.id);
    let loaded: LoadedRow = { key, segment, row: undefined };
    for (const candidate of [segment, ...older]) {
      const params = rowParams(key, candidate);
      const [cells] = await session.select(tables.metaJournal.selectOwned, params, options);
      const row = ownedRowOf(key, cells);
      if (row === undefined) continue;
      loaded = { key, segment: candidate, row };
      break;
    }
    return new KeyJournal(new CassandraJournalRows(deps, loaded), {
      topic: key.topic,
      segmentSize,
      wakeUps: this.#wakeUps.of(key),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session[Symbol.asyncDispose]();
  }
}

type ExpiredUntil = Parameters<ReplicatedJournal['saveExpiredUntil']>[0];
