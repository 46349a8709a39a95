import { assignPartitions, balanceStepMs } from '../../../fleet/assignment/assign-partitions.ts';
import type { FleetClaim } from '../../../fleet/assignment/fleet-claim.ts';
import { ownedBy, type Partitions } from '../../../fleet/assignment/own-partitions.ts';
import type { Topic } from '../../../model/position.ts';
import type { FleetMember, FleetView, PartitionOwner } from '../../../ports/fleet-membership.ts';
import type { MemberRow, ViewRow } from './fleet-rows.ts';

/** From what the partitions are shared out. */
export interface ShareOut {
  /** Those that live, by id. */
  readonly members: readonly MemberRow[];
  /** Of the topics that they can host. */
  readonly partitionCounts: ReadonlyMap<Topic, number>;
  /** What was shared out last. */
  readonly last: ViewRow | undefined;
  readonly balanceDelayMs: number;
  readonly nowMs: number;
}

/**
 * Shares the partitions out anew if members, topics or partitions are others than at the last time,
 * or if it is calm and partitions are to move for balance; `undefined` = all stays as it is.
 */
export function shareOut(input: ShareOut): ViewRow | undefined {
  const { members, partitionCounts, last, balanceDelayMs, nowMs } = input;
  const ofMembers = members.map(({ member, topics }) => [member.id, member.address, topics]);
  const ofTopics = Object.fromEntries(partitionCounts);
  const basis = JSON.stringify({ members: ofMembers, partitions: ofTopics });
  const hasNewMembers = last === undefined || !areSame(last.view.members, members);
  const changed = hasNewMembers ? nowMs : last.changed;
  // The wall clock may have been set back: then the delay counts again from there.
  const isCalm = Math.abs(nowMs - changed) >= balanceDelayMs;
  if (last?.basis === basis && (last.isBalanced || !isCalm)) return undefined;
  const claims = members.map(({ member, topics }) => ({ member, topics, ...heldBy(member, last) }));
  const generation = (last?.view.generation ?? 0) + 1;
  const assignment = assignPartitions({ claims, partitionCounts, isCalm, generation });
  const { isBalanced } = assignment;
  const nextStepFrom = nowMs - Math.max(0, balanceDelayMs - balanceStepMs);
  const view = {
    generation,
    members: members.map(({ member }) => member),
    topics: withTakeOvers(assignment.topics, last?.view, members),
  };
  return { view, basis, isBalanced, changed: isCalm && !isBalanced ? nextStepFrom : changed };
}

function areSame(before: readonly FleetMember[], now: readonly MemberRow[]): boolean {
  return (
    before.length === now.length && before.every(({ id }, index) => id === now[index]?.member.id)
  );
}

/** All members agree on what was shared out last, also those that have not read it yet. */
function heldBy(
  { id }: FleetMember,
  last: ViewRow | undefined,
): Pick<FleetClaim, 'held' | 'left' | 'heldSince'> {
  const held = ownedBy(id, last?.view);
  // Not needed: from the last view `withTakeOvers` knows whom the new owner has to ask.
  const left: Partitions = new Map();
  return { held, left, heldSince: held.size === 0 ? 0 : (last?.view.generation ?? 0) };
}

/**
 * An owner that stays an owner keeps its former owner as long as that one is a member: it may not
 * have read the view before, in which it was to ask that one to let go. `since` says that this is
 * no other take-over.
 */
function withTakeOvers(
  topics: ReadonlyMap<Topic, readonly PartitionOwner[]>,
  last: FleetView | undefined,
  members: readonly MemberRow[],
): FleetView['topics'] {
  const living = new Map(members.map(({ member }) => [member.id, member]));
  const next = new Map<Topic, readonly PartitionOwner[]>();
  for (const [topic, owners] of topics) {
    const before = last?.topics.get(topic);
    const kept = owners.map((share, partition): PartitionOwner => {
      const { owner } = share;
      const then = before?.[partition];
      const isKept = owner !== undefined && then?.owner?.id === owner.id;
      const { formerOwner, since } = isKept ? then : share;
      return { owner, formerOwner: formerOwner && living.get(formerOwner.id), since };
    });
    next.set(topic, kept);
  }
  return next;
}
