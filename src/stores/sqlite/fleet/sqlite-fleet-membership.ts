import type { FleetSettings } from '../../../config/settings/fleet-settings.ts';
import type { Topic } from '../../../model/position.ts';
import type { Logger } from '../../../observability/logger.ts';
import type { FleetMember, FleetMembership, FleetView } from '../../../ports/fleet-membership.ts';
import type { Clock } from '../../../runtime/clock.ts';
import { Lease, type Moment } from '../../../runtime/lease.ts';
import { Occasion } from '../../../runtime/occasion.ts';
import { Deadline, within } from '../../../runtime/waiting.ts';
import type { CommitQueue } from '../commit-queue.ts';
import { logFailure } from '../session.ts';
import { FleetFile, type FleetFileDeps, type FleetFileSettings } from './fleet-file.ts';

/** The timings of a member, as `fleet` of the settings has them. */
export type FleetTimings = FleetFileSettings & Pick<FleetSettings, 'heartbeatIntervalMs'>;

/** What a member works with; all of it stays the store's. */
export interface FleetDeps extends FleetFileDeps {
  readonly queue: CommitQueue;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Longest time until a view that another process wrote is noticed. A look is one small query. */
const lookEveryMs = 25;

/**
 * One member of a fleet whose members share one file. It gives a sign of life in each heartbeat
 * interval; whichever member finds a reason to shares the partitions out anew, in the same
 * transaction.
 */
export class SqliteFleetMembership implements FleetMembership {
  readonly #id: string;
  readonly #heartbeatIntervalMs: number;
  readonly #sessionTimeoutMs: number;
  readonly #deps: FleetDeps;
  readonly #file: FleetFile;
  readonly #lease: Lease;
  readonly #log: Logger;
  readonly #listeners = new Set<(view: FleetView | undefined) => void>();
  readonly #looking: NodeJS.Timeout;
  readonly #running: Promise<void>;
  #topics: readonly Topic[] = [];
  #view: FleetView | undefined;
  /** Highest generation that was read: an answer that comes late may be of an older one. */
  #seen = 0;
  #lookedAt: Moment;
  /** Whether the file has our row, as far as we know. */
  #isJoined = false;
  /** The last sign of life was not written: a row of failures is one warning. */
  #isFailing = false;
  /** Something is to be written before the next heartbeat. */
  #isHurried = false;
  readonly #hurry = new Occasion();
  #isClosed = false;
  #closed: Promise<void> | undefined;

  constructor(member: FleetMember, settings: FleetTimings, deps: FleetDeps) {
    this.#id = member.id;
    this.#heartbeatIntervalMs = settings.heartbeatIntervalMs;
    this.#sessionTimeoutMs = settings.sessionTimeoutMs;
    this.#deps = deps;
    this.#log = deps.log.child({ fleet: settings.group, member: member.id });
    this.#file = new FleetFile(member, settings, deps);
    this.#lease = new Lease(settings);
    this.#lookedAt = this.#lease.moment();
    this.#looking = setInterval(() => this.#look(), lookEveryMs);
    this.#running = this.#run();
  }

  get view(): FleetView | undefined {
    return this.#view;
  }

