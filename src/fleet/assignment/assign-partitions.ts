import type { Topic } from '../../model/position.ts';
import type { FleetMember, PartitionOwner } from '../../ports/fleet-membership.ts';
import type { FleetClaim } from './fleet-claim.ts';

/** What is shared out, and among whom. */
export interface AssignmentInput {
  /** Of the members there are, in any order. */
  readonly claims: readonly FleetClaim[];
  /** The topics that are shared out: how many partitions each has. */
  readonly partitionCounts: ReadonlyMap<Topic, number>;
  /** No member came or went for the balance delay: partitions may move for balance. */
  readonly isCalm: boolean;
  /** Of the view that comes of it. */
  readonly generation: number;
}

/** How long the members have for what one step of balancing has moved, before the next one. */
export const balanceStepMs = 1_000;

/** Who gets what. */
export interface Assignment {
  /** By topic: the owner of each partition; the index is the partition. */
  readonly topics: ReadonlyMap<Topic, readonly PartitionOwner[]>;
  /** False: partitions are to move once it is calm. */
  readonly isBalanced: boolean;
}

/**
 * Shares out the partitions. Pure, and the same whatever the order of the claims.
 *
 * 1. A partition stays with the member that holds it and can host its topic. A member that stood
 *    still may claim what it has lost, so that the highest `heldSince` decides who holds it.
 * 2. A partition without such a holder goes to the least loaded member that can host it.
 * 3. Only when it is calm: while a partition can go to a member with at least two partitions less
 *    than its owner has, one goes from the most loaded to the least loaded. Each such move is
 *    needed by one of the two at least, so that no sequence of moves is shorter where all members
 *    host the same topics.
 * 4. A process that has just started recovers many times slower than later. So a member gets for
 *    balance at most as many partitions as it has, the first time one. The rest moves in the next
 *    steps, `balanceStepMs` apart.
 *
 * The new owner is to ask the holder. Where there is none, it asks the member that had the
 * partition last: the one that was to have it next has never learnt of that, or there was none.
 *
 * A newcomer to a group that is not calm thus gets what the next leaver gives up, and in a rolling
 * update each partition moves about once.
 */
export function assignPartitions(input: AssignmentInput): Assignment {
  const draft = new Draft(input);
  draft.keepAndPlace();
  if (input.isCalm) draft.balanceStep();
  return { topics: draft.owners(), isBalanced: draft.nextMove() === undefined };
}

/** A member while partitions are shared out. */
interface Host {
  readonly claim: FleetClaim;
  load: number;
  /** How many partitions it may still get for balance. */
  room: number;
  /** Partitions that it is to have, by topic, in the order in which it got them. */
  readonly given: Map<Topic, number[]>;
}

/** A topic, its hosts, and the holder of each of its partitions. */
interface SharedTopic {
  readonly topic: Topic;
  readonly hosts: readonly Host[];
  readonly holders: readonly (Host | undefined)[];
  /** Hosts that had a partition before, and may not have handed it over yet. */
  readonly leavers: readonly (Host | undefined)[];
  readonly owners: (Host | undefined)[];
}

/** One partition that is to move for balance. */
interface Move {
  readonly shared: SharedTopic;
  readonly from: Host;
  readonly to: Host;
  readonly difference: number;
}

class Draft {
  readonly #hosts: readonly Host[];
  readonly #topics: readonly SharedTopic[];
  readonly #generation: number;

