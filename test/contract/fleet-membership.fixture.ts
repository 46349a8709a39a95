import { randomUUID } from 'node:crypto';
import type { Topic } from '../../src/model/position.ts';
import type { FleetMember, FleetMembership, FleetView } from '../../src/ports/fleet-membership.ts';
import { RestartableProcess } from '../chaos/child-process.ts';
import { type OwnedPlace, placesOf } from '../support/fleet/group.ts';
import { eventually } from './action-log.fixture.ts';

/** How a member under test differs from the others. */
export interface MemberTimings {
  readonly balanceDelayMs: number;
}

/** What carries a fleet: its members meet in a group. */
export interface FleetUnderTest extends AsyncDisposable {
  /** Of every member. */
  readonly sessionTimeoutMs: number;
  createTopic(name: string, partitions: number): Promise<Topic>;
  open(group: string, member: FleetMember, timings: MemberTimings): Promise<FleetMembership>;
  /**
   * A program that opens a member and calls `serveAsMember`. It gets the arguments `group`, `id`
   * and `topic`, and then those of `childArgs`.
   */
  readonly childFile: URL;
  readonly childArgs: readonly string[];
}

/** Nothing moves for balance while a test runs, unless it says so. */
const never: MemberTimings = { balanceDelayMs: 1_000_000 };

/** Members of one group, in this process and others. */
export class Fleet implements AsyncDisposable {
  readonly group = `fleet-${randomUUID()}`;
  readonly #world: FleetUnderTest;
  readonly #members: Watched[] = [];
  readonly #processes: MemberProcess[] = [];

  constructor(world: FleetUnderTest) {
    this.#world = world;
  }

  async open(topics: readonly Topic[], timings: MemberTimings = never): Promise<Watched> {
    const member = { id: randomUUID(), address: `http://127.0.0.1:${this.#members.length + 1}` };
    const membership = await this.#world.open(this.group, member, timings);
    const watched = new Watched(member, membership, topics);
    this.#members.push(watched);
    if (topics.length > 0) membership.host(topics);
    return watched;
  }

  openProcess(topic: Topic): MemberProcess {
    const { childFile, childArgs } = this.#world;
    const process = new MemberProcess(childFile, [this.group, topic, ...childArgs]);
    this.#processes.push(process);
    return process;
  }

  /** Waits until all these members see the same, and all that they were opened with has owners. */
  async settled(...members: readonly Watched[]): Promise<void> {
    await eventually('one view of all members, in which everything is owned', () => {
      const views = members.map(({ membership }) => membership.view);
      const [first] = views;
      return (
        first !== undefined &&
        views.every((view) => view?.generation === first.generation) &&
        members.every(({ member }) => first.members.some(({ id }) => id === member.id)) &&
        members.every(({ topics }) => topics.every((topic) => first.topics.has(topic))) &&
        placesOf(first).every(({ owner }) => owner !== undefined)
      );
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#processes.map((process) => process.kill()));
    await Promise.all(this.#members.map(({ membership }) => membership[Symbol.asyncDispose]()));
  }
}

/** A member in this process, and every view that it had. */
export class Watched {
  readonly member: FleetMember;
  readonly membership: FleetMembership;
  /** What it hosted first. */
  readonly topics: readonly Topic[];
  readonly views: (FleetView | undefined)[] = [];
  readonly #timer: NodeJS.Timeout;
  #hasJoined = false;
  /** How often it was looked at and was no member, from its first view on. */
  wasNoMember = 0;

  constructor(member: FleetMember, membership: FleetMembership, topics: readonly Topic[]) {
    this.member = member;
    this.membership = membership;
    this.topics = topics;
    membership.onChange((view) => this.views.push(view));
    this.#timer = setInterval(() => {
      this.#hasJoined ||= membership.isMember();
      if (this.#hasJoined && !membership.isMember()) this.wasNoMember += 1;
    }, 2).unref();
  }

  get owned(): OwnedPlace[] {
    return this.ownedIn(this.membership.view);
  }

  ownedIn(view: FleetView | undefined): OwnedPlace[] {
    if (view === undefined) return [];
    return placesOf(view).filter(({ owner }) => owner?.id === this.member.id);
  }

  has({ topic, partition }: Pick<OwnedPlace, 'topic' | 'partition'>): boolean {
    return this.owned.some((own) => own.topic === topic && own.partition === partition);
  }

  async ends(): Promise<void> {
    clearInterval(this.#timer);
    await this.membership[Symbol.asyncDispose]();
  }
}

/** What a member in a process of its own says of itself. */
export interface MemberReport {
  readonly owned: number;
  readonly generation: number | undefined;
  /** By generation: when it was last surely a member under that view. */
  readonly lastSure: readonly (readonly [generation: number, atMs: number])[];
}

/** A member in a process of its own, which can be frozen and killed. */
export class MemberProcess {
  readonly id = randomUUID();
  readonly #process: RestartableProcess;
  report: MemberReport = { owned: 0, generation: undefined, lastSure: [] };

  constructor(file: URL, [group = '', topic = '', ...rest]: readonly string[]) {
    this.#process = new RestartableProcess({
      file,
      args: () => [group, this.id, topic, ...rest],
      execArgv: ['--disable-warning=ExperimentalWarning'],
      onMessage: (message) => {
        this.report = message as MemberReport;
      },
    });
    this.#process.start();
  }

  /** It keeps its sockets and does nothing. */
  freeze(): void {
    this.#process.pause();
  }

  thaw(): void {
    this.#process.resume();
  }

  kill(): Promise<void> {
    return this.#process.stop(1_000, (child) => child.kill('SIGKILL'));
  }
}

/** The program of a `MemberProcess`: reports until it is killed. */
export function serveAsMember(id: string, topic: Topic, membership: FleetMembership): void {
  const lastSure = new Map<number, number>();
  membership.host([topic]);
  setInterval(() => {
    // The view first: it may change between the two.
    const generation = membership.view?.generation;
    if (generation !== undefined && membership.isMember()) lastSure.set(generation, Date.now());
    const owned = membership.view === undefined ? [] : placesOf(membership.view);
    const report: MemberReport = {
      owned: owned.filter(({ owner }) => owner?.id === id).length,
      generation,
      lastSure: [...lastSure],
    };
    process.send?.(report);
  }, 10);
}
