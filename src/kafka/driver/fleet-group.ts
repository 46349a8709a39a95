import { ClosedError } from '../../model/errors.ts';
import {
  type BeatingMember,
  breakJoin,
  type JoinFields,
  joinRequest,
  locateCoordinator,
  registerMember,
  sendBesideJoins,
} from './group-requests.ts';
import {
  type DriverBroker,
  type DriverCluster,
  describeGroupsRequest,
  heartbeatRequest,
  leaveGroupRequest,
  MemberAssignment,
  MemberMetadata,
  syncGroupRequest,
} from './kafkajs.ts';

/** Ours alone: members of other kinds are refused by the coordinator. */
export const fleetProtocol = 'kafka-journal-fleet';
/** How much longer than the members the coordinator may take. */
const networkMarginMs = 5_000;

/**
 * How long the group waits for its members to join again. They do as soon as they hear of it; one
 * that stands still is expelled when its session ends, well before this. Were this as short as the
 * session, the leases of those that wait for it would end, too.
 */
export function rebalanceTimeoutMsOf(sessionTimeoutMs: number): number {
  return sessionTimeoutMs * 2;
}

/** The group, and when a silent member is expelled. */
export interface FleetGroupOptions {
  readonly cluster: DriverCluster;
  readonly groupId: string;
  readonly sessionTimeoutMs: number;
}

/** A generation of the group as one member got it. */
export interface SharedGeneration {
  readonly generation: number;
  /** What the member that shares out gave to all. */
  readonly text: string;
}

/** A member as the one that shares out sees it. */
export interface JoinedMember {
  readonly memberId: string;
  /** What it says of itself; empty when that cannot be read. */
  readonly claim: string;
}

/** Shares out, on one of the members of a generation. Resolves with what all of them get. */
export type Share = (generation: number, members: readonly JoinedMember[]) => Promise<string>;

interface JoinAnswer {
  readonly generationId: number;
  readonly leaderId: string;
  readonly memberId: string;
  readonly members: readonly { readonly memberId: string; readonly memberMetadata: Buffer }[];
}

interface SyncAnswer {
  readonly memberAssignment: Buffer;
}

/**
 * One member of a fleet's group: join, sync, heartbeat and leave, as the caller orders them. Joins
 * and syncs go over one connection, heartbeats over another one, so that they go on while a join
 * waits for the other members.
 */
export class FleetGroup implements BeatingMember {
  readonly #options: FleetGroupOptions;
  #coordinator: DriverBroker | undefined;
  #memberId = '';
  /** The last one whose join was answered. */
  #joinedGeneration = -1;
  /** The last one whose share was answered. */
  #generation = -1;
  /** A later one that this member shares out, and of which nobody has got a share; -1 = none. */
  #unsharedGeneration = -1;
  #isJoining = false;
  #hasLeft = false;
  /** The generation of which a heartbeat was told that the group shares out anew. */
  #restlessGeneration = -1;

  constructor(options: FleetGroupOptions) {
    this.#options = options;
  }

  /** The last generation of which this member got its share. */
  get generation(): number {
    return this.#generation;
  }

  /** Whether the group shares out anew, or has another coordinator: join again. */
  get isRestless(): boolean {
    return this.#restlessGeneration === this.#generation;
  }

  /**
   * Finds the coordinator and gets a member id, which the coordinator gives out without waiting for
   * other members.
   *
   * @throws driver errors as they are, as that a right is missing
   */
  async register(claim: string): Promise<DriverBroker> {
    const coordinator = await this.#locate();
    this.#memberId ||= await registerMember(coordinator, this.#fields(claim));
    return coordinator;
  }

