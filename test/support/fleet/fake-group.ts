import { assignPartitions } from '../../../src/fleet/assignment/assign-partitions.ts';
import type { FleetClaim } from '../../../src/fleet/assignment/fleet-claim.ts';
import { leftBy, ownedBy, type Partitions } from '../../../src/fleet/assignment/own-partitions.ts';
import type { Topic } from '../../../src/model/position.ts';
import type {
  FleetMember,
  FleetMembership,
  FleetView,
} from '../../../src/ports/fleet-membership.ts';
import type { ProcessClock, VirtualTime } from './virtual-time.ts';

interface Joined {
  readonly membership: FakeMembership;
  lastSeenMs: number;
  /** It has heard of the rebalance under way, and said what it holds. */
  hasRejoined: boolean;
}

/** What a fake group goes by. */
export interface FakeGroupOptions {
  readonly time: VirtualTime;
  readonly random: () => number;
  readonly topics: ReadonlyMap<Topic, number>;
  readonly sessionTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  /** How late a view may come, ms. */
  readonly longestDelayMs: number;
}

const rebalancePollMs = 10;

/**
 * A group as Kafka has it: a change begins a rebalance; it ends when every member has joined again,
 * or was expelled. Then each member gets the view, some of them late; whoever joins again before
 * that never gets it.
 */
export class FakeGroup {
  readonly options: FakeGroupOptions;
  generation = 0;
  readonly #members = new Map<string, Joined>();
  #rebalancing = false;
  #calmSinceMs = 0;
  isHeartbeatLost: () => boolean = () => false;

  constructor(options: FakeGroupOptions) {
    this.options = options;
  }

  open(member: FleetMember, clock: ProcessClock): FakeMembership {
    const membership = new FakeMembership(this, member, clock);
    membership.start();
    return membership;
  }

  join(membership: FakeMembership): void {
    const lastSeenMs = this.options.time.nowMs;
    this.#members.set(membership.member.id, { membership, lastSeenMs, hasRejoined: true });
    this.#calmSinceMs = lastSeenMs;
    this.rebalance();
  }

  leave(id: string): void {
    if (!this.#members.delete(id)) return;
    this.#calmSinceMs = this.options.time.nowMs;
    this.rebalance();
  }

  /**
   * @returns `unknown` = it was expelled; `old` = its view is not the latest one
   */
  heartbeat(
    membership: FakeMembership,
    of = membership.view?.generation,
  ): 'unknown' | 'old' | 'good' {
    const joined = this.#members.get(membership.member.id);
    if (joined === undefined) return 'unknown';
    joined.lastSeenMs = this.options.time.nowMs;
    if (this.#rebalancing && !joined.hasRejoined) {
      joined.hasRejoined = true;
      membership.abandonLateViews();
    }
    return of === this.generation ? 'good' : 'old';
  }

  rebalance(): void {
    if (this.#rebalancing) return;
    this.#rebalancing = true;
    for (const joined of this.#members.values()) joined.hasRejoined = false;
    this.options.time.after(rebalancePollMs, () => this.#goOn());
  }

  #goOn(): void {
    const { time, sessionTimeoutMs } = this.options;
    for (const [id, { lastSeenMs }] of this.#members) {
      if (time.nowMs - lastSeenMs > sessionTimeoutMs) this.#members.delete(id);
    }
    if ([...this.#members.values()].every(({ hasRejoined }) => hasRejoined)) this.#shareOut();
    else time.after(rebalancePollMs, () => this.#goOn());
  }

  /** Expels who was silent for too long; to be called now and then. */
  look(): void {
    const { time, sessionTimeoutMs } = this.options;
    if (this.#rebalancing) return;
    for (const [id, { lastSeenMs }] of this.#members)
      if (time.nowMs - lastSeenMs > sessionTimeoutMs) this.leave(id);
  }

  #shareOut(): void {
    const { topics: partitionCounts, time, random, longestDelayMs } = this.options;
    this.#rebalancing = false;
    this.generation++;
    const memberships = [...this.#members.values()].map(({ membership }) => membership);
    const claims = memberships.map((membership) => membership.claim());
    const isCalm = time.nowMs - this.#calmSinceMs > 500;
    const { generation } = this;
    const input = { claims, partitionCounts, isCalm, generation };
    const { topics, isBalanced } = assignPartitions(input);
    const members = memberships.map(({ member }) => member);
    const view: FleetView = { generation, members, topics };
    for (const membership of memberships) {
      membership.expect(view, Math.floor(random() ** 3 * longestDelayMs));
    }
    if (!isBalanced) time.after(700, () => this.rebalance());
  }
}

export class FakeMembership implements FleetMembership {
  readonly member: FleetMember;
  readonly #group: FakeGroup;
  readonly #clock: ProcessClock;
  readonly #listeners = new Set<(view: FleetView | undefined) => void>();
  #view: FleetView | undefined;
  #left: Partitions = new Map();
  #topics: readonly Topic[] = [];
  #goodMs = Number.NEGATIVE_INFINITY;
  #expected = 0;
  #isClosed = false;

  constructor(group: FakeGroup, member: FleetMember, clock: ProcessClock) {
    this.#group = group;
    this.member = member;
    this.#clock = clock;
  }

  get view(): FleetView | undefined {
    return this.#view;
  }

  start(): void {
    this.#group.join(this);
    this.#beat().catch(() => {});
  }

  isMember(): boolean {
    const ageMs = this.#clock.nowMs() - this.#goodMs;
    return this.#view !== undefined && ageMs < this.#group.options.sessionTimeoutMs;
  }

  host(topics: readonly Topic[]): void {
    this.#topics = topics;
    this.#group.rebalance();
  }

  onChange(listener: (view: FleetView | undefined) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  claim(): FleetClaim {
    const held = ownedBy(this.member.id, this.#view);
    const heldSince = this.#view?.generation ?? 0;
    return { member: this.member, topics: this.#topics, held, left: this.#left, heldSince };
  }

  expect(view: FleetView, delayMs: number): void {
    this.#expected = view.generation;
    this.#group.options.time.after(delayMs, () => {
      // It may be read late: only an answer to a heartbeat proves that it is still good.
      this.#clock.run(() => {
        if (this.#isClosed || this.#expected !== view.generation) return;
        const goodMs = this.#clock.nowMs();
        if (this.#group.heartbeat(this, view.generation) !== 'good') return;
        this.#goodMs = goodMs;
        this.#set(view);
      });
    });
  }

  abandonLateViews(): void {
    this.#expected = 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#view = undefined;
    this.#group.leave(this.member.id);
  }

  async #beat(): Promise<void> {
    const { random, heartbeatIntervalMs } = this.#group.options;
    while (!this.#isClosed) {
      const sentMs = this.#clock.nowMs();
      await this.#clock.sleep(random() * 20);
      const answer = this.#group.isHeartbeatLost() ? 'old' : this.#group.heartbeat(this);
      await this.#clock.sleep(random() * 20);
      if (this.#isClosed) return;
      if (answer === 'good') this.#goodMs = sentMs;
      if (answer === 'unknown') {
        this.#expected = 0;
        this.#set(undefined);
        this.#group.join(this);
      }
      await this.#clock.sleep(heartbeatIntervalMs);
    }
  }

  #set(view: FleetView | undefined): void {
    this.#left = view === undefined ? new Map() : leftBy(this.member.id, this.#view, view);
    this.#view = view;
    for (const listener of this.#listeners) listener(view);
  }
}
