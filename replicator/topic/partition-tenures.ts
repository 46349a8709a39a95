import { decodeAction } from '../../src/codec/record/action-record-codec.ts';
import { Tenures, type TenureVerdict } from '../../src/history/tenures.ts';
import type { ActionRecord } from '../../src/model/action.ts';
import { FencedError } from '../../src/model/errors.ts';
import type { LogRecord } from '../../src/model/log-record.ts';
import type { Offset } from '../../src/model/position.ts';
import type { OpenedTenure } from '../../src/model/tenure.ts';
import type { CallOptions } from '../../src/ports/call-options.ts';
import type { ClaimOptions, ReplicatedJournal } from '../../src/ports/replicated-journal.ts';
import type { PartitionSource } from '../apply/quarantine.ts';

/** How far a partition was, when its flow began. */
export interface PartitionStart {
  /** R, the replicated offset as it was claimed; `undefined` = nothing is replicated. */
  readonly replicated: Offset | undefined;
  /** W, as it was found: up to it all opening marks are known; `undefined` = there are none. */
  readonly tenuresUpTo: Offset | undefined;
  /** Up to it the wake-ups are complete; `undefined` = nobody has kept them. */
  readonly wakeUpsUpTo: Offset | undefined;
}

/**
 * Takes a partition over. From the claim on, nothing that an earlier owner has sent moves R any
 * more. W is read after R, since it moves before R: read earlier, it could seem to lag. So is how
 * far the wake-ups are complete.
 *
 * Where there is no R nothing can be claimed, and another owner may store the first R meanwhile.
 * The first round of this one would then remove what the other has stored, as that of an earlier
 * topic (see `PartitionTenures`). So R is asked for once more: if there is still none, all that was
 * found is older than any R.
 *
 * Then W is stored at R, unless it lags. Without it there are no opening marks, and clients open
 * tenures only where W is at or after R: in a partition where nobody writes W would never come. And
 * where there is one, a call that an earlier owner has sent may arrive late and would take it back
 * before R; so it loses, since it is older.
 *
 * @throws {FencedError} as of `ReplicatedJournal.claim`
 * @throws {StoreUnavailableError} may be done in part; repeat it
 */
export async function claimPartition(
  { topic, partition }: PartitionSource,
  store: ReplicatedJournal,
  options: ClaimOptions,
): Promise<PartitionStart> {
  // Ends: R never goes away, so there is a third claim only if the second one finds it.
  for (;;) {
    const replicated = await store.claim(topic, partition, options);
    const tenuresUpTo = await store.tenuresUpTo(topic, partition, options);
    if (replicated !== undefined && (tenuresUpTo ?? replicated) >= replicated) {
      const none = { topic, partition, openings: [], upTo: replicated };
      await store.saveTenures(none, options.nowMs);
    }
    const wakeUpsUpTo = await store.wakeUpsUpTo(topic, partition, options);
    const isSettled =
      replicated !== undefined || (await store.claim(topic, partition, options)) === undefined;
    if (isSettled) return { replicated, tenuresUpTo, wakeUpsUpTo };
  }
}

/** What the tenures of a partition are read from and kept in. */
interface TenuresDeps {
  readonly source: PartitionSource;
  readonly store: ReplicatedJournal;
}

/**
 * The tenures of one partition (docs/format.md#tenures): judges its records, and copies its opening
 * marks into the store before R moves over them.
 *
 * W is at or after R as a rule, and the flow begins after R. A replicator that does not copy
 * opening marks may have moved R alone. Then the flow begins after W, and looks at the records up
 * to R for opening marks only:
 *
 *     W < R     … W │ opening marks are copied │ R │ judged, applied, opening marks are copied …
 *     else      …                                R │ judged, applied, opening marks are copied …
 *
 * Hence all opening marks after `after` are seen, and of a scope without one the store is asked as
 * of `after`.
 */
export class PartitionTenures {
  /** The flow begins with the record after it; `undefined` = with the oldest one. */
  readonly after: Offset | undefined;
  readonly #source: PartitionSource;
  readonly #store: ReplicatedJournal;
  readonly #tenures = new Tenures();
  /** No tenure was opened up to `after`: nothing needs to be asked. */
  readonly #isNew: boolean;
  /** W as this flow has stored it, or what is known without it. */
  #upTo: Offset | undefined;
  /** Nothing is replicated, and nothing was stored of the tenures of this topic. */
  #isFirst: boolean;
  /** Opening marks after W. */
  #openings: readonly OpenedTenure[] = [];

