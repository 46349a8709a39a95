import {
  type Assignment,
  assignPartitions,
} from '../../../src/fleet/assignment/assign-partitions.ts';
import type { FleetClaim } from '../../../src/fleet/assignment/fleet-claim.ts';
import type { Partition, Topic } from '../../../src/model/position.ts';
import type { FleetMember, PartitionOwner } from '../../../src/ports/fleet-membership.ts';

/** The claim of a member that is reached at a port of its own. */
export function claimOf(
  id: string,
  topics: readonly Topic[],
  claimed: Partial<Pick<FleetClaim, 'held' | 'left' | 'heldSince'>> = {},
): FleetClaim {
  const nothing = { held: new Map(), left: new Map(), heldSince: 0 };
  return { member: { id, address: `http://${id}:1` }, topics, ...nothing, ...claimed };
}

/** One partition, and its owner. */
export interface OwnedPlace extends PartitionOwner {
  readonly topic: Topic;
  readonly partition: Partition;
}

/** All partitions of an assignment, or a view. */
export function placesOf({ topics }: Pick<Assignment, 'topics'>): OwnedPlace[] {
  return [...topics].flatMap(([topic, owners]) =>
    owners.map((owner, partition) => ({ topic, partition: partition as Partition, ...owner })),
  );
}

/** Members that share partitions, without any network: each change shares out at once. */
export class Group {
  readonly #counts: ReadonlyMap<Topic, number>;
  readonly #hosted = new Map<string, readonly Topic[]>();
  readonly #members = new Map<string, FleetMember>();
  #owners: readonly OwnedPlace[] = [];
  #generation = 0;
  /** Partitions that have got another owner, in all. */
  moves = 0;

  constructor(counts: ReadonlyMap<Topic, number>) {
    this.#counts = counts;
  }

  host(id: string, topics: readonly Topic[]): void {
    this.#hosted.set(id, topics);
    this.#share({ isCalm: false });
  }

  /** Quietly: it hands over everything first. */
  leave(id: string): void {
    this.host(id, []);
    this.#hosted.delete(id);
    this.#share({ isCalm: false });
  }

  /** It is calm for as long as anything is to move. */
  balance(): void {
    while (!this.#share({ isCalm: true }).isBalanced);
  }

  #share({ isCalm }: { readonly isCalm: boolean }): Assignment {
    const claims = [...this.#hosted].map(([id, topics]) => {
      const own = this.#owners.filter(({ owner }) => owner?.id === id);
      const byTopic = Map.groupBy(own, ({ topic }) => topic);
      const held = new Map(
        [...byTopic].map(([topic, places]) => [topic, places.map(({ partition }) => partition)]),
      );
      const claim = claimOf(id, topics, { held, heldSince: this.#generation });
      const member = this.#members.get(id) ?? claim.member;
      this.#members.set(id, member);
      return { ...claim, member };
    });
    const generation = ++this.#generation;
    const shared = assignPartitions({ claims, partitionCounts: this.#counts, isCalm, generation });
    const owners = placesOf(shared);
    this.moves += owners.filter(({ formerOwner }) => formerOwner !== undefined).length;
    this.#owners = owners;
    return shared;
  }

  /** How many partitions the member with most has more than the one with fewest. */
  spread(): number {
    const loads = [...this.#hosted.keys()].map(
      (id) => this.#owners.filter(({ owner }) => owner?.id === id).length,
    );
    return Math.max(...loads) - Math.min(...loads);
  }
}
