import type { FleetSettings } from '../../../config/settings/fleet-settings.ts';
import type { Topic } from '../../../model/position.ts';
import type { FleetMember, FleetView } from '../../../ports/fleet-membership.ts';
import type { Clock } from '../../../runtime/clock.ts';
import type { LogPartitions } from '../log/log-partitions.ts';
import type { Database } from '../session.ts';
import { SignsOfLife } from '../signs-of-life.ts';
import { nameOfProcess } from '../this-process.ts';
import { FleetRows, type MemberRow, type ViewRow } from './fleet-rows.ts';
import { shareOut } from './share-out.ts';

/** What a fleet in the file works with. */
export interface FleetFileDeps {
  readonly database: Database;
  readonly partitions: LogPartitions;
  readonly clock: Pick<Clock, 'steadyMs'>;
  /** Of a topic that does not exist yet. */
  readonly defaultPartitions: number;
}

/** By what the members of one file agree. */
export type FleetFileSettings = Pick<
  FleetSettings,
  'group' | 'sessionTimeoutMs' | 'balanceDelayMs'
>;

/**
 * What one member does in the file. `renew` and `leave` belong into a transaction of the commit
 * queue, so that two members never share out at once.
 */
export class FleetFile {
  readonly #rows: FleetRows;
  readonly #member: FleetMember;
  readonly #settings: FleetFileSettings;
  readonly #deps: FleetFileDeps;
  readonly #signs: SignsOfLife;
  /** What was read last: a view is decoded once. */
  #known: ViewRow | undefined;

  constructor(member: FleetMember, settings: FleetFileSettings, deps: FleetFileDeps) {
    this.#rows = new FleetRows(deps.database, settings.group);
    this.#member = member;
    this.#settings = settings;
    this.#deps = deps;
    this.#signs = new SignsOfLife(settings.sessionTimeoutMs, deps.clock);
  }

  /** Of the view that the members share now; 0 = none. */
  generation(): number {
    return this.#rows.generation();
  }

  /** @throws {DataIntegrityError} the row does not decode */
  view(): FleetView | undefined {
    return this.#last()?.view;
  }

  /**
   * A sign of life. Removes the members that gave none for too long, and shares the partitions out
   * anew if there is a reason to.
   *
   * @param isJoined whether the member has a row already
   * @returns what the members share now; `undefined` = the member was expelled, and nothing is
   * written
   */
  renew(topics: readonly Topic[], isJoined: boolean, nowMs: number): FleetView | undefined {
    const last = this.#last();
    const members = this.#rows.members();
    const { id } = this.#member;
    if (isJoined && !members.some(({ member }) => member.id === id)) return undefined;
    this.#signs.keepOnly(new Set(members.map(({ member }) => member.id)));
    for (const row of members) {
      if (this.#signs.isDead(row.member.id, row, nowMs)) this.#rows.removeMember(row.member.id);
    }
    const expires = nowMs + this.#settings.sessionTimeoutMs;
    const process = nameOfProcess();
    this.#rows.saveMember({ member: this.#member, process, topics, expires });
    return this.#share(last, nowMs);
  }

  /** The others get what the member had. */
  leave(nowMs: number): void {
    const last = this.#last();
    this.#rows.removeMember(this.#member.id);
    this.#share(last, nowMs);
  }

  #share(last: ViewRow | undefined, nowMs: number): FleetView | undefined {
    const members = this.#rows.members();
    const partitionCounts = this.#countPartitions(members);
    const { balanceDelayMs } = this.#settings;
    const next = shareOut({ members, partitionCounts, last, balanceDelayMs, nowMs });
    if (next !== undefined) this.#rows.saveView(next);
    return (next ?? last)?.view;
  }

  /**
   * A topic without a record is created: processes whose settings differ would otherwise share out
   * different numbers of partitions in turn.
   */
  #countPartitions(members: readonly MemberRow[]): ReadonlyMap<Topic, number> {
    const { partitions, defaultPartitions } = this.#deps;
    const counts = new Map<Topic, number>();
    for (const topic of members.flatMap((row) => row.topics).toSorted()) {
      if (counts.has(topic)) continue;
      const count = partitions.partitionCount(topic);
      if (count === undefined) partitions.createTopic(topic, defaultPartitions);
      counts.set(topic, count ?? defaultPartitions);
    }
    return counts;
  }

  #last(): ViewRow | undefined {
    if (this.#known?.view.generation !== this.#rows.generation()) this.#known = this.#rows.view();
    return this.#known;
  }
}
