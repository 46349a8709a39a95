import { InvalidInputError } from '../../model/errors.ts';
import type { EventRecord, PrintedEvent } from '../../model/event.ts';
import type { Key } from '../../model/key.ts';
import type { PartitionOffset } from '../../model/position.ts';
import type { SeqNr } from '../../model/seq-nr.ts';
import type { Tenure } from '../../model/tenure.ts';
import type { ActionProducer } from '../../ports/action-producer.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import { unlessAborted } from '../../runtime/waiting.ts';
import type { AppendOptions } from '../append-events.ts';
import type { Journal } from '../journal.ts';
import type { ReadEnd } from '../read/ends.ts';
import type { ReadDeps } from '../read/observe.ts';
import type { HeldKey } from './held-key.ts';

/**
 * A journal that nobody else writes: what is acknowledged here counts for every reader, for ever.
 * Several processes may want it. The last one to hold it has it, and the others learn of that by
 * their {@link HeldJournal.signal}; no clock takes part.
 */
export interface HeldJournal extends Omit<Journal, 'append' | 'mark'>, AsyncDisposable {
  readonly key: Key;
  /** The tenure that is held at the moment. */
  readonly tenure: Tenure;
  /**
   * Fires when the journal is no longer held: another process has taken the partition over
   * (`NotOwnerError`), a write has an unknown outcome, or somebody wrote the journal without a
   * tenure. What was sent before still gets its answer; nothing else is sent. Hold the journal
   * again, and read it, before the next write.
   */
  readonly signal: AbortSignal;
  /**
   * Appends all events as one record. The first number is the one that is expected: that after the
   * last one which was read, or written, through this object.
   *
   * @throws {InvalidInputError} nothing sent: the numbers do not follow on the journal's last one,
   *   or something cannot be written so that it reads back equal
   * @throws {NotOwnerError} certainly not stored, or void: the journal is no longer held
   * @throws {WriteRejectedError} certainly not stored
   * @throws {WriteFailedError} may or may not be stored: hold the journal again, and read it
   */
  append(events: readonly PrintedEvent[], options?: AppendOptions): Promise<PartitionOffset>;
  /**
   * Lets the journal go, once what was sent has its answer; never rejects. The tenure stays with
   * the process.
   */
  [Symbol.asyncDispose](): Promise<void>;
}

/** What the journal of a held key reads and writes with. A read finds its end by `readEnd`. */
export function heldDeps(deps: ReadDeps, held: HeldKey, readEnd: ReadEnd): ReadDeps {
  const { producer } = deps;
  const writer: ActionProducer = {
    produce: (action, options) =>
      action.header.type === 'mark'
        ? producer.produce(action, options)
        : held.write(producer, action, options),
    [Symbol.asyncDispose]: () => producer[Symbol.asyncDispose](),
  };
  return {
    ...deps,
    producer: writer,
    tenure: () => held.tenure.stamp,
    readEnd: {
      find: async (key, options) => {
        await unlessAborted(held.answered(), options.signal);
        return held.readTo(await readEnd.find(key, options));
      },
      check: (key, row, end) => readEnd.check(key, row, end),
    },
  };
}

/** @param journal writes through `held`, as {@link heldDeps} has it */
export function createHeldJournal(held: HeldKey, journal: Journal): HeldJournal {
  return new NumberedJournal(held, journal);
}

/** Knows the last number, and refuses what does not follow on it. */
class NumberedJournal implements HeldJournal {
  readonly #held: HeldKey;
  readonly #journal: Journal;
  /** As far as everything sent is stored; `undefined` = it has to be asked for. */
  #last: number | undefined;
  /** Failed writes when `#last` was right. */
  #failures = 0;
  /** Appends wait for it, one after another, when `#last` has to be asked for. */
  #look: Promise<void> | undefined;

  constructor(held: HeldKey, journal: Journal) {
    this.#held = held;
    this.#journal = journal;
  }

  get key(): Key {
    return this.#held.key;
  }

  get tenure(): Tenure {
    return this.#held.tenure.stamp;
  }

  get signal(): AbortSignal {
    return this.#held.signal;
  }

  async *read(
    from?: SeqNr | Promise<SeqNr>,
    options?: CallOptions,
  ): AsyncGenerator<readonly EventRecord[], SeqNr | undefined> {
    const { writes } = this.#held;
    const last = yield* this.#journal.read(from, options);
    this.#learn(last, writes);
    return last;
  }

  async pointer(options?: CallOptions): Promise<SeqNr | undefined> {
    const { writes } = this.#held;
    const last = await this.#journal.pointer(options);
    this.#learn(last, writes);
    return last;
  }

  /** A read may be older than what was written while it ran. */
  #learn(last: SeqNr | undefined, writes: number): void {
    if (this.#known() !== undefined || this.#held.writes !== writes) return;
    this.#last = last ?? 0;
  }

  /** The last number, unless what was sent after it may be stored, or not. */
  #known(): number | undefined {
    const { failures } = this.#held;
    if (failures !== this.#failures) {
      this.#failures = failures;
      this.#last = undefined;
    }
    return this.#last;
  }

  append(events: readonly PrintedEvent[], options?: AppendOptions): Promise<PartitionOffset> {
    const last = this.#known();
    if (last === undefined || this.#look !== undefined)
      return this.#appendAfterLook(events, options);
    return this.#append(last, events, options);
  }

  async #appendAfterLook(
    events: readonly PrintedEvent[],
    options: AppendOptions | undefined,
  ): Promise<PartitionOffset> {
    const look = this.#lookAfter(this.#look, options);
    this.#look = look;
    try {
      await look;
    } finally {
      if (this.#look === look) this.#look = undefined;
    }
    const last = this.#known();
    // A write that was under way may have failed in this very moment.
    if (last === undefined) return await this.#appendAfterLook(events, options);
    return await this.#append(last, events, options);
  }

  #append(
    last: number,
    events: readonly PrintedEvent[],
    options: AppendOptions | undefined,
  ): Promise<PartitionOffset> {
    const first = events?.[0]?.seqNr;
    if (first !== undefined && first !== last + 1) {
      const { topic, id } = this.key;
      const text = `an append to ${topic}:${id} begins with number ${first}, but ${last + 1} follows: nothing was sent`;
      return Promise.reject(new InvalidInputError(text));
    }
    const { writes } = this.#held;
    const appended = this.#journal.append(events, options);
    // Of what was refused nothing was sent, and its numbers are free.
    if (this.#held.writes !== writes) this.#last = last + events.length;
    return appended;
  }

  async #lookAfter(
    before: Promise<void> | undefined,
    options: CallOptions | undefined,
  ): Promise<void> {
    await before?.catch(() => {});
    while (this.#known() === undefined) await this.pointer({ signal: options?.signal });
  }

  async delete(to: SeqNr, options?: CallOptions): Promise<PartitionOffset | undefined> {
    return await this.#journal.delete(to, options);
  }

  async purge(options?: CallOptions): Promise<PartitionOffset> {
    // Appends that were called before go first.
    if (this.#look !== undefined) await this.#look.catch(() => {});
    const { writes } = this.#held;
    const purged = this.#journal.purge(options);
    if (this.#held.writes !== writes) {
      this.#known();
      this.#last = 0;
    }
    return await purged;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#held.release();
    await this.#held.settled();
  }
}
