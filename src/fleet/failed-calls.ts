import type { RemoteCallError } from '../model/errors.ts';
import type { Logger } from '../observability/logger.ts';
import type { FleetMember } from '../ports/fleet-membership.ts';
import type { Clock } from '../runtime/clock.ts';

const quietMs = 60_000;

interface FailedCallsDeps {
  readonly log: Logger;
  readonly clock: Clock;
}

/**
 * Logs commands that another process did not take or answer: one a minute and process at `warn`,
 * the others at `debug`. A process that is gone fails every command, and each of them many times.
 */
export class FailedCalls {
  readonly #log: Logger;
  readonly #clock: Clock;
  /** When a process was last warned of, by its address; not longer ago than `quietMs`. */
  readonly #warnedMs = new Map<string, number>();

  constructor({ log, clock }: FailedCallsDeps) {
    this.#log = log;
    this.#clock = clock;
  }

  note({ address }: FleetMember, err: RemoteCallError): void {
    const steadyMs = this.#clock.steadyMs();
    for (const [other, atMs] of this.#warnedMs) {
      if (steadyMs - atMs >= quietMs) this.#warnedMs.delete(other);
    }
    const text =
      err.stored === 'no'
        ? 'another instance did not take a command'
        : 'another instance has not answered a command';
    const isFirst = !this.#warnedMs.has(address);
    this.#log[isFirst ? 'warn' : 'debug']({ address, err }, text);
    if (isFirst) this.#warnedMs.set(address, steadyMs);
  }
}
