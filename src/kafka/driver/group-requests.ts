import {
  type DriverBroker,
  type DriverCluster,
  type DriverRequest,
  joinGroupRequest,
} from './kafkajs.ts';

const groupCoordinator = 0;
const memberIdRequired = 'KafkaJSMemberIdRequired';
/** kafkajs's two connections to a broker: joining occupies the first. */
const firstConnection = 0;
const secondConnection = 1;

/** What a member asks for when it joins. */
export interface JoinFields {
  readonly groupId: string;
  /** ms without a heartbeat after which the member is expelled. */
  readonly sessionTimeout: number;
  /** ms for which the group waits for its members to join again. */
  readonly rebalanceTimeout: number;
  readonly groupProtocols: readonly unknown[];
}

/** The member of a group whose heartbeats are sent. */
export interface BeatingMember {
  /**
   * Sends one heartbeat now.
   *
   * @throws driver errors as they are: Kafka's answer, or that none came
   */
  heartbeat(): Promise<void>;
  /**
   * Looks for the coordinator of the group.
   *
   * @throws driver errors as they are
   */
  locate(): Promise<unknown>;
}

/** A join of the member of that id; `''` = none yet. */
export function joinRequest(fields: JoinFields, memberId: string): DriverRequest {
  const request = joinGroupRequest({ ...fields, memberId, protocolType: 'consumer' });
  return { ...request, logResponseError: false };
}

/**
 * Finds the broker that coordinates a group now.
 *
 * @throws driver errors as they are
 */
export async function locateCoordinator(
  cluster: DriverCluster,
  groupId: string,
): Promise<DriverBroker> {
  // kafkajs hides why it finds no coordinator; asked directly, the broker says that a right is
  // missing.
  const broker = await cluster.brokerPool.findConnectedBroker();
  await broker.findGroupCoordinator({ groupId, coordinatorType: groupCoordinator });
  return await cluster.findGroupCoordinator({ groupId });
}

/**
 * The coordinator gives out a member id before it lets anybody join (KIP-394). So the id is known
 * whatever becomes of the join: the next try goes on as the same member.
 *
 * @throws driver errors as they are
 */
export async function registerMember(
  coordinator: DriverBroker,
  fields: JoinFields,
): Promise<string> {
  try {
    const answer = await coordinator.connectionPool.send(joinRequest(fields, ''));
    return (answer as { memberId: string }).memberId;
  } catch (error) {
    const { name, memberId } = error as { name: string; memberId?: string };
    if (name !== memberIdRequired || memberId === undefined) throw error;
    return memberId;
  }
}

/**
 * Asks over another connection than joins do: a broker reads nothing from a connection that waits
 * for the answer to a join.
 *
 * @throws driver errors as they are
 */
export async function sendBesideJoins(
  coordinator: DriverBroker,
  request: DriverRequest,
): Promise<unknown> {
  const connection = await coordinator.connectionPool.getConnection(secondConnection);
  return await connection.send(request);
}

/**
 * Ends a join under way, with the connection that waits for its answer.
 *
 * @throws driver errors as they are
 */
export async function breakJoin(coordinator: DriverBroker): Promise<void> {
  const { socket } = await coordinator.connectionPool.getConnection(firstConnection);
  socket?.destroy(new Error('the member was lost while it joined'));
}
