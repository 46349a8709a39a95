import type { LogRecord } from '../../../src/model/log-record.ts';
import { Offset, type Partition, type Topic } from '../../../src/model/position.ts';
import type {
  BlockedStretch,
  TopicConsumer,
  TopicConsumers,
  TopicSubscriber,
} from '../../../src/ports/topic-consumer.ts';

/** A log whose topics and members the test moves by hand. */
export class FakeTopicConsumers implements TopicConsumers {
  names: Topic[] = [];
  /** Members ever opened, oldest first. */
  readonly members: FakeTopicConsumer[] = [];
  beforeTopics: () => void = () => {};
  beforeOpen: (topic: Topic) => void | Promise<void> = () => {};
  listings = 0;

  async topics(): Promise<readonly Topic[]> {
    this.listings++;
    this.beforeTopics();
    return [...this.names];
  }

  async open(topic: Topic): Promise<TopicConsumer> {
    await this.beforeOpen(topic);
    const member = new FakeTopicConsumer(topic);
    this.members.push(member);
    return member;
  }

  /** The newest member of a topic. */
  member(topic: Topic): FakeTopicConsumer {
    const member = this.members.findLast((candidate) => candidate.topic === topic);
    if (member === undefined) throw new Error(`nobody consumes ${topic}`);
    return member;
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

interface OwnedPartition {
  readonly revoking: AbortController;
  inHand: Promise<void>;
}

/**
 * A group member: the test assigns, delivers, revokes and fails; what it is told is in `events`.
 */
export class FakeTopicConsumer implements TopicConsumer {
  readonly topic: Topic;
  /** What happened, in order: `joined`, `commit 0:5`, `left`, `closed`. */
  readonly events: string[] = [];
  /** What `isOwned` of the batches answers. */
  isOwned = true;
  partitions = 2;
  beforeCommit: (partition: Partition, nextOffset: Offset) => void | Promise<void> = () => {};
  #subscriber: TopicSubscriber | undefined;
  #fail: (error: Error) => void = () => {};
  readonly #leaving = new AbortController();
  readonly #owned = new Map<Partition, OwnedPartition>();

  constructor(topic: Topic) {
    this.topic = topic;
  }

  async run(subscriber: TopicSubscriber, options: { readonly signal: AbortSignal }): Promise<void> {
    this.#subscriber = subscriber;
    this.events.push('joined');
    try {
      await new Promise<void>((resolve, reject) => {
        this.#fail = reject;
        options.signal.addEventListener('abort', () => resolve(), { once: true });
      });
    } finally {
      this.#leaving.abort(new Error('leaving'));
      await Promise.allSettled([...this.#owned.values()].map(({ inHand }) => inHand));
      this.events.push('left');
    }
  }

  get subscriber(): TopicSubscriber {
    if (this.#subscriber === undefined) throw new Error('the member has not joined');
    return this.#subscriber;
  }

  fail(error: Error): void {
    this.#fail(error);
  }

  assign(partition: Partition): Promise<Offset | undefined> {
    this.#owned.set(partition, { revoking: new AbortController(), inHand: Promise.resolve() });
    return this.subscriber.assigned(partition, { partitions: this.partitions });
  }

  /** Delivers a batch; the next one for this partition must wait for the promise. */
  deliver(partition: Partition, records: readonly LogRecord[], next?: number): Promise<void> {
    const owned = this.#owned.get(partition);
    const last = records.at(-1);
    if (owned === undefined || last === undefined)
      throw new Error('nothing to deliver, or not ours');
    const nextOffset = next === undefined ? Offset.next(last.offset) : Offset.of(next);
    const batch = { partition, records, nextOffset, isOwned: () => this.isOwned };
    return this.#inHand(owned, (signal) => this.subscriber.records(batch, signal));
  }

  /** The log cannot give what comes next. */
  block(stretch: BlockedStretch): Promise<void> {
    const owned = this.#owned.get(stretch.partition);
    if (owned === undefined) throw new Error('not ours');
    return this.#inHand(owned, async (signal) => this.subscriber.blocked?.(stretch, signal));
  }

  #inHand(owned: OwnedPartition, start: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const work = start(AbortSignal.any([owned.revoking.signal, this.#leaving.signal]));
    owned.inHand = work.catch(() => {});
    work.catch((error: Error) => this.#fail(error));
    return work;
  }

  /** Delivers without waiting: the batch is meant to be held or slow. */
  send(partition: Partition, records: readonly LogRecord[]): void {
    this.deliver(partition, records).catch(() => {});
  }

  async revoke(partition: Partition): Promise<void> {
    const owned = this.#owned.get(partition);
    owned?.revoking.abort(new Error('revoked'));
    await owned?.inHand;
    await this.subscriber.revoked(partition);
    this.#owned.delete(partition);
  }

  /** Ends the batch in hand first, as a member does that learns of its expulsion. */
  async lose(partition: Partition): Promise<void> {
    const owned = this.#owned.get(partition);
    owned?.revoking.abort(new Error('lost'));
    await owned?.inHand;
    this.#owned.delete(partition);
    await this.subscriber.lost(partition);
  }

  async commit(partition: Partition, nextOffset: Offset): Promise<void> {
    await this.beforeCommit(partition, nextOffset);
    this.events.push(`commit ${partition}:${nextOffset}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.events.push('closed');
  }
}
