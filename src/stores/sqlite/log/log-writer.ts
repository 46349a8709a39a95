import { partitionOf } from '../../../codec/java-hash.ts';
import type { Offset, Partition, PartitionOffset, Topic } from '../../../model/position.ts';
import type { CommitParticipant } from '../commit-queue.ts';
import type { Database, Statement } from '../session.ts';
import { encodeBatch, type NewRecord, recordBytes } from './batch-codec.ts';
import { type LogPartition, LogPartitions } from './log-partitions.ts';

/** A row of `log_batch` ends after so many bytes or records: a reader's step stays short. */
const maxBatchBytes = 262_144;
const maxBatchRecords = 1_000;

/** Told of a partition that has new records, after their commit. */
export type AppendListener = (topic: Topic, partition: Partition) => void;

interface KnownTopic {
  readonly partitions: number;
  readonly opened: (LogPartition | undefined)[];
}

/**
 * Appends records to partitions inside the transactions of the commit queue. Records of one
 * partition and transaction become one row, so a record costs a copy of its bytes and no statement.
 *
 * What it knows of partitions is right as long as no other process commits. `data_version` shows
 * such a commit; then the offsets of each partition are read again when it is next used.
 */
export class LogWriter implements CommitParticipant {
  readonly #partitions: LogPartitions;
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

  /** Gives the record the next offset of the partition of its key; creates a missing topic. */
  append(topic: Topic, record: NewRecord): PartitionOffset {
    const known = this.#topics.get(topic) ?? this.#openTopic(topic);
    const key = record.key ?? new Uint8Array();
    return this.appendTo(topic, partitionOf(key, known.partitions) as Partition, record);
  }

  /** The same in a partition that the caller names. */
  appendTo(topic: Topic, partition: Partition, record: NewRecord): PartitionOffset {
    const { opened } = this.#topics.get(topic) ?? this.#openTopic(topic);
    let target = opened[partition];
    if (target === undefined || target.epoch !== this.#epoch) {
      target = this.#partitions.findOrCreate(topic, partition);
      target.epoch = this.#epoch;
      opened[partition] = target;
    }
    this.#dirty.add(target);
    const bytes = recordBytes(record);
    if (target.pendingBytes + bytes > maxBatchBytes || target.pending.length >= maxBatchRecords) {
      this.#flushPartition(target);
    }
    target.pending.push(record);
    target.pendingBytes += bytes;
    return { partition, offset: target.nextOffset++ as Offset };
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
