import { SharedRun } from '../../runtime/shared-run.ts';
import { unlessAborted, within } from '../../runtime/waiting.ts';
import type { BeatingMember } from '../driver/group-requests.ts';
import { protocolErrorOf } from '../driver-errors.ts';
import type { LogCluster } from '../log-cluster.ts';
import type { GroupLease } from './group-lease.ts';

/** What the heartbeats of a member find out. */
export interface HeartbeatEvents {
  /** The group shares out its partitions anew. */
  readonly onRebalance: () => void;
  /** The group has expelled the member, or must be taken to have done so. */
  readonly onLost: () => void;
  /** After each heartbeat. If it could wait for a broker, it would hold up the next heartbeat. */
  readonly onBeat: (steadyMs: number) => void;
}

const rebalancing: readonly (string | undefined)[] = [
  'REBALANCE_IN_PROGRESS',
  'NOT_COORDINATOR_FOR_GROUP',
  'GROUP_COORDINATOR_NOT_AVAILABLE',
  'GROUP_LOAD_IN_PROGRESS',
];
const expelled: readonly (string | undefined)[] = [
  'UNKNOWN_MEMBER_ID',
  'ILLEGAL_GENERATION',
  'FENCED_INSTANCE_ID',
];

/** For how long heartbeats go on, and what they keep up to date. */
export interface HeartbeatOptions {
  /** Asked before each heartbeat. */
  readonly isOver: () => boolean;
  /** Ends the pause between two heartbeats early. */
  readonly over: AbortSignal;
  /** Kept up to date with every answer. */
  readonly lease: GroupLease;
  readonly events: HeartbeatEvents;
  /**
   * What becomes of the next heartbeat while one has no answer. `sent`: a coordinator under load
   * may answer late, and each answer counts from when its heartbeat was sent. One at a time would
   * lose a member whose coordinator takes half of the session for each.
   */
  readonly next: 'sent' | 'waits';
}

/**
 * Keeps a member in its group until `isOver`, whatever the subscriber does meanwhile. The first
 * heartbeat is sent at once: only its answer proves that the join is still good. If the coordinator
 * is silent for the session timeout, the group may have expelled the member, and its partitions may
 * have another owner. So the member is then lost.
 *
 * @throws only what `onBeat` fails with
 */
export async function heartbeats(
  cluster: LogCluster,
  membership: BeatingMember,
  { isOver, over, lease, events, next }: HeartbeatOptions,
): Promise<void> {
  const { clock } = cluster.deps;
  const { heartbeatIntervalMs } = cluster.settings.consumer;
  // A member that has left needs no coordinator.
  const locating = new SharedRun(async () => {
    if (!over.aborted) await membership.locate();
  });
  const send = async (): Promise<void> => {
    const sent = lease.moment();
    const answer = membership.heartbeat().then(() => 'ok', protocolErrorOf);
    const located = locateWithout(answer, cluster, locating);
    // It counts when it comes, however long brokers under load take to name the coordinator.
    const type = await answer;
    if (over.aborted) return;
    if (type === 'ok') lease.confirm(sent, 'stable');
    else if (type === 'REBALANCE_IN_PROGRESS') lease.confirm(sent, 'rebalancing');
    if (expelled.includes(type)) events.onLost();
    else if (rebalancing.includes(type)) events.onRebalance();
    await located;
  };
  const expire = setInterval(() => {
    if (lease.isExpired) events.onLost();
  }, heartbeatIntervalMs);
  try {
    while (!isOver()) {
      const settled = send();
      // A member that stops does not wait for a coordinator that does not answer.
      if (next === 'waits') await unlessAborted(settled, over).catch(() => undefined);
      if (over.aborted) return;
      events.onBeat(clock.steadyMs());
      if (isOver()) return;
      await clock.sleep(heartbeatIntervalMs, { signal: over }).catch(() => undefined);
    }
  } finally {
    clearInterval(expire);
  }
}

/**
 * Looks for the coordinator when it has failed to answer in time: when it is down, another broker
 * takes the group over, with its members. Never rejects.
 *
 * @param answer Kafka's; `undefined` = none came
 */
async function locateWithout(
  answer: Promise<string | undefined>,
  { deps, settings }: LogCluster,
  locating: SharedRun<unknown>,
): Promise<void> {
  const inTime = await within(answer, settings.requestTimeoutMs, deps.clock);
  if (inTime === 'expired' || inTime === undefined) await locating.run().catch(() => undefined);
}