  constructor(
    { replicated, tenuresUpTo }: Omit<PartitionStart, 'wakeUpsUpTo'>,
    { source, store }: TenuresDeps,
  ) {
    this.#source = source;
    this.#store = store;
    // A W that was stored after R may have been lowered since by a late call of a former owner, and
    // where there is no R it belongs to an earlier topic of that name. So opening marks after R are
    // stored again, and W before R moves.
    const isAfter = (tenuresUpTo ?? -1) > (replicated ?? -1);
    this.#upTo = isAfter ? replicated : tenuresUpTo;
    this.#isFirst = replicated === undefined;
    this.#isNew = replicated === undefined || tenuresUpTo === undefined;
    const isAhead = replicated !== undefined && (tenuresUpTo ?? replicated) < replicated;
    this.after = isAhead ? tenuresUpTo : replicated;
  }

  /** Looks for opening marks only: at records that are replicated, in offset order. */
  look(records: readonly LogRecord[]): void {
    const { topic, partition } = this.#source;
    for (const record of records) {
      if (record.offset <= (this.#upTo ?? Infinity)) continue;
      try {
        const decoded = decodeAction(topic, partition, record);
        if (decoded?.action.header.type === 'mark') this.judge(decoded);
      } catch {
        // It cannot be decoded, so it is no opening mark, for everybody.
      }
    }
  }

  /**
   * Learns what has to be known before the records can be judged. Asks nothing of records without
   * tenures.
   *
   * @throws {FencedError} W is before where it was when the partition was assigned, so another
   *   process has written it: the flow has to begin anew, where W is now
   * @throws {StoreUnavailableError} retryable
   */
  async learn(records: readonly ActionRecord[], options: CallOptions): Promise<void> {
    for (const scope of this.#tenures.unknownScopes(records)) {
      const isFirst = this.#isNew || this.after === undefined;
      const place = { ...this.#source, scope };
      const last = isFirst ? undefined : await this.#store.lastTenure(place, this.after, options);
      if (last === 'unknown') {
        const { topic, partition } = this.#source;
        throw new FencedError(
          `the store does not know all tenures of ${topic} ${partition} up to ${this.after}, ` +
            'although it knew them when the partition was assigned: another process has written it',
        );
      }
      this.#tenures.learn(scope, last);
    }
  }

  /**
   * Judges the next record, in offset order; it must have been {@link learn learned}. Repeating a
   * call that threw gives the same.
   *
   * @throws {DataIntegrityError} the action names an opening mark that is not there
   */
  judge(record: ActionRecord): TenureVerdict {
    const verdict = this.#tenures.judge(record);
    const { header } = record.action;
    const { offset } = record.at;
    if (header.type === 'mark' && header.opens !== undefined && offset > (this.#upTo ?? -1)) {
      this.#openings = [...this.#openings, { ...header.opens, offset }];
    }
    return verdict;
  }

  /**
   * Moves W, unless it is there already; call it before R moves as far.
   *
   * Where nothing is replicated the first call removes what the store has of the partition. It may
   * be of an earlier topic of that name, whose marks would make real actions of this one void. It
   * may also be what a process has stored that died before it stored R: those marks are copied
   * again, since without R the flow begins with the oldest record. If the log has lost some of them
   * meanwhile, nobody misses them: readers ask the store only for what is at or before R, and so
   * far have read the same log.
   *
   * @throws the errors of `ReplicatedJournal.saveTenures`; the next call repeats it
   */
  async save(upTo: Offset, nowMs: number): Promise<void> {
    if (upTo <= (this.#upTo ?? -1)) return;
    const openings = this.#openings.filter(({ offset }) => offset <= upTo);
    const isFirst = this.#isFirst;
    await this.#store.saveTenures({ ...this.#source, openings, upTo, isFirst }, nowMs);
    this.#isFirst = false;
    this.#upTo = upTo;
    this.#openings = this.#openings.filter(({ offset }) => offset > upTo);
  }
}
