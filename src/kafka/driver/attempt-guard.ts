import type { OutgoingRecord, TopicRecords } from './outgoing-record.ts';

/** Thrown out of kafkajs's retry loop: it must not go on with this send. */
export class UnsafeRetryError extends Error {
  /** kafkajs reads it: no further attempt. */
  readonly retriable = false;
}

interface Leadership {
  readonly partitionId: number;
  readonly leader: number;
}

/** Where the current attempt puts a record. */
export interface Destination {
  readonly topic: string;
  readonly partition: number;
  /** Of the topic, in any order. */
  readonly partitions: readonly Leadership[];
}

/** Leader of each partition that one attempt sends to, by topic. */
type Leaders = Map<string, number[]>;

/**
 * Watches the attempts of one send, through the partitioner, which kafkajs calls for every record
 * at the start of each.
 *
 * When a send goes to several brokers and some have answered, kafkajs repeats only the others. It
 * remembers them by broker: if a partition has changed its leader meanwhile, records that are
 * stored already are sent again under new sequence numbers, or records that are not are taken for
 * answered. So an attempt that follows one to several brokers ends the send if any leader or the
 * number of partitions differs: the outcome is then unknown, and said to be.
 */
export class AttemptGuard {
  #first: OutgoingRecord | undefined;
  #previous: Leaders | undefined;
  #current: Leaders = new Map();
  #topic: string | undefined;
  #used: number[] = [];
  #byPartition: number[] = [];
  #brokers = new Set<number>();
  #previousBrokers = 0;

  /** A new send; nothing of an earlier one matters. */
  begin(batch: readonly TopicRecords[]): void {
    this.#first = batch[0]?.messages[0];
    this.#previous = undefined;
    this.#current = new Map();
    this.#brokers = new Set();
  }

  /** @throws {UnsafeRetryError} */
  check(record: OutgoingRecord, { topic, partition, partitions }: Destination): void {
    if (record === this.#first) this.#beginAttempt();
    if (topic !== this.#topic) this.#enterTopic(topic, partitions);
    if (this.#used[partition] !== undefined) return;
    const leader = this.#byPartition[partition] ?? -1;
    this.#used[partition] = leader;
    this.#brokers.add(leader);
    if (this.#previous === undefined) return;
    const moved = this.#previous.get(topic)?.[partition] !== leader;
    if (moved && (this.#previousBrokers > 1 || record.partition !== partition)) {
      throw new UnsafeRetryError(
        `partition ${partition} of ${topic} moved while a send was repeated`,
      );
    }
  }

  #beginAttempt(): void {
    if (this.#current.size > 0) {
      this.#previous = this.#current;
      this.#previousBrokers = this.#brokers.size;
    }
    this.#current = new Map();
    this.#brokers = new Set();
    this.#topic = undefined;
  }

  #enterTopic(topic: string, partitions: readonly Leadership[]): void {
    this.#topic = topic;
    this.#used = [];
    this.#current.set(topic, this.#used);
    this.#byPartition = [];
    for (const { partitionId, leader } of partitions) this.#byPartition[partitionId] = leader;
  }
}
