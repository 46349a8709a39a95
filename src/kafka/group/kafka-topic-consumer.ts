import { ClosedError, InvalidInputError } from '../../model/errors.ts';
import { type Offset, Partition, type Topic } from '../../model/position.ts';
import type {
  SubscriptionOptions,
  TopicConsumer,
  TopicSubscriber,
} from '../../ports/topic-consumer.ts';
import { unlessAborted, within } from '../../runtime/waiting.ts';
import { GroupMembership } from '../driver/group-membership.ts';
import { protocolErrorOf } from '../driver-errors.ts';
import type { LogCluster } from '../log-cluster.ts';
import { joinGroup } from './group-joining.ts';
import { GroupSession, type SessionEnd } from './group-session.ts';

const leaveLimitMs = 2_000;

/**
 * One member of group `<groupId>-<topic>`: joins, works through sessions until it is stopped,
 * leaves.
 */
export class KafkaTopicConsumer implements TopicConsumer {
  readonly #cluster: LogCluster;
  readonly #topic: Topic;
  readonly #groupId: string;
  readonly #onClosed: () => void;
  readonly #closing = new AbortController();
  readonly #commits = new Map<number, number>();
  #committing: Promise<void> | undefined;
  #membership: GroupMembership | undefined;
  #session: GroupSession | undefined;
  #running: Promise<void> | undefined;

  constructor(cluster: LogCluster, topic: Topic, onClosed: () => void) {
    this.#cluster = cluster;
    this.#topic = topic;
    this.#groupId = `${cluster.settings.consumer.groupId}-${topic}`;
    this.#onClosed = onClosed;
  }

  run(subscriber: TopicSubscriber, { signal }: SubscriptionOptions): Promise<void> {
    if (this.#closing.signal.aborted)
      return Promise.reject(new ClosedError('the member is closed'));
    if (this.#running !== undefined) {
      return Promise.reject(new InvalidInputError('run() was called before: open another member'));
    }
    const running = this.#run(subscriber, AbortSignal.any([signal, this.#closing.signal]));
    this.#running = running.catch(() => undefined);
    return running;
  }

  async #run(subscriber: TopicSubscriber, signal: AbortSignal): Promise<void> {
    let end: SessionEnd = { type: 'stopped' };
    try {
      while (!signal.aborted) {
        const partitions = await this.#join(signal);
        if (partitions === undefined) return;
        end = await this.#attend(subscriber, partitions, signal);
        if (end.type === 'stopped' || end.type === 'failed') break;
      }
    } finally {
      const { clock, log } = this.#cluster.deps;
      const leaving = (this.#membership?.leave() ?? Promise.resolve()).catch((err: unknown) => {
        log.debug({ group: this.#groupId, err }, 'leaving the consumer group failed');
      });
      await within(leaving, leaveLimitMs, clock);
    }
    if (end.type !== 'failed') return;
    const { error } = end;
    if (protocolErrorOf(error) === undefined) throw error;
    const [topic, group] = [this.#topic, this.#groupId];
    throw this.#cluster.errorOf(error, { topic, group, right: 'READ' });
  }

  /** One session: from a join until the partitions are given back, with the reason. */
  async #attend(
    subscriber: TopicSubscriber,
    partitions: readonly Partition[],
    signal: AbortSignal,
  ): Promise<SessionEnd> {
    const { log } = this.#cluster.deps;
    const [topic, group] = [this.#topic, this.#groupId];
    const deps = { cluster: this.#cluster, membership: this.#member(), subscriber };
    log.info({ topic, group, partitions }, 'joined the consumer group');
    this.#session = new GroupSession(deps, topic, partitions);
    const end = await this.#session.run(signal);
    this.#commits.clear();
    await this.#committing;
    this.#session = undefined;
    log.info({ topic, group, partitions, reason: end.type }, 'gave the partitions back');
    return end;
  }

  #member(): GroupMembership {
    const { client, driver, settings } = this.#cluster;
    const [groupId, topic] = [this.#groupId, this.#topic];
    this.#membership ??= new GroupMembership({ client, cluster: driver, settings, groupId, topic });
    return this.#membership;
  }

  /** `undefined` when the signal fired first: joining may take as long as the slowest member. */
  async #join(signal: AbortSignal): Promise<readonly Partition[] | undefined> {
    const place = { topic: this.#topic, group: this.#groupId, right: 'READ' } as const;
    const joining = joinGroup(this.#cluster, this.#member(), { place, signal });
    try {
      return (await unlessAborted(joining, signal)).map((number) => Partition.of(number));
    } catch (error) {
      if (signal.aborted) return undefined;
      throw error;
    }
  }

  commit(partition: Partition, nextOffset: Offset): Promise<void> {
    if (!this.#session?.isMember) return Promise.resolve();
    this.#commits.set(partition, nextOffset);
    this.#committing ??= this.#flush();
    return this.#committing;
  }

  /**
   * One commit request at a time, of all that has come meanwhile. Never rejects: the replicated
   * offset holds without the group's.
   */
  async #flush(): Promise<void> {
    while (this.#commits.size > 0) {
      const offsets = new Map(this.#commits);
      this.#commits.clear();
      try {
        await this.#membership?.commit(offsets);
      } catch (error) {
        const fields = { topic: this.#topic, group: this.#groupId, err: error };
        const quiet = protocolErrorOf(error) === 'REBALANCE_IN_PROGRESS';
        const text = 'the group offset was not committed; the replicated offset holds';
        this.#cluster.deps.log[quiet ? 'debug' : 'warn'](fields, text);
      }
    }
    this.#committing = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new ClosedError('the member is closed'));
    await this.#running;
    await this.#cluster[Symbol.asyncDispose]();
    this.#onClosed();
  }
}
