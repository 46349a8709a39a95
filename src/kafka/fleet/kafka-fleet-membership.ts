import type { FleetSettings } from '../../config/settings/fleet-settings.ts';
import type { KafkaSettings } from '../../config/settings/kafka-settings.ts';
import type { FleetClaim } from '../../fleet/assignment/fleet-claim.ts';
import { decodeView, encodeClaim } from '../../fleet/assignment/member-codec.ts';
import { leftBy, ownedBy, type Partitions } from '../../fleet/assignment/own-partitions.ts';
import type { Topic } from '../../model/position.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import type { FleetMember, FleetMembership, FleetView } from '../../ports/fleet-membership.ts';
import { within } from '../../runtime/waiting.ts';
import { FleetGroup, rebalanceTimeoutMsOf } from '../driver/fleet-group.ts';
import type { KafkaDeps } from '../driver/kafka-client.ts';
import { protocolErrorOf } from '../driver-errors.ts';
import { heartbeats } from '../group/group-heartbeats.ts';
import { GroupLease } from '../group/group-lease.ts';
import { LogCluster } from '../log-cluster.ts';
import { CalmWatch } from './calm-watch.ts';
import { fleetErrorOf } from './fleet-errors.ts';
import { PartitionSharing } from './partition-sharing.ts';

/** The timings of the group, as `fleet` of the settings has them. */
export type FleetTimings = Pick<
  FleetSettings,
  'group' | 'sessionTimeoutMs' | 'heartbeatIntervalMs' | 'balanceDelayMs'
>;

/** Who joins which group, and where. */
export interface KafkaFleetOptions {
  readonly kafka: KafkaSettings;
  readonly fleet: FleetTimings;
  readonly member: FleetMember;
}

const leaveLimitMs = 2_000;
const leastRequestTimeoutMs = 1_000;
/** How often the number of partitions is compared with what was shared out. */
const countsCheckMs = 5_000;
/** Answers of a group that lives, and goes on without this try. */
const regrouping: readonly (string | undefined)[] = [
  'REBALANCE_IN_PROGRESS',
  'ILLEGAL_GENERATION',
  'UNKNOWN_MEMBER_ID',
];
const regroupPauseMs = 10;
const firstPauseMs = 50;
const maxPauseMs = 5_000;
/** After an error that only an operator can heal. */
const finalPauseMs = 30_000;

/**
 * Joins the consumer group of a fleet; the first view comes later, through `onChange`. The group
 * takes part in no reading: the partitions are shared out by `assignPartitions`.
 *
 * @throws {AccessDeniedError} the right READ on the group is missing, or the user is refused
 * @throws {NotSetUpError} the group has members of another kind
 * @throws {InvalidInputError} the brokers do not allow the session timeout
 * @throws {LogUnavailableError} no broker answered in time; names the addresses
 * @throws the abort reason when `options.signal` fires
 */
export async function openKafkaFleetMembership(
  options: KafkaFleetOptions,
  deps: KafkaDeps,
  { signal }: CallOptions = {},
): Promise<FleetMembership> {
  const { kafka, fleet } = options;
  const { group, sessionTimeoutMs, heartbeatIntervalMs } = fleet;
  const settings = {
    ...kafka,
    // A coordinator whose machine is gone must be given up before the session ends.
    requestTimeoutMs: Math.min(
      kafka.requestTimeoutMs,
      Math.max(leastRequestTimeoutMs, Math.ceil(sessionTimeoutMs / 3)),
    ),
    consumer: {
      ...kafka.consumer,
      sessionTimeoutMs,
      heartbeatIntervalMs,
      maxPollIntervalMs: rebalanceTimeoutMsOf(sessionTimeoutMs),
    },
  };
  // A heartbeat counts from when it was sent: its answer may come as late as the session ends.
  const heartbeatAnswerMs = sessionTimeoutMs;
  const cluster = await LogCluster.open(settings, deps, { signal, heartbeatAnswerMs });
  const membership = new KafkaFleetMembership(cluster, options);
  try {
    await cluster.retrying({ group, right: 'READ', signal }, () => membership.register());
  } catch (error) {
    await membership[Symbol.asyncDispose]();
    throw error;
  }
  membership.start();
  return membership;
}

/** From the first view until the member is expelled, or may have been. */
interface Life {
  readonly lease: GroupLease;
  readonly over: AbortController;
  readonly beating: Promise<void>;
}

