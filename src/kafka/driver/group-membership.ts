import type { KafkaSettings } from '../../config/settings/kafka-settings.ts';
import { ClosedError } from '../../model/errors.ts';
import {
  type BeatingMember,
  locateCoordinator,
  registerMember,
  sendBesideJoins,
} from './group-requests.ts';
import type { KafkaClient } from './kafka-client.ts';
import {
  ConsumerGroup,
  type DriverAssigner,
  type DriverBroker,
  type DriverCluster,
  type DriverConsumerGroup,
  leaveGroupRequest,
  roundRobin,
} from './kafkajs.ts';

const metadataMaxAgeMs = 300_000;
/**
 * kafkajs sends no heartbeat before the time of day that it noted at the last one, plus this. With
 * 0, a clock that was set back would let it say that all is well, and send nothing.
 */
const atOnce = Number.NEGATIVE_INFINITY;

/** What a membership works on. */
export interface MembershipDeps {
  readonly client: KafkaClient;
  readonly cluster: DriverCluster;
  readonly settings: KafkaSettings;
  readonly groupId: string;
  readonly topic: string;
}

/**
 * One member of a group, made of kafkajs's join, heartbeat, commit and leave. Its consumer loop is
 * not used: it joins again without waiting for the work in hand, fetches nothing while one
 * partition is busy, and jumps silently when an offset is out of range (ADR 6).
 *
 * The member id outlives failed joins. kafkajs forgets the id of a join whose connection is reset
 * and joins under another one; the group then waits for the first member, which never comes.
 */
export class GroupMembership implements BeatingMember {
  readonly #deps: MembershipDeps;
  readonly #group: DriverConsumerGroup;
  readonly #assigner: DriverAssigner;
  #joining: Promise<unknown> | undefined;
  #left = false;

  constructor(deps: MembershipDeps) {
    const { client, cluster, settings, groupId, topic } = deps;
    const { consumer } = settings;
    this.#deps = deps;
    this.#assigner = roundRobin({ cluster });
    this.#group = new ConsumerGroup({
      // A second try goes on with a new member id: ours are made with the old one.
      retry: { retries: 0 },
      logger: client.kafka.logger(),
      cluster,
      groupId,
      topics: [topic],
      topicConfigurations: { [topic]: { fromBeginning: true } },
      instrumentationEmitter: { emit: () => undefined },
      assigners: [this.#assigner],
      sessionTimeout: consumer.sessionTimeoutMs,
      rebalanceTimeout: consumer.maxPollIntervalMs,
      autoCommit: false,
      isolationLevel: 0,
      rackId: '',
      metadataMaxAge: metadataMaxAgeMs,
    });
  }

  /**
   * Joins, again after each rebalance; answers the partitions that are ours, ascending. One try:
   * after a failure the next one goes on as the same member, unless the group does not know it.
   *
   * @throws driver errors as they are
   * @throws {ClosedError} the member has left
   */
  join(): Promise<number[]> {
    const joining = this.#join();
    const settled = joining
      .catch(() => undefined)
      .then(() => {
        if (this.#joining === settled) this.#joining = undefined;
      });
    this.#joining = settled;
    return joining;
  }

  async #join(): Promise<number[]> {
    const { topic } = this.#deps;
    const coordinator = await this.locate();
    this.#group.memberId ||= await this.#register(coordinator);
    if (this.#left) throw new ClosedError('the member has left its group');
    await this.#group.joinAndSync();
    const own = this.#group.assigned().find((assignment) => assignment.topic === topic);
    return [...(own?.partitions ?? [])].sort((a, b) => a - b);
  }

  /**
   * Finds the broker that coordinates the group now.
   *
   * @throws driver errors as they are
   */
  async locate(): Promise<DriverBroker> {
    const { cluster, groupId } = this.#deps;
    const coordinator = await locateCoordinator(cluster, groupId);
    this.#group.coordinator = coordinator;
    return coordinator;
  }

  #register(coordinator: DriverBroker): Promise<string> {
    const { groupId, settings, topic } = this.#deps;
    return registerMember(coordinator, {
      groupId,
      sessionTimeout: settings.consumer.sessionTimeoutMs,
      rebalanceTimeout: settings.consumer.maxPollIntervalMs,
      groupProtocols: [this.#assigner.protocol({ topics: [topic] })],
    });
  }

  /**
   * Sends one heartbeat now.
   *
   * @throws driver errors as they are: Kafka's answer, as that the group rebalances, or no answer
   */
  heartbeat(): Promise<void> {
    return this.#group.heartbeat({ interval: atOnce });
  }

  /**
   * Stores offsets in the group.
   *
   * @param offsets next wanted offset by partition
   * @throws driver errors as they are; when no answer came, the offsets may be stored all the same
   */
  commit(offsets: ReadonlyMap<number, number>): Promise<void> {
    const { topic, settings } = this.#deps;
    const partitions = [...offsets].map(([partition, offset]) => ({
      partition,
      offset: String(offset),
      metadata: settings.clientId,
    }));
    return this.#group.commitOffsets({ topics: [{ topic, partitions }] });
  }

  /**
   * Final. A join under way ends at once, and the group does not wait for this member.
   *
   * @throws driver errors as they are; the group then expels the member after its session timeout
   */
  async leave(): Promise<void> {
    this.#left = true;
    const { coordinator, memberId } = this.#group;
    if (this.#joining !== undefined && coordinator !== null && memberId) {
      // That ends the join.
      const leaving = leaveGroupRequest({ groupId: this.#deps.groupId, memberId });
      try {
        await sendBesideJoins(coordinator, leaving);
      } catch {
        // The join ends with its connection, or at its deadline.
      }
    }
    await this.#joining;
    await this.#group.leave();
  }
}
