import { partitionOf } from '../../../codec/java-hash.ts';
import { mayOpenTenure } from '../../../codec/record/action-record-codec.ts';
import { WriteRejectedError } from '../../../model/errors.ts';
import type { Offset, Partition, PartitionOffset, Topic } from '../../../model/position.ts';
import type { Tenure } from '../../../model/tenure.ts';
import type { CommitParticipant } from '../commit-queue.ts';
import type { Database, Statement } from '../session.ts';
import { encodeBatch, type NewRecord, recordBytes } from './batch-codec.ts';
import { type LogPartition, LogPartitions } from './log-partitions.ts';
import { LogTenures } from './log-tenures.ts';

/** A row of `log_batch` ends after these bytes or records, so that a reader's step stays short. */
const maxBatchBytes = 262_144;
const maxBatchRecords = 1_000;

/** Told of a partition that has new records, after their commit. */
export type AppendListener = (topic: Topic, partition: Partition) => void;

/** What has to hold for a record to be appended. */
export interface AppendConditions {
  /** It has to land in this partition. */
  readonly partition?: Partition | undefined;
  /** Nobody has opened a tenure after this one. */
  readonly tenure?: Tenure | undefined;
}

interface KnownTopic {
  readonly partitions: number;
  readonly opened: (LogPartition | undefined)[];
}

/**
 * Appends records to partitions inside the transactions of the commit queue. Records of one
 * partition and transaction become one row, so a record costs a copy of its bytes and no statement.
 *
 * What it knows of partitions is right as long as no other process commits. `data_version` shows
 * such a commit; then offsets and tenures of each partition are read again when it is next used.
 */
export class LogWriter implements CommitParticipant {
  readonly #partitions: LogPartitions;
  readonly #tenures: LogTenures;
  readonly #defaultPartitions: number;
  readonly #insertBody: Statement<{ batch: number }>;
  readonly #insertBatch: Statement;
  readonly #dataVersion: Statement<{ data_version: number }>;
  readonly #topics = new Map<Topic, KnownTopic>();
  readonly #listeners = new Set<AppendListener>();
  #dirty = new Set<LogPartition>();
  #epoch = 1;
  #seenVersion: number | undefined;

  constructor(database: Database, defaultPartitions: number) {
    this.#partitions = new LogPartitions(database);
    this.#tenures = new LogTenures(database);
    this.#defaultPartitions = defaultPartitions;
    this.#insertBody = database.prepare('INSERT INTO log_body (body) VALUES (?) RETURNING batch');
    this.#insertBatch = database.prepare(
      'INSERT INTO log_batch (log, last_offset, first_offset, keys, batch) VALUES (?, ?, ?, ?, ?)',
    );
    this.#dataVersion = database.prepare('PRAGMA data_version');
  }

  /** Adds a listener; the answer removes it. */
  listen(listener: AppendListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  begin(): void {
    const version = this.#dataVersion.get()?.data_version;
    if (version !== this.#seenVersion) this.#epoch++;
    this.#seenVersion = version;
  }

  /**
   * Gives the record the next offset of the partition of its key; creates a missing topic.
   *
   * @throws {WriteRejectedError} {@link NotOwnerError} a condition does not hold: the transaction
   *   may go on, without this record
   */
  append(topic: Topic, record: NewRecord, conditions: AppendConditions = {}): PartitionOffset {
    const known = this.#topics.get(topic) ?? this.#openTopic(topic);
    const { partitions } = known;
    const partition = partitionOf(record.key ?? new Uint8Array(), partitions) as Partition;
    const wanted = conditions.partition ?? partition;
    if (wanted !== partition) {
      throw new WriteRejectedError(
        `a record of topic ${topic} was not stored: the topic has ${partitions} partitions, and the key belongs into ` +
          `${partition}, while the record has to land in ${wanted}. A topic of journals keeps its number of partitions`,
      );
    }
    const { tenure } = conditions;
    if (tenure !== undefined) this.#tenures.refuseWhenOver(this.#open(topic, partition), tenure);
    return this.appendTo(topic, partition, record);
  }

  /** The same in a partition that the caller names. */
  appendTo(topic: Topic, partition: Partition, record: NewRecord): PartitionOffset {
    const target = this.#open(topic, partition);
    this.#dirty.add(target);
    const bytes = recordBytes(record);
    if (target.pendingBytes + bytes > maxBatchBytes || target.pending.length >= maxBatchRecords) {
      this.#flushPartition(target);
    }
    target.pending.push(record);
    target.pendingBytes += bytes;
    const offset = target.nextOffset++ as Offset;
    if (mayOpenTenure(record)) this.#tenures.note(target, { ...record, offset });
    return { partition, offset };
  }

  #open(topic: Topic, partition: Partition): LogPartition {
    const { opened } = this.#topics.get(topic) ?? this.#openTopic(topic);
    let target = opened[partition];
    if (target === undefined || target.epoch !== this.#epoch) {
      target = this.#partitions.findOrCreate(topic, partition);
      target.epoch = this.#epoch;
      opened[partition] = target;
    }
    return target;
  }

  flush(): void {
    for (const partition of this.#dirty) {
      this.#flushPartition(partition);
      this.#partitions.saveNext(partition);
    }
  }

  committed(): void {
    const dirty = this.#dirty;
    this.#dirty = new Set();
    for (const { topic, partition } of dirty) {
      for (const listener of this.#listeners) listener(topic, partition);
    }
  }

  rolledBack(): void {
    this.#dirty = new Set();
    this.#topics.clear();
  }

  #flushPartition(partition: LogPartition): void {
    const { pending } = partition;
    if (pending.length === 0) return;
    const { keys, body } = encodeBatch(pending, partition.pendingBytes);
    const { batch } = this.#insertBody.get(body) as { batch: number };
    const { log, nextOffset } = partition;
    this.#insertBatch.run(log, nextOffset - 1, nextOffset - pending.length, keys, batch);
    partition.pending = [];
    partition.pendingBytes = 0;
  }

  #openTopic(topic: Topic): KnownTopic {
    let partitions = this.#partitions.partitionCount(topic);
    if (partitions === undefined) {
      partitions = this.#defaultPartitions;
      this.#partitions.createTopic(topic, partitions);
    }
    const known: KnownTopic = { partitions, opened: [] };
    this.#topics.set(topic, known);
    return known;
  }
}