class KafkaFleetMembership implements FleetMembership {
  readonly #cluster: LogCluster;
  readonly #fleet: FleetTimings;
  readonly #member: FleetMember;
  readonly #group: FleetGroup;
  readonly #calm: CalmWatch;
  readonly #sharing: PartitionSharing;
  readonly #listeners = new Set<(view: FleetView | undefined) => void>();
  readonly #closing = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #closed: Promise<void> | undefined;
  #stirred = new AbortController();
  #life: Life | undefined;
  #view: FleetView | undefined;
  /** What it had in the view before, and may not have handed over yet. */
  #left: Partitions = new Map();
  /** The latest generation of which it has had a view. Generations go on from it. */
  #known = 0;
  #trouble: Error | undefined;
  /** Kafka's number of the generation whose view this is. */
  #viewGeneration: number | undefined;
  #hosted: readonly Topic[] = [];
  /** What the last round was told. */
  #claimed: readonly Topic[] = this.#hosted;
  /** Set when this member shared out the present generation. */
  #shared: { readonly isBalanced: boolean; readonly isOutdated: boolean } | undefined;
  #isCounting = false;

  constructor(cluster: LogCluster, { fleet, member }: KafkaFleetOptions) {
    const { group: groupId, sessionTimeoutMs, balanceDelayMs } = fleet;
    this.#cluster = cluster;
    this.#fleet = fleet;
    this.#member = member;
    this.#group = new FleetGroup({ cluster: cluster.driver, groupId, sessionTimeoutMs });
    this.#calm = new CalmWatch(balanceDelayMs);
    this.#sharing = new PartitionSharing(cluster, this.#calm);
  }

  get view(): FleetView | undefined {
    return this.#view;
  }

  get trouble(): Error | undefined {
    return this.#trouble;
  }

  isMember(): boolean {
    return this.#life?.lease.isHeld ?? false;
  }

