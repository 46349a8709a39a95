import type { FleetMember, FleetMembership } from '../../../ports/fleet-membership.ts';
import { CommitQueue } from '../commit-queue.ts';
import { LogPartitions } from '../log/log-partitions.ts';
import { type Database, openForShortLived } from '../session.ts';
import {
  type FleetDeps,
  type FleetTimings,
  SqliteFleetMembership,
} from './sqlite-fleet-membership.ts';

/** Of the section of the embedded journal. */
type FileSettings = { readonly file: string; readonly partitions: number };

/** What stays the caller's. */
type OuterDeps = Pick<FleetDeps, 'clock' | 'log'>;

/** What the store works with; the fleets in memory share it. */
type SharedDeps = Pick<FleetDeps, 'database' | 'partitions' | 'queue'>;

const noParticipant = { begin() {}, flush() {}, committed() {}, rolledBack() {} };

/**
 * The fleets that a process joins in its file. They have a connection of their own: a process that
 * is stopped while it commits keeps all others from writing. Commits of the log wait for the disk;
 * a sign of life need not.
 */
export class FleetsOfFile implements AsyncDisposable {
  readonly #settings: FileSettings;
  readonly #deps: OuterDeps;
  readonly #shared: SharedDeps;
  readonly #memberships: FleetMembership[] = [];
  #own: Database | undefined;

  constructor(settings: FileSettings, deps: OuterDeps, shared: SharedDeps) {
    this.#settings = settings;
    this.#deps = deps;
    this.#shared = shared;
  }

  /**
   * @throws {InvalidInputError} the file cannot be opened any more
   * @throws {StoreUnavailableError} another process has locked it
   */
  join(member: FleetMember, timings: FleetTimings): FleetMembership {
    const { partitions: defaultPartitions } = this.#settings;
    const deps = { ...this.#deps, ...this.#connection(), defaultPartitions };
    const membership = new SqliteFleetMembership(member, timings, deps);
    this.#memberships.push(membership);
    return membership;
  }

  /** Memory has no second connection. */
  #connection(): SharedDeps {
    const { file } = this.#settings;
    if (file === ':memory:') return this.#shared;
    this.#own ??= openForShortLived(file);
    const database = this.#own;
    const { clock } = this.#deps;
    const queue = new CommitQueue(database, { participant: noParticipant, clock });
    return { database, partitions: new LogPartitions(database), queue };
  }

  /** Leaves all of them. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#memberships.map((membership) => membership[Symbol.asyncDispose]()));
    this.#own?.close();
    this.#own = undefined;
  }
}
