import type { Head } from '../../history/head.ts';
import { StoreUnavailableError } from '../../model/errors.ts';
import type { EventRecord } from '../../model/event.ts';
import type { JournalPointer } from '../../model/journal-pointer.ts';
import type { Key } from '../../model/key.ts';
import type { SeqNr } from '../../model/seq-nr.ts';
import { type Backoff, backoffDelayMs } from '../../runtime/retry.ts';
import type { JournalParts } from '../journal-parts.ts';
import type { Cut } from './cut.ts';

/** The state of one journal as of one end: what the store contributes, and what the log does. */
export interface Snapshot {
  readonly cut: Cut;
  readonly head: Head;
  /** The store's row; `undefined` when the store contributes nothing. */
  readonly pointer: JournalPointer | undefined;
  /** Last number stored as of the cut; `undefined` when only the rows themselves can tell. */
  readonly lastStored: SeqNr | undefined;
}

/** Told when a concurrent delete or purge tore what was seen: the snapshot is to be taken again. */
export const torn = Symbol('torn');

/** Pauses between two looks at what others change: short at first, since most are through by then. */
const backoff: Backoff = { initialMs: 2, maxMs: 500 };

/** However slow a look is: what stays as it is was seen so often by then. */
const minLooks = 3;

/**
 * The looks of one call at a journal that others delete from or purge. There is another one after a torn one, with
 * growing pauses, until the call has taken as long as a read may be silent.
 */
export class Looks {
  readonly #parts: Pick<JournalParts, 'clock' | 'settings'>;
  readonly #key: Key;
  readonly #giveUpMs: number;
  #count = 1;

  constructor(parts: Pick<JournalParts, 'clock' | 'settings'>, key: Key) {
    this.#parts = parts;
    this.#key = key;
    this.#giveUpMs = parts.clock.nowMs() + parts.settings.readTimeoutMs;
  }

  /** An earlier look was torn. */
  get isAgain(): boolean {
    return this.#count > 1;
  }

  /**
   * Waits before the next look.
   *
   * @throws {StoreUnavailableError} the journal was torn too long; any other error as it is
   */
  async again(error: unknown, signal: AbortSignal): Promise<void> {
    if (error !== torn) throw error;
    const { clock } = this.#parts;
    const delayMs = backoffDelayMs(backoff, this.#count, Math.random());
    const isLate = clock.nowMs() + delayMs >= this.#giveUpMs;
    if (isLate && this.#count >= minLooks) throw this.tornError(error);
    await clock.sleep(delayMs, { signal });
    this.#count += 1;
  }

  /** What a caller is told of a look that cannot be repeated; any other error is left as it is. */
  tornError(error: unknown): unknown {
    if (error !== torn) return error;
    const { topic, id } = this.#key;
    const times = this.#count === 1 ? 'once' : `${this.#count} times`;
    return new StoreUnavailableError(
      `${topic}:${id} was deleted from or purged while it was read, ${times}; read it again`,
    );
  }
}

/** A gap in front of the first event, as seen look after look: does the journal begin there, or is somebody purging it? */
export class LeadingGap {
  #first = '';
  #sightings = 0;

  stays(page: readonly EventRecord[]): boolean {
    const [first] = page;
    const name = `${first?.event.seqNr}@${first?.record.at.offset}`;
    this.#sightings = name === this.#first ? this.#sightings + 1 : 1;
    this.#first = name;
    return this.#sightings >= minLooks;
  }
}
