import type { CassandraSettings } from '../config/cassandra-settings.ts';
import type { Key } from '../model/key.ts';
import type { Offset, Partition, Topic } from '../model/position.ts';
import type { CallOptions } from '../ports/call-options.ts';
import type { ReplicatedJournal, ReplicatedKeyJournal } from '../ports/replicated-journal.ts';
import { CassandraKeyJournal } from './cassandra-key-journal.ts';
import {
  type CassandraDeps,
  type CassandraSession,
  openCassandraSession,
} from './cassandra-session.ts';
import { numberOf } from './cassandra-values.ts';
import { checkTables } from './schema/check-schema.ts';
import { SegmentNr } from './segment.ts';
import { pointerOf, rowParams } from './tables/metajournal-table.ts';
import { type StoreTables, storeTables } from './tables/store-tables.ts';

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

class CassandraReplicatedJournal implements ReplicatedJournal {
  private readonly session: CassandraSession;
  private readonly tables: StoreTables;
  private readonly segmentSize: number;
  /** Last offset read or saved by partition: tells insert from update, and what would go back. */
  private readonly offsets = new Map<string, Offset>();

  constructor(session: CassandraSession, settings: CassandraSettings) {
    this.session = session;
    this.tables = storeTables(settings.schema);
    this.segmentSize = settings.segmentSize;
  }

  async topics(options?: CallOptions): Promise<readonly Topic[]> {
    const topics = new Set<Topic>();
    let from: string | undefined;
    do {
      const page = await this.session.page(this.tables.pointer.selectTopics, [], {
        ...options,
        from,
      });
      for (const { topic } of page.rows) topics.add(topic as Topic);
      from = page.next;
    } while (from !== undefined);
    return [...topics];
  }

  async offset(
    topic: Topic,
    partition: Partition,
    options?: CallOptions,
  ): Promise<Offset | undefined> {
    const [row] = await this.session.select(
      this.tables.pointer.selectOffset,
      [topic, partition],
      options,
    );
    const name = `${topic}:${partition}`;
    if (row === undefined) {
      this.offsets.delete(name);
      return undefined;
    }
    const offset = numberOf(row['offset'], 'offset') as Offset;
    this.offsets.set(name, offset);
    return offset;
  }

  async saveOffset(
    {
      topic,
      partition,
      offset,
    }: { readonly topic: Topic; readonly partition: Partition; readonly offset: Offset },
    nowMs: number,
  ): Promise<void> {
    const { insert, update } = this.tables.pointer;
    const name = `${topic}:${partition}`;
    const saved = this.offsets.get(name) ?? (await this.offset(topic, partition));
    if (saved === undefined) {
      await this.session.write(insert, [topic, partition, offset, nowMs, nowMs]);
    } else if (offset > saved) {
      await this.session.write(update, [offset, nowMs, topic, partition]);
    } else {
      return;
    }
    this.offsets.set(name, offset);
  }

  /** First segment, then the older one: rows of old versions stay where they are. */
  async open(key: Key, options?: CallOptions): Promise<ReplicatedKeyJournal> {
    const candidates = SegmentNr.ofId(key.id);
    const { session, tables, segmentSize } = this;
    for (const segment of candidates) {
      const [row] = await session.select(
        tables.metaJournal.selectHead,
        rowParams(key, segment),
        options,
      );
      const pointer = pointerOf(key, row);
      if (pointer !== undefined) {
        return new CassandraKeyJournal({ session, tables, segmentSize, key, segment, pointer });
      }
    }
    const [segment] = candidates;
    return new CassandraKeyJournal({
      session,
      tables,
      segmentSize,
      key,
      segment,
      pointer: undefined,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.session[Symbol.asyncDispose]();
  }
}
