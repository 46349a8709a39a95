import type { EventRecord } from '../../model/event.ts';
import type { Key } from '../../model/key.ts';
import { SeqNr } from '../../model/seq-nr.ts';
import type { JournalParts } from '../journal-parts.ts';
import { onGap } from './integrity.ts';

/**
 * Watches that the numbers given out follow each other. A gap in front of the first event is
 * accepted with a warning, since a journal may start above 1; a hole between two events is not.
 */
export class DeliveryOrder {
  readonly #parts: JournalParts;
  readonly #key: Key;
  #expected: SeqNr | undefined = SeqNr.min;
  #last: SeqNr | undefined;

  constructor(parts: JournalParts, key: Key) {
    this.#parts = parts;
    this.#key = key;
  }

  /** Something was given out already, so the read cannot begin again unseen. */
  get started(): boolean {
    return this.#last !== undefined;
  }

  /** The last number given out. */
  get last(): SeqNr | undefined {
    return this.#last;
  }

  /** The first number wanted. */
  expect(first: SeqNr): void {
    this.#expected = first;
  }

  /** Rows up to `last` were to be expected and did not come. */
  isBehind(last: SeqNr): boolean {
    return this.#expected !== undefined && this.#expected <= last;
  }

  /** The page starts with the expected number and has no hole. */
  follows(page: readonly EventRecord[]): boolean {
    const first = page[0]?.event.seqNr;
    const last = page.at(-1)?.event.seqNr;
    if (first === undefined || last === undefined) return true;
    return first === this.#expected && last - first === page.length - 1;
  }

  /** Nothing was given out, and the page starts above the first number wanted. */
  isLeadingGap(page: readonly EventRecord[]): boolean {
    const first = page[0]?.event.seqNr;
    return !this.started && first !== undefined && first !== this.#expected;
  }

  /** Names each hole of a page that does not follow. */
  report(page: readonly EventRecord[]): void {
    let expected = this.#expected;
    let between = this.started;
    for (const { event, record } of page) {
      if (expected !== undefined && event.seqNr > expected) {
        this.#gap(between, { expected, found: event.seqNr, at: record.at });
      }
      expected = SeqNr.next(event.seqNr);
      between = true;
    }
  }

  delivered(page: readonly EventRecord[]): void {
    const last = page.at(-1)?.event.seqNr;
    if (last === undefined) return;
    this.#last = last;
    this.#expected = SeqNr.next(last);
  }

  /** Reports holes, notes the page as given out, and hands it through. */
  pass(page: readonly EventRecord[]): readonly EventRecord[] {
    if (!this.follows(page)) this.report(page);
    this.delivered(page);
    return page;
  }

  #gap(between: boolean, gap: Parameters<typeof onGap>[2]): void {
    if (between) {
      onGap(this.#parts, this.#key, gap);
      return;
    }
    const { topic, id } = this.#key;
    const message = `${topic}:${id} begins with event ${gap.found} where ${gap.expected} was expected`;
    this.#parts.log.warn({ topic, id, ...gap.at }, message);
  }
}
