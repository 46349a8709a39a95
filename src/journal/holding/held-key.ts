import type { Action, ActionHeader } from '../../model/action.ts';
import {
  ClosedError,
  DataIntegrityError,
  JournalError,
  NotOwnerError,
  WriteFailedError,
  WriteRejectedError,
} from '../../model/errors.ts';
import type { Key } from '../../model/key.ts';
import type { Offset, PartitionOffset } from '../../model/position.ts';
import type { ActionProducer, ProduceOptions } from '../../ports/action-producer.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import type { Clock } from '../../runtime/clock.ts';
import { Occasion } from '../../runtime/occasion.ts';
import type { HeldTenure } from './held-tenure.ts';

/** What a held journal needs of the partition's holder. */
export interface HeldKeyDeps {
  readonly clock: Clock;
  readonly limitMs: number;
  /** The tenure is being opened anew: what is written meanwhile would be void. */
  readonly renewal: () => Promise<unknown> | undefined;
  /** A write under `of` has an outcome that nobody knows. */
  readonly doubt: (of: Offset) => void;
  /** The log itself has refused a write under `of`. */
  readonly refused: (of: Offset, error: NotOwnerError) => void;
  /** It is over, and every write has its answer. */
  readonly ended: () => void;
}

type WrittenHeader = Exclude<ActionHeader, { type: 'mark' }>;

/** Writes that come after a failed one, and were sent before it was known. */
interface Broken {
  readonly after: number;
  readonly upTo: number;
}

/**
 * One journal under the tenure under which its recovery began, whose number everything carries that
 * is written through it. It is over for good when the tenure is lost, when a write has an unknown
 * outcome, and when somebody wrote the journal without a tenure: then its state is not what was
 * recovered.
 */
export class HeldKey {
  readonly key: Key;
  readonly tenure: HeldTenure;
  readonly #deps: HeldKeyDeps;
  readonly #place: ProduceOptions;
  readonly #over = new AbortController();
  /** Everything below it is in the state of whoever holds it; `undefined` before the first read. */
  #readTo: number | undefined;
  /** The place of an action without a tenure that was not in the first read. */
  #foreignAt: Offset | undefined;
  #writes = 0;
  #failures = 0;
  #broken: Broken | undefined;
  /** Writes without an answer. */
  #underWay = 0;
  readonly #settled = new Occasion();
  /** Writes wait for it, one after another. */
  #gate: Promise<unknown> | undefined;
  #youngest: Promise<unknown> | undefined;

  constructor(key: Key, tenure: HeldTenure, deps: HeldKeyDeps) {
    this.key = key;
    this.tenure = tenure;
    this.#deps = deps;
    this.#place = { partition: tenure.spot.partition };
  }

  /** Fires with the reason when the journal is no longer held. */
  get signal(): AbortSignal {
    return this.#over.signal;
  }

  /** How many writes were taken on so far. */
  get writes(): number {
    return this.#writes;
  }

  /** How many of them failed, for whatever reason. */
  get failures(): number {
    return this.#failures;
  }

