import type { Topic } from '../../model/position.ts';
import type { FleetMember } from '../../ports/fleet-membership.ts';
import type { Partitions } from './own-partitions.ts';

/** What a member says of itself when the partitions are shared out. */
export interface FleetClaim {
  readonly member: FleetMember;
  /** The topics whose entities it can host. */
  readonly topics: readonly Topic[];
  /** What it has at the moment. */
  readonly held: Partitions;
  /** What it had before, and may not have handed over yet. */
  readonly left: Partitions;
  /**
   * The latest generation that it knows, of which it has that; 0 = it knows none. Where two members
   * claim one partition, the higher generation is right: the other one has not heard of its loss.
   */
  readonly heldSince: number;
}