  isMember(): boolean {
    if (this.#view === undefined || !this.#lease.isHeld) return false;
    // A process that stood still looks before it answers: partitions may have moved within the
    // lease, and the timer that looks has not fired yet.
    if (this.#lease.elapsedMs(this.#lookedAt) <= lookEveryMs) return true;
    const before = this.#view;
    if (!this.#look()) return false;
    return this.#view !== undefined && keepsAll(this.#id, before, this.#view);
  }

  host(topics: readonly Topic[]): void {
    this.#topics = [...new Set(topics)].toSorted();
    this.#hurryUp();
  }

  onChange(listener: (view: FleetView | undefined) => void): () => void {
    const own = (view: FleetView | undefined): void => listener(view);
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  /** Leaves: the others get what this member has. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#isClosed = true;
    this.#lease.end();
    this.#view = undefined;
    this.#listeners.clear();
    clearInterval(this.#looking);
    this.#hurry.fire();
    await this.#running;
    try {
      await this.#deps.queue.write(() => this.#file.leave(this.#lease.moment().wallMs));
    } catch (error) {
      this.#log.warn({ err: logFailure(error, 'leave the fleet') }, 'the others expel this member');
    }
  }

  async #run(): Promise<void> {
    while (!this.#isClosed) {
      this.#isHurried = false;
      const renewing = this.#renew();
      if ((await within(renewing, this.#sessionTimeoutMs, this.#deps.clock)) === 'expired') {
        this.#lose('no sign of life could be written for too long');
      }
      await renewing;
      await this.#pause();
    }
  }

  /** Waits for the next heartbeat, or until something is to be written at once. */
  async #pause(): Promise<void> {
    if (this.#isHurried || this.#isClosed) return;
    const heartbeat = new Deadline(this.#heartbeatIntervalMs, this.#deps.clock);
    await heartbeat.within(this.#hurry.wait());
    heartbeat.end();
  }

  #hurryUp(): void {
    this.#isHurried = true;
    this.#hurry.fire();
  }

  /** One sign of life; never rejects. */
  async #renew(): Promise<void> {
    let began = this.#lease.moment();
    try {
      const view = await this.#deps.queue.write(() => {
        began = this.#lease.moment();
        return this.#file.renew(this.#topics, this.#isJoined, began.wallMs);
      });
      if (view === undefined) return this.#expelled();
      this.#isJoined = true;
      this.#lease.confirm(began);
      this.#isFailing = false;
      this.#take(view);
    } catch (error) {
      const err = logFailure(error, 'renew the membership');
      const level = this.#isFailing ? 'debug' : 'warn';
      this.#log[level]({ err }, 'the sign of life of this member was not written; it goes on');
      this.#isFailing = true;
      if (this.#lease.isExpired) this.#lose('no sign of life could be written for too long');
    }
  }

  /** Takes what is new in the file; false when it cannot be read. */
  #look(): boolean {
    try {
      const moment = this.#lease.moment();
      if (this.#view !== undefined && this.#file.generation() > this.#seen) {
        const view = this.#file.view();
        if (view !== undefined) this.#take(view);
      }
      this.#lookedAt = moment;
      return true;
    } catch (error) {
      // The next sign of life meets the same failure, and the lease ends if it lasts.
      const err = logFailure(error, 'read the view of the fleet');
      this.#log.debug({ err }, 'the view of the fleet was not read');
      return false;
    }
  }

  #take(view: FleetView): void {
    const { generation } = view;
    if (this.#isClosed || generation < this.#seen || generation === this.#view?.generation) return;
    this.#seen = generation;
    if (view.members.some(({ id }) => id === this.#id)) this.#tell(view);
    else this.#expelled();
  }

  #expelled(): void {
    this.#isJoined = false;
    this.#lose('the others have expelled this member');
    this.#hurryUp();
  }

  #lose(why: string): void {
    if (this.#view === undefined) return;
    this.#log.warn({ generation: this.#view.generation }, `${why}; it joins again`);
    this.#tell(undefined);
  }

  /**
   * Listeners hear of it later in this turn: `isMember` may be asked in the midst of their work.
   */
  #tell(view: FleetView | undefined): void {
    this.#view = view;
    queueMicrotask(() => {
      for (const listener of this.#listeners) listener(view);
    });
  }
}

/** Whether the member has everything that it had. */
function keepsAll(id: string, before: FleetView, now: FleetView): boolean {
  if (before === now) return true;
  return [...before.topics].every(([topic, owners]) =>
    owners.every(
      ({ owner }, partition) =>
        owner?.id !== id || now.topics.get(topic)?.[partition]?.owner?.id === id,
    ),
  );
}
