import type { Topic } from '../model/position.ts';

/** One process of a fleet, in one of its lives. */
export interface FleetMember {
  /** A UUID, new with each start of the process. */
  readonly id: string;
  /** Where the others reach it: `http://host:port` or `https://host:port`. */
  readonly address: string;
}

/** Who has a partition. */
export interface PartitionOwner {
  /** `undefined`: no member can host its topic. */
  readonly owner: FleetMember | undefined;
  /**
   * Who had it before it was given to `owner`, if that is another process which is still a member.
   * The owner asks it to let go before it begins.
   */
  readonly formerOwner: FleetMember | undefined;
  /**
   * The generation in which it was given to `owner`; 0 = not known, the owner had it before. An
   * owner that has had it since an earlier one has missed that another process had it meanwhile.
   */
  readonly since: number;
}

/** Who owns what, as the members of one generation agreed on it. */
export interface FleetView {
  /** Grows each time that the partitions are shared out; of two views the higher one is right. */
  readonly generation: number;
  readonly members: readonly FleetMember[];
  /** By topic: the owner of each partition; the index is the partition. */
  readonly topics: ReadonlyMap<Topic, readonly PartitionOwner[]>;
}

/**
 * This process as a member of its fleet: it shares the partitions of the journal topics with the
 * other instances of the service (docs/fleet.md). Partitions that a member keeps stay its own while
 * they are shared out anew.
 *
 * It joins when it is opened, and hosts nothing at first. When it is expelled, or may have been,
 * its view is `undefined` until it has joined again, which it tries for ever. Disposing leaves the
 * group; whoever wants a quiet end calls `host([])` first and waits until it owns nothing.
 */
export interface FleetMembership extends AsyncDisposable {
  /** What the member knows; `undefined` = it belongs to no generation at the moment. */
  readonly view: FleetView | undefined;
  /** Why its last try to join failed, such as a right that is missing; `undefined` = not known. */
  readonly trouble?: Error | undefined;

  /**
   * Whether what the view says is surely still so: the others cannot have given our partitions
   * away. It looks at a clock, and costs next to nothing: ask it before each answer. A process that
   * stood still gets `false` here before its timers fire. The call may replace the
   * view by a newer one: it then answers for the old view, and the next call for the new one.
   */
  isMember(): boolean;

  /**
   * The topics whose entities this process can host; replaces those of before. The partitions are
   * shared out anew for it. The member gets partitions of no other topic.
   */
  host(topics: readonly Topic[]): void;

  /**
   * `listener` hears of each new view, `undefined` when the member was expelled.
   *
   * @returns ends that
   */
  onChange(listener: (view: FleetView | undefined) => void): () => void;
}

/** A fleet as seen from outside. */
export interface FleetDescription {
  readonly view: FleetView;
  /** By id of the member: what it can host. */
  readonly hosted: ReadonlyMap<string, readonly Topic[]>;
}