  /**
   * Joins, or joins again, with what the member says of itself, and gets its share; waits for the
   * other members. One try: after a failure the next one goes on as the same member, unless
   * `forget` was called.
   *
   * @throws driver errors as they are, and what `share` fails with
   * @throws {ClosedError} the member has left
   */
  async join(claim: string, share: Share): Promise<SharedGeneration> {
    const coordinator = await this.register(claim);
    if (this.#hasLeft) throw new ClosedError('the member has left its group');
    this.#isJoining = true;
    try {
      const request = joinRequest(this.#fields(claim), this.#memberId);
      const joined = (await coordinator.connectionPool.send(request)) as JoinAnswer;
      const generation = joined.generationId;
      this.#joinedGeneration = generation;
      const { memberAssignment } = await this.#sync(coordinator, joined, share);
      this.#generation = generation;
      return { generation, text: givenText(memberAssignment) };
    } finally {
      this.#isJoining = false;
    }
  }

  async #sync(coordinator: DriverBroker, joined: JoinAnswer, share: Share): Promise<SyncAnswer> {
    const { groupId, sessionTimeoutMs } = this.#options;
    const { generationId, memberId, leaderId } = joined;
    const isLeader = leaderId === memberId;
    if (isLeader) this.#unsharedGeneration = generationId;
    const groupAssignment = isLeader ? await assignmentsOf(joined, share) : [];
    this.#unsharedGeneration = -1;
    const request = syncGroupRequest({ groupId, generationId, memberId, groupAssignment });
    const requestTimeout = rebalanceTimeoutMsOf(sessionTimeoutMs) + networkMarginMs;
    try {
      const sync = { ...request, requestTimeout, logResponseError: false };
      return (await coordinator.connectionPool.send(sync)) as SyncAnswer;
    } catch (error) {
      // The group has begun anew before it was shared out, and gives no share of it any more.
      const { type } = error as { type?: string };
      if (isLeader && type === 'REBALANCE_IN_PROGRESS') this.#unsharedGeneration = generationId;
      throw error;
    }
  }

  /**
   * The member was lost. A join under way may wait for the answer of a coordinator that is gone,
   * and for twice the session: it fails at once, so that the next one looks for the coordinator.
   * Never rejects.
   */
  async abandonJoin(): Promise<void> {
    if (!this.#isJoining || this.#coordinator === undefined) return;
    await breakJoin(this.#coordinator).catch(() => undefined); // it has failed already
  }

  /** The group does not know this member any more: the next join is that of a new one. */
  forget(): void {
    this.#memberId = '';
  }

  /**
   * Sends one heartbeat of the last generation of which this member got its share, or of a later
   * one that it has joined and of which nobody has got one: what it has is its own under both.
   *
   * @throws driver errors as they are
   */
  async heartbeat(): Promise<void> {
    const generation = this.#generation;
    const { groupId, sessionTimeoutMs: requestTimeout } = this.#options;
    const [coordinator, memberId] = [this.#coordinator, this.#memberId];
    if (coordinator === undefined) throw new Error('the coordinator is not known');
    // The group refuses the generation before. A member that shares out may have to wait for one
    // that stands still, for as long as its own session lasts; it would be lost with that one.
    const groupGenerationId = Math.max(generation, this.#unsharedGeneration);
    const request = heartbeatRequest({ groupId, groupGenerationId, memberId });
    try {
      await sendBesideJoins(coordinator, { ...request, requestTimeout, logResponseError: false });
    } catch (error) {
      const { type } = error as { type?: string };
      // All have joined the next generation, and so has this member: only the answer to its join,
      // or its share, is still on its way. It is not expelled; nor does it know what it has.
      const isOvertaken = this.#isJoining || this.#joinedGeneration > generation;
      if (type === 'ILLEGAL_GENERATION' && isOvertaken) {
        throw new Error('the group has gone on to the generation that this member joins');
      }
      if (type !== undefined) this.#restlessGeneration = generation;
      throw error;
    }
  }

  /**
   * Looks for the coordinator, unless a join is under way: the question would wait for its answer.
   *
   * @throws driver errors as they are
   */
  async locate(): Promise<void> {
    if (!this.#isJoining) await this.#locate();
  }

  /**
   * Final. A join under way ends at once, and the group does not wait for this member.
   *
   * @throws driver errors as they are; the group then expels the member after its session timeout
   */
  async leave(): Promise<void> {
    this.#hasLeft = true;
    const [coordinator, memberId] = [this.#coordinator, this.#memberId];
    if (coordinator === undefined || memberId === '') return;
    const { groupId } = this.#options;
    const request = leaveGroupRequest({ groupId, memberId });
    await sendBesideJoins(coordinator, { ...request, logResponseError: false });
  }

  async #locate(): Promise<DriverBroker> {
    const { cluster, groupId } = this.#options;
    this.#coordinator = await locateCoordinator(cluster, groupId);
    return this.#coordinator;
  }

  #fields(claim: string): JoinFields {
    const { groupId, sessionTimeoutMs } = this.#options;
    return {
      groupId,
      sessionTimeout: sessionTimeoutMs,
      rebalanceTimeout: rebalanceTimeoutMsOf(sessionTimeoutMs),
      groupProtocols: [{ name: fleetProtocol, metadata: metadataOf(claim) }],
    };
  }
}

/** A group as its coordinator describes it. */
export interface DescribedGroup {
  /** `Empty`, `Dead`, `Stable`; else it is being shared out. */
  readonly state: string;
  readonly protocol: string;
  readonly members: readonly {
    readonly memberMetadata: Buffer;
    readonly memberAssignment: Buffer;
  }[];
}

/**
 * Asks for a group from outside.
 *
 * @throws driver errors as they are
 */
export async function describeGroup(
  cluster: DriverCluster,
  groupId: string,
): Promise<DescribedGroup> {
  const coordinator = await locateCoordinator(cluster, groupId);
  const request = describeGroupsRequest({ groupIds: [groupId] });
  const answer = await coordinator.connectionPool.send(request);
  const [group] = (answer as { readonly groups: readonly DescribedGroup[] }).groups;
  if (group === undefined) throw new Error(`the coordinator described no group ${groupId}`);
  return group;
}

const protocolVersion = 1;

/**
 * A broker reads the metadata of every group of consumers. Bytes of another form make it fail in
 * the middle of a join, which it then never answers. So the claim is the user data of a
 * subscription to nothing.
 */
function metadataOf(claim: string): Buffer {
  return MemberMetadata.encode({
    version: protocolVersion,
    topics: [],
    userData: Buffer.from(claim),
  });
}

async function assignmentsOf(
  { generationId, members }: JoinAnswer,
  share: Share,
): Promise<readonly { readonly memberId: string; readonly memberAssignment: Buffer }[]> {
  const joined = members.map(({ memberId, memberMetadata }) => ({
    memberId,
    claim: claimedText(memberMetadata),
  }));
  const userData = Buffer.from(await share(generationId, joined));
  const memberAssignment = MemberAssignment.encode({
    version: protocolVersion,
    assignment: {},
    userData,
  });
  return members.map(({ memberId }) => ({ memberId, memberAssignment }));
}

/** The claim in a member's metadata; empty when there is none. */
export function claimedText(memberMetadata: Buffer): string {
  return userDataOf(() => MemberMetadata.decode(memberMetadata));
}

/** The text in a member's assignment; empty when there is none. */
export function givenText(memberAssignment: Buffer): string {
  return userDataOf(() => MemberAssignment.decode(memberAssignment));
}

function userDataOf(decode: () => { readonly userData: Buffer } | null): string {
  try {
    return decode()?.userData?.toString() ?? '';
  } catch {
    // Bytes of another form. Whoever reads the text says so, with the place.
    return '';
  }
}
