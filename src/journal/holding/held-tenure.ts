import { type JournalError, NotOwnerError, WriteFailedError } from '../../model/errors.ts';
import type { Offset, Partition, Topic } from '../../model/position.ts';
import type { OpenedTenure, Tenure } from '../../model/tenure.ts';
import type { Clock } from '../../runtime/clock.ts';
import { Occasion } from '../../runtime/occasion.ts';
import { Deadline, unlessAborted } from '../../runtime/waiting.ts';

/** Where a tenure is. */
export interface TenureSpot {
  readonly topic: Topic;
  readonly partition: Partition;
  readonly scope: string;
}

/**
 * A tenure of this process, and what it knows of the log since the opening mark. A write that was
 * acknowledged counts if no other opening mark of the scope is between its tenure's mark and
 * itself. So this remembers how far the log is known not to hold one:
 *
 * ```
 *   c opening mark │ ours │ ours │ sureUpTo │ gap: of others? │ ours │
 * ```
 *
 * Records of this process that follow on move `sureUpTo` at no cost. Whatever is in a gap is
 * looked at by the follower, which passes every record from `c` on.
 */
export class HeldTenure {
  readonly spot: TenureSpot;
  /**
   * Opening marks of this process, ascending: each one after the first went on with the one before.
   */
  readonly #marks: Offset[];
  #stamp: Tenure;
  #sureUpTo: number;
  #end: { readonly error: JournalError; readonly at: number } | undefined;
  readonly #news = new Occasion();
  #lastWritten = -1;
  readonly #gap = new Occasion();
  readonly #over = new AbortController();

  /** @param of where the opening mark is; the follower has not confirmed it yet */
  constructor(spot: TenureSpot, of: Offset) {
    this.spot = spot;
    this.#marks = [of];
    this.#stamp = { scope: spot.scope, of };
    this.#sureUpTo = of - 1;
  }

  /** What a write carries. */
  get stamp(): Tenure {
    return this.#stamp;
  }

  /** Where the last opening mark is: the tenure's number of the moment. */
  get of(): Offset {
    return this.#stamp.of;
  }

  /** Everything from the opening mark up to here was looked at, or is ours. */
  get sureUpTo(): number {
    return this.#sureUpTo;
  }

  /** The follower has seen the opening mark, and it is ours. */
  get isConfirmed(): boolean {
    return this.#sureUpTo >= (this.#marks[0] as Offset);
  }

  get isOver(): boolean {
    return this.#end !== undefined;
  }

  /** Fires with the reason when the tenure is over. */
  get signal(): AbortSignal {
    return this.#over.signal;
  }

  /** Resolves when more is known of the log, or the tenure is over; never rejects. */
  news(): Promise<void> {
    return this.#news.wait();
  }

  /** The log has acknowledged a record of this process that is no opening mark. */
  wrote(offset: Offset): void {
    this.#lastWritten = offset;
    if (offset !== this.#sureUpTo + 1) {
      if (offset > this.#sureUpTo) this.#gap.fire();
      return;
    }
    this.#sureUpTo = offset;
    this.#news.fire();
  }

  /**
   * Resolves when the log has to be looked at: nothing was written for `quietMs`, or a record of
   * somebody else is between two of ours. While ours follow on each other there is none.
   *
   * @throws the abort reason when `signal` fires
   */
  async needsLook(quietMs: number, clock: Clock, signal: AbortSignal): Promise<void> {
    for (let written = -1; this.isSole && this.#lastWritten !== written; ) {
      written = this.#lastWritten;
      const deadline = new Deadline(quietMs, clock);
      try {
        await unlessAborted(deadline.within(this.#gap.wait()), signal);
      } finally {
        deadline.end();
      }
    }
  }

  /** Offset of this process's last acknowledged record that is no opening mark; -1 = none. */
  get lastWritten(): number {
    return this.#lastWritten;
  }

  /**
   * As far as this process knows, everything since the opening mark is its own, or was looked at.
   */
  get isSole(): boolean {
    return this.isConfirmed && !this.isOver && this.#lastWritten <= this.#sureUpTo;
  }

  /** The follower has passed everything up to and including `offset`. */
  passed(offset: number): void {
    if (this.isOver || offset <= this.#sureUpTo) return;
    this.#sureUpTo = offset;
    this.#news.fire();
  }

  /** The process has opened the tenure anew, and nobody else did between the two marks. */
  goOnAs(of: Offset): void {
    this.#marks.push(of);
    this.#stamp = { scope: this.spot.scope, of };
    this.passed(of);
  }

  /** Another opening mark: the tenure is over, and every write after it is void. */
  lostTo(opening: OpenedTenure): void {
    this.passed(opening.offset - 1);
    this.#finish(this.#notOwner(opening), opening.offset);
  }

  /** The process gives it up: what it does not know by now stays unknown. */
  giveUp(error: JournalError): void {
    this.#finish(error, Number.POSITIVE_INFINITY);
  }

  #finish(error: JournalError, at: number): void {
    if (this.#end !== undefined) return;
    this.#end = { error, at };
    this.#over.abort(error);
    this.#news.fire();
  }

  #notOwner({ offset, holder, address }: OpenedTenure): NotOwnerError {
    const { topic, partition, scope } = this.spot;
    const where = address === undefined ? '' : ` (${address})`;
    const owner = { partition, offset, holder, address };
    return new NotOwnerError(
      `process ${holder}${where} has taken over partition ${partition} of ${topic} at offset ${offset}` +
        (scope === '' ? '' : `, scope ${JSON.stringify(scope)}`),
      { owner },
    );
  }

  /** It is known at once that a write under `of` at `offset` counts. */
  isSure(of: Offset, offset: Offset): boolean {
    return offset <= this.#sureUpTo && of === this.of && offset > of;
  }

  /**
   * Resolves when it is known that a write under `of`, which was acknowledged at `offset`, counts.
   *
   * @throws {NotOwnerError} it is void: certainly not stored
   * @throws {WriteFailedError} not known within `limitMs`, or the tenure was given up meanwhile
   */
  async untilCounts(of: Offset, offset: Offset, limitMs: number, clock: Clock): Promise<void> {
    const deadline = new Deadline(limitMs, clock);
    try {
      for (;;) {
        const verdict = this.#verdict(of, offset);
        if (verdict === 'counts') return;
        if (verdict !== undefined) throw verdict;
        if ((await deadline.within(this.#news.wait())) !== 'expired') continue;
        throw this.#undecided(offset, `it was not known within ${limitMs} ms`);
      }
    } finally {
      deadline.end();
    }
  }

  #verdict(of: Offset, offset: Offset): 'counts' | JournalError | undefined {
    if (offset <= this.#sureUpTo) {
      const last = this.#marks.findLast((mark) => mark < offset);
      if (last === of) return 'counts';
      const text = `a write at ${this.spot.partition}:${offset} came after the tenure was opened anew`;
      return new NotOwnerError(`${text}: it is void`);
    }
    const end = this.#end;
    if (end === undefined) return undefined;
    if (end.at < offset) return end.error;
    return this.#undecided(offset, 'the tenure was given up', end.error);
  }

  #undecided(offset: Offset, why: string, cause?: Error): WriteFailedError {
    const { topic, partition } = this.spot;
    return new WriteFailedError(
      `whether the write at ${topic} ${partition}:${offset} counts is not known: ${why}`,
      { cause },
    );
  }
}
