import type { FleetMember, FleetMembership } from '../ports/fleet-membership.ts';
import type { Clock } from '../runtime/clock.ts';

/** What departures are known from. */
export interface DeparturesDeps {
  readonly membership: Pick<FleetMembership, 'view'>;
  readonly clock: Clock;
  /** Nothing is said any more. */
  readonly closing: AbortSignal;
}

interface Watched {
  readonly gone: AbortController;
  /** The latest view in which the process was a member, as far as its callers say. */
  generation: number;
  isLeaving: boolean;
}

/** A process that leaves in order has sent its last answers by then. */
const graceMs = 2_000;

/**
 * Says when another process has left the group, or was expelled. A process that stands still closes
 * no connection: whoever waits for its answer would wait until its own time is over.
 */
export class Departures {
  readonly #deps: DeparturesDeps;
  /** By member id; never more than have been members at one time. */
  readonly #watched = new Map<string, Watched>();

  constructor(deps: DeparturesDeps) {
    this.#deps = deps;
  }

  /**
   * Fires some time after the member was last seen in a view.
   *
   * @param generation of a view that has it
   */
  of({ id }: FleetMember, generation: number): AbortSignal {
    const watched = this.#watched.get(id) ?? {
      gone: new AbortController(),
      generation,
      isLeaving: false,
    };
    watched.generation = Math.max(watched.generation, generation);
    this.#watched.set(id, watched);
    return watched.gone.signal;
  }

  /** The view may have changed. */
  look(): void {
    for (const [id, watched] of this.#watched) {
      if (watched.isLeaving || !this.#isAway(id, watched)) continue;
      watched.isLeaving = true;
      this.#expire(id, watched).catch(() => {}); // closing
    }
  }

  async #expire(id: string, watched: Watched): Promise<void> {
    const { clock, closing } = this.#deps;
    await clock.sleep(graceMs, { signal: closing });
    watched.isLeaving = false;
    // It may have joined again meanwhile.
    if (!this.#isAway(id, watched)) return;
    this.#watched.delete(id);
    watched.gone.abort(new Error('the process has left the fleet'));
  }

  /** A view from before that generation does not know yet. */
  #isAway(id: string, { generation }: Watched): boolean {
    const { view } = this.#deps.membership;
    if (view === undefined || view.generation < generation) return false;
    return !view.members.some((member) => member.id === id);
  }
}