  /** Ends it: nothing more is sent. What is under way still gets its answer. */
  finish(reason: JournalError): void {
    if (this.signal.aborted) return;
    this.#over.abort(reason);
    if (this.#underWay === 0) this.#deps.ended();
  }

  /** Resolves when every write has its answer; never rejects. */
  async settled(): Promise<void> {
    while (this.#underWay > 0) await this.#settled.wait();
  }

  /**
   * Resolves when what was written so far has its answer; never rejects. A read that begins
   * meanwhile would miss it.
   */
  async answered(): Promise<void> {
    await this.#youngest?.catch(() => {});
  }

  /**
   * A read begins that gives everything below this end: at least what is known to be in the log.
   *
   * @throws {DataIntegrityError} the journal is in another partition than its tenure
   */
  readTo(end: PartitionOffset): PartitionOffset {
    const { partition, topic } = this.tenure.spot;
    if (end.partition !== partition) {
      throw new DataIntegrityError(
        `${topic}:${this.key.id} lies in partition ${end.partition}, but its tenure is of ${partition}: ` +
          'the number of partitions changed, and no tenure is held in such a topic',
        { place: { topic, id: this.key.id, ...end } },
      );
    }
    const offset = Math.max(end.offset, this.tenure.sureUpTo + 1) as Offset;
    // A later read, as that before a delete, does not change the state that was recovered.
    this.#readTo ??= offset;
    return { partition, offset };
  }

  /**
   * Somebody has written the journal without a tenure. What the first read has not given ends it,
   * and takes the certainty from what was sent and comes after it.
   */
  sawForeign(at: Offset): void {
    if (this.#readTo === undefined || at < this.#readTo) return;
    this.#foreignAt ??= at;
    const { topic, partition } = this.tenure.spot;
    this.finish(
      new NotOwnerError(
        `${topic}:${this.key.id} was written without a tenure at ${partition}:${at}: it has to be read again`,
      ),
    );
  }

  /**
   * Writes under the tenure through a producer; resolves when it is known that the write counts.
   *
   * @throws {NotOwnerError} certainly not stored
   * @throws {WriteFailedError} may be stored: hold the journal anew, and read it
   * @throws as of `ActionProducer.produce`
   */
  write(producer: ActionProducer, action: Action, options?: CallOptions): Promise<PartitionOffset> {
    if (this.signal.aborted) return Promise.reject(this.#notHeld());
    const signal = options?.signal;
    if (signal?.aborted) return Promise.reject(signal.reason);
    const number = ++this.#writes;
    const before = this.#gate ?? this.#deps.renewal()?.catch(() => {});
    if (before === undefined) {
      const written = this.#send(producer, action, signal, number);
      this.#youngest = written;
      return written;
    }
    const sent = before.then(
      () => this.#send(producer, action, signal, number),
      (cause) => {
        this.#failures++;
        const { topic, id } = this.key;
        const text = `a write of ${topic}:${id} was not sent, since the one before it failed`;
        throw new WriteRejectedError(text, { cause });
      },
    );
    this.#gate = sent;
    this.#youngest = sent;
    const forget = (): void => {
      if (this.#gate === sent) this.#gate = undefined;
    };
    sent.then(forget, forget);
    return sent;
  }

  // The hot path of every write: one promise, and two closures.
  #send(
    producer: ActionProducer,
    action: Action,
    signal: AbortSignal | undefined,
    number: number,
  ): Promise<PartitionOffset> {
    const { tenure } = this;
    const isHeld = !this.signal.aborted;
    if (!isHeld || signal?.aborted) {
      // Both may have come while the write waited.
      this.#failures++;
      return Promise.reject(isHeld ? signal?.reason : this.#notHeld());
    }
    const { stamp } = tenure;
    const written = action.header as WrittenHeader;
    // An append names its tenure from the beginning, unless that was opened anew meanwhile.
    const stamped =
      written.tenure === stamp
        ? action
        : ({ ...action, header: { ...written, tenure: stamp } } as Action);
    // Whoever writes without a read knows nothing that others could have changed before.
    this.#readTo ??= tenure.sureUpTo + 1;
    this.#underWay++;
    const place = signal === undefined ? this.#place : { ...this.#place, signal };
    return producer.produce(stamped, place).then(
      (at) => {
        tenure.wrote(at.offset);
        const isPlain = this.#foreignAt === undefined && this.#broken === undefined;
        if (!isPlain || !tenure.isSure(stamp.of, at.offset))
          return this.#untilCounts(stamp.of, at, number);
        this.#answered();
        return at;
      },
      (error: unknown) => {
        // A producer looks at the signal only before it hands the record over.
        const isUnsent = signal?.aborted === true && error === signal.reason;
        this.#failed(stamp.of, error, isUnsent);
        if (written.type !== 'delete') this.#breakOff(number);
        if (error instanceof NotOwnerError) this.#deps.refused(stamp.of, error);
        this.#answered();
        throw error;
      },
    );
  }

  async #untilCounts(of: Offset, at: PartitionOffset, number: number): Promise<PartitionOffset> {
    const { limitMs, clock } = this.#deps;
    try {
      await this.tenure.untilCounts(of, at.offset, limitMs, clock);
      const doubt = this.#doubtOf(at, number);
      if (doubt === undefined) return at;
      const { topic, id } = this.key;
      throw new WriteFailedError(
        `the write of ${topic}:${id} at ${at.partition}:${at.offset} ${doubt}`,
      );
    } catch (error) {
      this.#failed(of, error, false);
      this.#breakOff(number);
      throw error;
    } finally {
      this.#answered();
    }
  }

  /** Why a record that counts may still not be what its writer takes it for. */
  #doubtOf(at: PartitionOffset, number: number): string | undefined {
    const foreignAt = this.#foreignAt;
    if (foreignAt !== undefined && at.offset > foreignAt)
      return `comes after one without a tenure, at ${foreignAt}, which may have taken its numbers`;
    const broken = this.#broken;
    if (broken === undefined || number <= broken.after || number > broken.upTo) return undefined;
    return 'is stored, but the one before it failed: the journal may have a hole there';
  }

  /** What was sent after a failed write, and before its failure was known, builds on it. */
  #breakOff(number: number): void {
    const after = Math.min(number, this.#broken?.after ?? number);
    this.#broken = { after, upTo: this.#writes };
  }

  #answered(): void {
    this.#underWay--;
    if (this.#underWay > 0) return;
    this.#broken = undefined;
    this.#settled.fire();
    if (this.signal.aborted) this.#deps.ended();
  }

  /** Whether the write is stored may be unknown: then the journal has to be recovered. */
  #failed(of: Offset, error: unknown, isUnsent: boolean): void {
    this.#failures++;
    const isKnown = isUnsent || (error instanceof JournalError && error.stored !== 'unknown');
    if (isKnown && !(error instanceof NotOwnerError)) return;
    if (!isKnown) this.#deps.doubt(of);
    const { topic, id } = this.key;
    this.finish(
      error instanceof JournalError
        ? error
        : new WriteFailedError(`a write of ${topic}:${id} failed`, { cause: error }),
    );
  }

  #notHeld(): NotOwnerError {
    const { reason } = this.signal;
    const owner = reason instanceof NotOwnerError ? reason.owner : undefined;
    const { topic, id } = this.key;
    return new NotOwnerError(`${topic}:${id} is no longer held: nothing was sent`, {
      cause: reason,
      owner,
    });
  }

  /** The caller has no more use for it. */
  release(): void {
    this.finish(new ClosedError(`${this.key.topic}:${this.key.id} was released`));
  }
}
