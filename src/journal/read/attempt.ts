import type { Head } from '../../history/head.ts';
import type { Cut } from '../../history/read-view.ts';
import { StoreUnavailableError } from '../../model/errors.ts';
import type { EventRecord } from '../../model/event.ts';
import type { JournalPointer } from '../../model/journal-pointer.ts';
import type { Key } from '../../model/key.ts';
import { SeqNr } from '../../model/seq-nr.ts';
import type { ProgressDeadline } from '../../runtime/progress-deadline.ts';
import { type Backoff, backoffDelayMs } from '../../runtime/retry.ts';
import type { DeliveryOrder } from './delivery-order.ts';
import type { ReadDeps } from './observe.ts';

/** One attempt of a read, which was found whole before its first row is read. */
export interface Attempt {
  readonly deps: ReadDeps;
  readonly key: Key;
  readonly cut: Cut;
  readonly head: Head;
  /** The store's row; `undefined` when the store adds nothing. */
  readonly row: JournalPointer | undefined;
  /**
   * Last number stored as of the cut; `undefined` when the store adds nothing, or only its event
   * rows say it.
   */
  readonly lastStored: SeqNr | undefined;
  readonly deadline: ProgressDeadline;
  readonly looks: Looks;
}

/** An attempt that gives out events from a number on. */
export interface EventAttempt extends Attempt {
  /** First number wanted. */
  readonly from: SeqNr;
  readonly order: DeliveryOrder;
}

/** The last number of the journal, or that the attempt showed two moments of it. */
export type Outcome = SeqNr | undefined | 'torn';

/** The first number that is neither below `from` nor deleted; `undefined` when all are deleted. */
export function firstWanted(
  from: SeqNr,
  ...deleteTo: readonly (SeqNr | undefined)[]
): SeqNr | undefined {
  let first: SeqNr | undefined = from;
  for (const to of deleteTo) {
    if (to === undefined || first === undefined || to < first) continue;
    first = SeqNr.next(to);
  }
  return first;
}

/**
 * Pauses between two looks at what others change: short at first, since most are through by then.
 */
const backoff: Backoff = { initialMs: 2, maxMs: 500 };

/**
 * Looks for either reason to look again, before the time may end them. A slow store would take all
 * of the time for one look, and a journal that merely begins later would never be recognised.
 */
const minLooks = 3;

/**
 * The looks of one call at a journal that others delete from or purge. There is another one after a
 * torn one, with growing pauses, until the call has taken as long as a read may be silent.
 */
export class Looks {
  readonly #deps: Pick<ReadDeps, 'clock'>;
  readonly #key: Key;
  readonly #giveUpMs: number;
  #count = 1;
  #beginning = '';
  #sightings = 0;

  constructor(deps: Pick<ReadDeps, 'clock' | 'settings'>, key: Key) {
    this.#deps = deps;
    this.#key = key;
    this.#giveUpMs = deps.clock.steadyMs() + deps.settings.readTimeoutMs;
  }

  /** An earlier look was torn. */
  get isAgain(): boolean {
    return this.#count > 1;
  }

  /** The journal began with the same event in look after look, whatever is missing before it. */
  beginsAgain(page: readonly EventRecord[]): boolean {
    const [first] = page;
    const beginning = `${first?.event.seqNr}@${first?.record.at.offset}`;
    this.#sightings = beginning === this.#beginning ? this.#sightings + 1 : 1;
    this.#beginning = beginning;
    return this.#sightings >= minLooks;
  }

  /**
   * Waits before the next look.
   *
   * @throws {StoreUnavailableError} the journal was torn too long
   */
  async again(signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps;
    const delayMs = backoffDelayMs(backoff, this.#count, Math.random());
    const isLate = clock.steadyMs() + delayMs >= this.#giveUpMs;
    const others = this.#count - this.#sightings;
    if (isLate && Math.max(others, this.#sightings) >= minLooks) throw this.tornError();
    await clock.sleep(delayMs, { signal });
    this.#count += 1;
  }

  /** The error of a call that cannot look again. */
  tornError(): Error {
    const { topic, id } = this.#key;
    const times = this.#count === 1 ? 'once' : `${this.#count} times`;
    return new StoreUnavailableError(
      `${topic}:${id} was deleted from or purged while it was read, ${times}; read it again`,
    );
  }
}
