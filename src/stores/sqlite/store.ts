import { ClosedError } from '../../model/errors.ts';
import type { Logger } from '../../observability/logger.ts';
import type { ActionConsumer } from '../../ports/action-consumer.ts';
import type { ActionProducer } from '../../ports/action-producer.ts';
import type { FleetMember, FleetMembership } from '../../ports/fleet-membership.ts';
import type { ReplicatedJournal } from '../../ports/replicated-journal.ts';
import type { TopicConsumers } from '../../ports/topic-consumer.ts';
import type { EventualStore } from '../../ports/wake-ups.ts';
import type { Clock } from '../../runtime/clock.ts';
import { CommitQueue } from './commit-queue.ts';
import { SqliteEventualJournal } from './eventual-journal.ts';
import { FleetsOfFile } from './fleet/fleets-of-file.ts';
import type { FleetTimings } from './fleet/sqlite-fleet-membership.ts';
import { ForeignWrites } from './log/foreign-writes.ts';
import { LogPartitions } from './log/log-partitions.ts';
import { LogReader } from './log/log-reader.ts';
import { LogTrim } from './log/log-trim.ts';
import { LogWriter } from './log/log-writer.ts';
import { SqliteActionConsumer } from './log/sqlite-action-consumer.ts';
import { SqliteActionProducer } from './log/sqlite-action-producer.ts';
import { SqliteTopicConsumers } from './log/sqlite-topic-consumer.ts';
import { TopicOwnership } from './log/topic-ownership.ts';
import { openWhenFree } from './open-file.ts';
import { SqliteReplicatedJournal } from './replicated-journal.ts';
import { EventTable } from './tables/event-table.ts';
import { MetajournalTable } from './tables/metajournal-table.ts';
import { PointerTable } from './tables/pointer-table.ts';
import { SettingTable } from './tables/setting-table.ts';
import { TenureTable } from './tables/tenure-table.ts';
import { WakeUpTable } from './tables/wake-up-table.ts';

/** Of the section of the embedded journal. */
export interface SqliteSettings {
  /** Path of the file, which is created when missing, or `:memory:`. */
  readonly file: string;
  /** Partitions of topics that are created from now on; at least 1. */
  readonly partitions: number;
  /** Segment size that new journals carry: 2 .. 2^31-1. */
  readonly segmentSize: number;
}

/** What a store works with; it stays the caller's. */
export interface SqliteDeps {
  readonly log: Logger;
  readonly clock: Clock;
}

/** Action log and replicated store in one file. Disposing closes the ports, then the file. */
export interface SqliteStore extends AsyncDisposable {
  readonly producer: ActionProducer;
  readonly consumer: ActionConsumer;
  readonly topicConsumers: TopicConsumers;
  readonly eventual: EventualStore;
  readonly replicated: ReplicatedJournal;
  /** Joins the fleet of the processes that have the file open; the caller leaves it first. */
  joinFleet(member: FleetMember, timings: FleetTimings): FleetMembership;
  /**
   * Closes the ports, then the file. Idempotent.
   *
   * @throws the first error of a port that does not close in order
   */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Opens or creates the file. Several processes may have it open; one at a time replicates a topic.
 *
 * @throws {InvalidInputError} the file cannot be opened, or is of another program or later version
 * @throws {StoreUnavailableError} another process holds a lock on it
 */
export async function openSqliteStore(
  settings: SqliteSettings,
  deps: SqliteDeps,
): Promise<SqliteStore> {
  return (await openSqliteParts(settings, deps)).store;
}

/**
 * The store with its inner parts, for tests that act as an operator or as time does.
 *
 * @throws as {@link openSqliteStore}
 */
export async function openSqliteParts(settings: SqliteSettings, deps: SqliteDeps) {
  const database = await openWhenFree(settings.file, deps.clock);
  const tables = {
    metajournal: new MetajournalTable(database),
    events: new EventTable(database),
    pointers: new PointerTable(database),
    settings: new SettingTable(database),
    tenures: new TenureTable(database),
    wakeUps: new WakeUpTable(database),
  };
  const partitions = new LogPartitions(database);
  const reader = new LogReader(database);
  const trim = new LogTrim(database);
  // What was replicated by an earlier process may be deleted as soon as its time is over.
  const { clock } = deps;
  for (const { topic, partition, offset, updated } of tables.pointers.all()) {
    const atMs = clock.steadyMs() - Math.max(0, clock.nowMs() - updated);
    trim.replicated(topic, partition, { offset, atMs });
  }
  const writer = new LogWriter(database, settings.partitions);
  const queue = new CommitQueue(database, { participant: writer, clock });
  const ownership = new TopicOwnership(database, clock);
  const foreignWrites = new ForeignWrites(database);
  const logParts = { partitions, reader, trim, writer, foreignWrites };
  const shared = { ...deps, ...logParts, queue, ownership, tables };
  const ports = {
    producer: new SqliteActionProducer(queue, writer),
    consumer: new SqliteActionConsumer(shared),
    topicConsumers: new SqliteTopicConsumers(shared),
    eventual: new SqliteEventualJournal(tables),
    replicated: new SqliteReplicatedJournal({ ...shared, segmentSize: settings.segmentSize }),
  };
  const fleets = new FleetsOfFile(settings, deps, { database, partitions, queue });
  const close = async (): Promise<void> => {
    await fleets[Symbol.asyncDispose]();
    await ports.topicConsumers[Symbol.asyncDispose]();
    await Promise.all(Object.values(ports).map((port) => port[Symbol.asyncDispose]()));
    queue.close(new ClosedError('the store is closed'));
    database.close();
  };
  let closed: Promise<void> | undefined;
  const store: SqliteStore = {
    ...ports,
    joinFleet: (member, timings) => fleets.join(member, timings),
    [Symbol.asyncDispose]: () => {
      closed ??= close();
      return closed;
    },
  };
  return { store, database, partitions, writer, queue, trim, ownership };
}