  host(topics: readonly Topic[]): void {
    const wanted = new Set(topics);
    if (wanted.symmetricDifference(new Set(this.#hosted)).size === 0) return;
    this.#hosted = [...wanted];
    this.#stir();
  }

  onChange(listener: (view: FleetView | undefined) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** @throws {JournalError} the group cannot be joined */
  async register(): Promise<void> {
    try {
      await this.#group.register(this.#claim());
    } catch (error) {
      throw fleetErrorOf(error, this.#cluster, this.#fleet);
    }
  }

  /** Joins from now on, until it is disposed. */
  start(): void {
    this.#running = this.#run();
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    let failures = 0;
    while (!signal.aborted) {
      try {
        await this.#round();
        failures = 0;
        this.#trouble = undefined;
        await this.#attend();
      } catch (error) {
        if (signal.aborted) return;
        failures += 1;
        const pauseMs = this.#recover(error, failures);
        await this.#cluster.pause(pauseMs, { signal }).catch(() => undefined);
      }
    }
  }

  /** One generation: joins, shares out when it is this member's turn, and takes the view over. */
  async #round(): Promise<void> {
    const hosted = this.#hosted;
    this.#shared = undefined;
    const { sessionTimeoutMs } = this.#fleet;
    const rebalanceTimeoutMs = rebalanceTimeoutMsOf(sessionTimeoutMs);
    // The next rebalance cannot have begun before this join: that is when this lease begins.
    const newLease = new GroupLease({ sessionTimeoutMs, rebalanceTimeoutMs });
    const { generation, text } = await this.#group.join(this.#claim(), async (number, members) => {
      const shared = await this.#sharing.share(number, members);
      this.#shared = { isBalanced: shared.isBalanced, isOutdated: false };
      return shared.text;
    });
    const view = decodeView(text);
    // The share may have been read late. Only an answer to a heartbeat proves that it is still
    // good.
    const sent = newLease.moment();
    const answer = await this.#prove();
    // Nothing would end a life that begins after that.
    this.#closing.signal.throwIfAborted();
    // The life may have ended while that heartbeat was on its way. Its lease would never be held
    // again: with it, this member would refuse the partitions that the view gives it, for ever.
    const lease = this.#life?.lease ?? newLease;
    lease.confirm(sent, answer);
    this.#claimed = hosted;
    this.#viewGeneration = generation;
    this.#show(view, lease);
  }

  async #prove(): Promise<'stable' | 'rebalancing'> {
    try {
      await this.#group.heartbeat();
      return 'stable';
    } catch (error) {
      if (protocolErrorOf(error) === 'REBALANCE_IN_PROGRESS') return 'rebalancing';
      throw error;
    }
  }

  #show(view: FleetView, lease: GroupLease): void {
    const { group } = this.#fleet;
    const { clock, log } = this.#cluster.deps;
    const fields = { group, generation: view.generation, members: view.members.length };
    log[this.#life === undefined ? 'info' : 'debug'](fields, 'a member of the fleet');
    const ids = view.members.map(({ id }) => id);
    this.#calm.saw(ids, clock.steadyMs());
    this.#life ??= this.#begin(lease);
    this.#left = leftBy(this.#member.id, this.#view, view);
    this.#view = view;
    this.#known = view.generation;
    this.#tell();
  }

  #begin(lease: GroupLease): Life {
    const over = new AbortController();
    const beating = heartbeats(this.#cluster, this.#group, {
      isOver: () => over.signal.aborted,
      over: over.signal,
      lease,
      next: 'sent',
      events: {
        onRebalance: () => this.#stir(),
        onLost: () => {
          if (!over.signal.aborted) this.#lose();
        },
        onBeat: () => {},
      },
    });
    return { lease, over, beating };
  }

  /** Until another round is due. */
  async #attend(): Promise<void> {
    const { clock } = this.#cluster.deps;
    let countedMs = clock.steadyMs();
    while (!this.#isRoundDue()) {
      this.#stirred = new AbortController();
      const { signal } = this.#stirred;
      await clock.sleep(this.#fleet.heartbeatIntervalMs, { signal }).catch(() => undefined);
      if (clock.steadyMs() - countedMs < countsCheckMs) continue;
      countedMs = clock.steadyMs();
      // A broker may take long for its answer, and a topic be missing. If this member waited for
      // that, all others would wait for its next join.
      this.#count().catch(() => undefined); // never rejects
    }
  }

  /** Looks whether partitions were added since they were shared out here. */
  async #count(): Promise<void> {
    if (this.#shared === undefined || this.#isCounting) return;
    this.#isCounting = true;
    const haveChanged = await this.#sharing.haveCountsChanged();
    this.#isCounting = false;
    if (!haveChanged || this.#shared === undefined) return;
    this.#shared = { ...this.#shared, isOutdated: true };
    this.#stir();
  }

  #isRoundDue(): boolean {
    const isToBalance =
      this.#shared?.isBalanced === false && this.#calm.isCalm(this.#cluster.deps.clock.steadyMs());
    return (
      this.#closing.signal.aborted ||
      this.#life === undefined ||
      this.#group.isRestless ||
      this.#claimed !== this.#hosted ||
      this.#shared?.isOutdated === true ||
      isToBalance
    );
  }

  /** What it has is what the others may not give away: nothing once it may be expelled. */
  #claim(): string {
    const claim: FleetClaim = {
      member: this.#member,
      topics: this.#hosted,
      held: ownedBy(this.#member.id, this.#view),
      left: this.#left,
      heldSince: this.#known,
    };
    return encodeClaim(claim);
  }

  /**
   * After a round that failed.
   *
   * @param failures in a row, this one included
   * @returns how long to wait before the next one
   */
  #recover(error: unknown, failures: number): number {
    const { group } = this.#fleet;
    const { log } = this.#cluster.deps;
    const type = protocolErrorOf(error);
    if (type === 'UNKNOWN_MEMBER_ID') this.#group.forget();
    // A generation of which it has no view may have given its partitions away.
    const isLost = this.#group.generation !== this.#viewGeneration;
    if (isLost || type === 'UNKNOWN_MEMBER_ID') this.#lose();
    const err = fleetErrorOf(error, this.#cluster, this.#fleet);
    if (regrouping.includes(type)) {
      log.debug({ group, err }, 'the group of the fleet goes on without this try to join');
      return Math.min(maxPauseMs, regroupPauseMs * 2 ** Math.min(failures - 1, 10));
    }
    this.#trouble = err;
    const pauseMs = err.retryable
      ? Math.min(maxPauseMs, firstPauseMs * 2 ** Math.min(failures - 1, 10))
      : finalPauseMs;
    const text = `joining the fleet failed; it is tried again in ${pauseMs} ms`;
    log[err.retryable ? 'warn' : 'error']({ group, err }, text);
    return pauseMs;
  }

  /** It is expelled, or may have been. */
  #lose(): void {
    const { group } = this.#fleet;
    if (this.#life === undefined) return;
    const text = 'no member of the fleet any more: it joins again, and owns nothing until then';
    this.#cluster.deps.log.warn({ group }, text);
    this.#end(this.#life);
    this.#group.abandonJoin().catch(() => undefined); // never rejects
  }

  #end({ lease, over }: Life): void {
    lease.end();
    over.abort('over');
    this.#life = undefined;
    this.#view = undefined;
    this.#left = new Map();
    this.#viewGeneration = undefined;
    this.#tell();
    this.#stir();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener(this.#view);
  }

  /** Looks at once whether a round is due. */
  #stir(): void {
    this.#stirred.abort('stirred');
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const { clock, log } = this.#cluster.deps;
    const life = this.#life;
    this.#closing.abort('closing');
    if (life !== undefined) this.#end(life);
    this.#stir();
    const leaving = this.#group.leave().catch((err: unknown) => {
      log.debug({ group: this.#fleet.group, err }, 'leaving the group of the fleet failed');
    });
    await within(Promise.all([leaving, this.#running]), leaveLimitMs, clock);
    await this.#cluster[Symbol.asyncDispose]();
    await Promise.all([this.#running, life?.beating]);
  }
}
