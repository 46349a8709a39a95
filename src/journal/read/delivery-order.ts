import { DataIntegrityError } from '../../model/errors.ts';
import type { EventRecord } from '../../model/event.ts';
import type { Key } from '../../model/key.ts';
import { SeqNr } from '../../model/seq-nr.ts';
import type { JournalDeps } from '../journal-deps.ts';

/** Watches that the numbers which a read gives out follow each other. */
export class DeliveryOrder {
  readonly #deps: Pick<JournalDeps, 'settings' | 'log'>;
  readonly #key: Key;
  #expected: SeqNr | undefined = SeqNr.min;
  #started = false;

  constructor(deps: Pick<JournalDeps, 'settings' | 'log'>, key: Key) {
    this.#deps = deps;
    this.#key = key;
  }

  /** The first number wanted is another one than 1. */
  expect(first: SeqNr): void {
    this.#expected = first;
  }

  /** Events up to `last` were expected and did not come. */
  lacks(last: SeqNr): boolean {
    return this.#expected !== undefined && this.#expected <= last;
  }

  /** What is missing so that the page would follow what was given out; `undefined` = nothing is. */
  missingFrom(page: readonly EventRecord[]): 'first' | 'between' | undefined {
    const first = page[0]?.event.seqNr;
    const last = page.at(-1)?.event.seqNr;
    if (first === undefined || last === undefined) return undefined;
    if (!this.#started && first !== this.#expected) return 'first';
    return first === this.#expected && last - first === page.length - 1 ? undefined : 'between';
  }

  /**
   * Reports what is missing, notes the page as given out, and answers it. A gap before the first
   * event of all is accepted with a warning, since a journal may start above 1.
   *
   * @throws {DataIntegrityError} there is a hole between two events, and the setting `gaps` says
   *   fail
   */
  pass(page: readonly EventRecord[]): readonly EventRecord[] {
    if (this.missingFrom(page) !== undefined) this.#report(page);
    const last = page.at(-1)?.event.seqNr;
    if (last !== undefined) {
      this.#started = true;
      this.#expected = SeqNr.next(last);
    }
    return page;
  }

  #report(page: readonly EventRecord[]): void {
    const { topic, id } = this.#key;
    const { settings, log } = this.#deps;
    let expected = this.#expected;
    let isBetween = this.#started;
    for (const { event, record } of page) {
      const { seqNr } = event;
      if (expected !== undefined && seqNr > expected) {
        const place = { topic, id, ...record.at, seqNr: expected };
        if (!isBetween) {
          const message = `${topic}:${id} begins with event ${seqNr} where ${expected} was expected`;
          log.warn({ topic, id, expected, found: seqNr, ...record.at }, message);
        } else {
          const message = `${topic}:${id} has no event ${expected}, the next one is ${seqNr}`;
          if (settings.dataIntegrity.gaps === 'fail')
            throw new DataIntegrityError(message, { place });
          log.warn(place, message);
        }
      }
      expected = SeqNr.next(seqNr);
      isBetween = true;
    }
  }
}
