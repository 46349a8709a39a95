import type { Partition, Topic } from '../../model/position.ts';
import type { FleetMember } from '../../ports/fleet-membership.ts';

/** What a member says of itself when the partitions are shared out. */
export interface FleetClaim {
  readonly member: FleetMember;
  /** The topics whose entities it can host. */
  readonly topics: readonly Topic[];
  /** What it has at the moment, by topic. */
  readonly held: ReadonlyMap<Topic, readonly Partition[]>;
  /**
   * The latest generation that it knows, of which it has that; 0 = it knows none. Where two members
   * claim one partition, the higher generation is right: the other one has not heard of its loss.
   */
  readonly heldSince: number;
}
