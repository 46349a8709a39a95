import type {
  FleetMember,
  FleetMembership,
  FleetView,
} from '../../../src/ports/fleet-membership.ts';
import { topic } from './fleet-process.ts';

/** A member that a test tells what it knows. */
export class ToldMembership implements FleetMembership {
  readonly member: FleetMember;
  readonly #listeners = new Set<(view: FleetView | undefined) => void>();
  #unseen: FleetView | undefined;
  view: FleetView | undefined;
  trouble: Error | undefined;
  isSure = true;
  hosted: readonly string[] = [];

  constructor(member: FleetMember) {
    this.member = member;
  }

  isMember(): boolean {
    const found = this.#unseen;
    if (found !== undefined) {
      this.#unseen = undefined;
      this.view = found;
      queueMicrotask(() => this.tell(found));
      return false;
    }
    return this.isSure && this.view !== undefined;
  }

  /** Whoever asks `isMember` next finds this view, in which partitions of the member have moved. */
  leaveToFind(view: FleetView): void {
    this.#unseen = view;
  }

  host(topics: readonly string[]): void {
    this.hosted = topics;
  }

  onChange(listener: (view: FleetView | undefined) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  tell(view: FleetView | undefined): void {
    this.view = view;
    for (const listener of this.#listeners) listener(view);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.view = undefined;
  }
}

/** A view in which one member has all partitions. */
export function viewOf(
  generation: number,
  owner: ToldMembership | undefined,
  {
    members,
    former,
    since = former === undefined ? 0 : generation,
  }: {
    readonly members: readonly ToldMembership[];
    readonly former?: ToldMembership | undefined;
    readonly since?: number;
  },
  partitions = 4,
): FleetView {
  const share = { owner: owner?.member, formerOwner: former?.member, since };
  const topics = new Map([[topic, Array.from({ length: partitions }, () => share)]]);
  return { generation, members: members.map(({ member }) => member), topics };
}
