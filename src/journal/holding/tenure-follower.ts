import type { ActionRecord } from '../../model/action.ts';
import { CodecError, JournalError, LogUnavailableError } from '../../model/errors.ts';
import { Offset } from '../../model/position.ts';
import type { OpenedTenure } from '../../model/tenure.ts';
import type { FollowedBatch } from '../../ports/action-consumer.ts';
import { type Backoff, backoffDelayMs } from '../../runtime/retry.ts';
import type { HeldTenure } from './held-tenure.ts';
import type { HoldingDeps } from './holding-deps.ts';

/** Who hears what the follower of a tenure finds, and knows of the own marks. */
export interface FollowListener {
  /** A record that names no tenure: what its journal sent after it builds on another state. */
  sawForeign(id: string, offset: Offset): void;
  /**
   * Where this process's opening mark on its way lands; `undefined` = none is on its way. Resolves
   * with `undefined` when nobody knows, and never rejects.
   */
  landing(): Promise<Offset | undefined> | undefined;
  /** Somebody else's opening mark, or one of this process that was given up for lost. */
  lost(opening: OpenedTenure): void;
}

const followBackoff: Backoff = { initialMs: 10, maxMs: 1_000 };

/**
 * A holder that writes all the time would fetch everything that it writes. Its own acknowledgements
 * show what others have written between; only when it was silent for so long does it fetch.
 */
const quietMs = 50;

/** Follows the log from the opening mark of a tenure on, until the tenure is lost or given up. */
export class TenureFollower {
  readonly #tenure: HeldTenure;
  readonly #deps: HoldingDeps;
  readonly #listener: FollowListener;

  constructor(tenure: HeldTenure, deps: HoldingDeps, listener: FollowListener) {
    this.#tenure = tenure;
    this.#deps = deps;
    this.#listener = listener;
  }

  /**
   * Passes every record from the opening mark on, without a break: where following fails, it goes
   * on at the next record that was not seen.
   *
   * @throws the abort reason when `signal` fires
   */
  async follow(signal: AbortSignal): Promise<void> {
    const tenure = this.#tenure;
    const { consumer, clock, log, random } = this.#deps;
    const { topic, partition } = tenure.spot;
    let from = tenure.of;
    const wantedFrom = (): Offset =>
      tenure.isOver ? from : Offset.of(Math.max(from, tenure.sureUpTo + 1));
    for (let failures = 0; !signal.aborted; ) {
      try {
        await tenure.needsLook(quietMs, clock, signal);
        from = wantedFrom();
        const start = { topic, partition, from, wantedFrom };
        for await (const batch of consumer.follow(start, { signal })) {
          await this.#pass(batch);
          from = batch.next;
          failures = 0;
          // What this process writes is known to it: it is not fetched while nothing is between.
          if (tenure.isSole && tenure.lastWritten >= from - 1) break;
        }
      } catch (error) {
        signal.throwIfAborted();
        // Bytes that arrived broken may arrive whole the next time.
        const isFinal = error instanceof JournalError && !error.retryable;
        if (isFinal && !(error instanceof CodecError)) return tenure.giveUp(error);
        failures++;
        if (failures === 1) log.warn({ topic, partition, err: error }, cannotFollow);
        await clock.sleep(backoffDelayMs(followBackoff, failures, random()), { signal });
      }
    }
  }

  async #pass({ records, undecodable, next }: FollowedBatch): Promise<void> {
    const tenure = this.#tenure;
    // It is no opening mark for any reader, but it may be an action without a tenure.
    for (const { id, offset } of undecodable)
      if (offset > tenure.sureUpTo) this.#listener.sawForeign(id, offset);
    for (const record of records) {
      if (record.at.offset > tenure.sureUpTo) await this.#passRecord(record);
    }
    if (!tenure.isConfirmed && next > tenure.of) {
      // No reader takes what is there for our mark.
      return tenure.giveUp(new LogUnavailableError('the opening mark cannot be read back'));
    }
    tenure.passed(next - 1);
  }

  async #passRecord({ action, at }: ActionRecord): Promise<void> {
    const { header, key } = action;
    if (header.type !== 'mark') {
      if (header.tenure === undefined) this.#listener.sawForeign(key.id, at.offset);
      return;
    }
    const { opens } = header;
    if (opens?.scope === this.#tenure.spot.scope)
      await this.#passOpening({ ...opens, offset: at.offset });
  }

  async #passOpening(opening: OpenedTenure): Promise<void> {
    const tenure = this.#tenure;
    const { offset, holder } = opening;
    const isOwn = holder === this.#deps.holder;
    if (!tenure.isConfirmed && offset === tenure.of && isOwn) {
      tenure.passed(offset);
      return;
    }
    // Before the wait: a read that begins meanwhile has to give what its journal was not told.
    if (tenure.isConfirmed) tenure.passed(offset - 1);
    const isRenewal = isOwn && (await this.#listener.landing()) === offset;
    if (!isRenewal) this.#listener.lost(opening);
    else if (!tenure.isOver) tenure.goOnAs(offset);
  }
}

const cannotFollow = 'a partition that is held cannot be followed; writes may have to wait';