  constructor({ claims, partitionCounts, generation }: AssignmentInput) {
    this.#generation = generation;
    this.#hosts = [...claims]
      .sort((a, b) => compare(a.member.id, b.member.id))
      .map((claim): Host => ({ claim, load: 0, room: 0, given: new Map() }));
    this.#topics = [...partitionCounts]
      .sort(([a], [b]) => compare(a, b))
      .map(([topic, count]) => ({
        topic,
        hosts: this.#hosts.filter(({ claim }) => claim.topics.includes(topic)),
        holders: claimantsOf(topic, count, this.#hosts, 'held'),
        leavers: claimantsOf(topic, count, this.#hosts, 'left'),
        owners: Array.from({ length: count }, () => undefined),
      }));
  }

  /** What has a holder that can host it comes first: the loads then count it. */
  keepAndPlace(): void {
    for (const shared of this.#topics) {
      for (const [partition, holder] of shared.holders.entries()) {
        if (holder !== undefined && shared.hosts.includes(holder)) give(shared, partition, holder);
      }
    }
    for (const shared of this.#topics) {
      for (const [partition, owner] of shared.owners.entries()) {
        const host = owner === undefined ? leastLoaded(shared) : undefined;
        if (host !== undefined) give(shared, partition, host);
      }
    }
  }

  /** Ends: each move takes room. */
  balanceStep(): void {
    for (const host of this.#hosts) host.room = Math.max(1, host.load);
    const hasRoom = ({ room }: Host): boolean => room > 0;
    for (let move = this.nextMove(hasRoom); move !== undefined; move = this.nextMove(hasRoom)) {
      const { shared, from, to } = move;
      const partition = from.given.get(shared.topic)?.pop();
      if (partition === undefined) return;
      from.load--;
      to.room--;
      give(shared, partition, to);
    }
  }

  /**
   * The move between the two hosts of a topic whose loads differ most, if they do by two.
   *
   * @param canTake a topic whose least loaded host cannot waits: a partition that went to another
   *   one instead would have to move on later
   */
  nextMove(canTake: (host: Host) => boolean = () => true): Move | undefined {
    let best: Move | undefined;
    for (const shared of this.#topics) {
      const to = leastLoaded(shared);
      const from = mostLoaded(shared);
      if (to === undefined || from === undefined || !canTake(to)) continue;
      const difference = from.load - to.load;
      if (difference >= 2 && isBetter({ shared, from, to, difference }, best)) {
        best = { shared, from, to, difference };
      }
    }
    return best;
  }

  owners(): ReadonlyMap<Topic, readonly PartitionOwner[]> {
    return new Map(
      this.#topics.map(({ topic, owners, holders, leavers }) => [
        topic,
        owners.map((owner, partition) =>
          ownerOf(owner, holders[partition], leavers[partition], this.#generation),
        ),
      ]),
    );
  }
}

/** Of each partition the host that names it; of several the one that knows the latest view. */
function claimantsOf(
  topic: Topic,
  count: number,
  hosts: readonly Host[],
  as: 'held' | 'left',
): (Host | undefined)[] {
  const claimants: (Host | undefined)[] = Array.from({ length: count }, () => undefined);
  for (const host of hosts) {
    for (const partition of host.claim[as].get(topic) ?? []) {
      if (partition >= count) continue;
      const other = claimants[partition];
      if (other === undefined || host.claim.heldSince > other.claim.heldSince) {
        claimants[partition] = host;
      }
    }
  }
  return claimants;
}

function give({ topic, owners }: SharedTopic, partition: number, host: Host): void {
  owners[partition] = host;
  host.load++;
  const given = host.given.get(topic);
  if (given === undefined) host.given.set(topic, [partition]);
  else given.push(partition);
}

const countOf = (host: Host, topic: Topic): number => host.given.get(topic)?.length ?? 0;

/** Of equal loads the one with the fewest partitions of the topic: topics differ in traffic. */
function leastLoaded({ topic, hosts }: SharedTopic): Host | undefined {
  let least: Host | undefined;
  for (const host of hosts) {
    const order =
      least === undefined
        ? -1
        : host.load - least.load || countOf(host, topic) - countOf(least, topic);
    if (order < 0) least = host;
  }
  return least;
}

/** Of the hosts that have a partition of the topic to give. */
function mostLoaded({ topic, hosts }: SharedTopic): Host | undefined {
  let most: Host | undefined;
  for (const host of hosts) {
    if (countOf(host, topic) === 0) continue;
    const order =
      most === undefined ? 1 : host.load - most.load || countOf(host, topic) - countOf(most, topic);
    if (order > 0) most = host;
  }
  return most;
}

/** Of equal differences the topic of which the giver has most more than the receiver. */
function isBetter(move: Move, best: Move | undefined): boolean {
  if (best === undefined) return true;
  if (move.difference !== best.difference) return move.difference > best.difference;
  return excessOf(move) > excessOf(best);
}

const excessOf = ({ shared: { topic }, from, to }: Move): number =>
  countOf(from, topic) - countOf(to, topic);

function ownerOf(
  owner: Host | undefined,
  holder: Host | undefined,
  leaver: Host | undefined,
  generation: number,
): PartitionOwner {
  const memberOf = (host: Host | undefined): FleetMember | undefined => host?.claim.member;
  const hasMoved = owner !== undefined && holder !== owner;
  const former = holder ?? (leaver === owner ? undefined : leaver);
  return {
    owner: memberOf(owner),
    formerOwner: hasMoved ? memberOf(former) : undefined,
    since: hasMoved ? generation : 0,
  };
}

/** By code units: the same on every machine, whatever its language. */
function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
