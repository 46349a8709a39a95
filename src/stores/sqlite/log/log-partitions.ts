import type { Partition, Topic } from '../../../model/position.ts';
import { Topic as Topics } from '../../../model/position.ts';
import type { OpenedTenure } from '../../../model/tenure.ts';
import type { Database, Statement } from '../session.ts';
import type { NewRecord } from './batch-codec.ts';

/** One partition of the log, as this process last read or wrote it. */
export interface LogPartition {
  /** Its number in the file. */
  readonly log: number;
  readonly topic: Topic;
  readonly partition: Partition;
  /** First offset kept. */
  firstOffset: number;
  /** Offset of the next record. */
  nextOffset: number;
  /**
   * The last opening mark of each scope that this process writes under, as far as it was looked up;
   * `undefined` = there is none.
   */
  readonly tenures: Map<string, OpenedTenure | undefined>;
  /** Which state of the file offsets and tenures belong to; see `LogWriter`. */
  epoch: number;
  /** Records of the running transaction, and their bytes. */
  pending: NewRecord[];
  pendingBytes: number;
}

interface PartitionRow {
  readonly log: number;
  readonly partition: number;
  readonly first_offset: number;
  readonly next_offset: number;
}

/** What is known of topics and partitions: statements only, no cache. */
export class LogPartitions {
  readonly #topics: Statement<{ topic: string }>;
  readonly #partitionCount: Statement<{ partitions: number }>;
  readonly #createTopic: Statement;
  readonly #partition: Statement<PartitionRow>;
  readonly #create: Statement<PartitionRow>;
  readonly #saveNext: Statement;

  constructor(database: Database) {
    const columns = 'log, partition, first_offset, next_offset';
    this.#topics = database.prepare('SELECT topic FROM log_topic ORDER BY topic');
    this.#partitionCount = database.prepare('SELECT partitions FROM log_topic WHERE topic = ?');
    this.#createTopic = database.prepare('INSERT OR IGNORE INTO log_topic VALUES (?, ?)');
    this.#partition = database.prepare(
      `SELECT ${columns} FROM log_partition WHERE topic = ? AND partition = ?`,
    );
    this.#create = database.prepare(
      `INSERT INTO log_partition (topic, partition, first_offset, next_offset)
       VALUES (?, ?, 0, 0) RETURNING ${columns}`,
    );
    this.#saveNext = database.prepare('UPDATE log_partition SET next_offset = ? WHERE log = ?');
  }

  topics(): Topic[] {
    return this.#topics.all().map(({ topic }) => Topics.of(topic));
  }

  /** `undefined` for a topic that does not exist. */
  partitionCount(topic: Topic): number | undefined {
    return this.#partitionCount.get(topic)?.partitions;
  }

  /** Within a transaction; a topic that exists keeps its number of partitions. */
  createTopic(topic: Topic, partitions: number): void {
    this.#createTopic.run(topic, partitions);
  }

  /** `undefined` before the first record of the partition. */
  find(topic: Topic, partition: Partition): LogPartition | undefined {
    const row = this.#partition.get(topic, partition);
    return row === undefined ? undefined : partitionOfRow(topic, row);
  }

  /** Within a transaction. */
  findOrCreate(topic: Topic, partition: Partition): LogPartition {
    const found = this.find(topic, partition);
    if (found !== undefined) return found;
    return partitionOfRow(topic, this.#create.get(topic, partition) as PartitionRow);
  }

  /** Within a transaction. */
  saveNext(partition: LogPartition): void {
    this.#saveNext.run(partition.nextOffset, partition.log);
  }
}

function partitionOfRow(topic: Topic, row: PartitionRow): LogPartition {
  return {
    log: row.log,
    topic,
    partition: row.partition as Partition,
    firstOffset: row.first_offset,
    nextOffset: row.next_offset,
    tenures: new Map(),
    epoch: 0,
    pending: [],
    pendingBytes: 0,
  };
}
