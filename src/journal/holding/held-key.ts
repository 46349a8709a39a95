import type { Action, ActionHeader } from '../../model/action.ts';
import {
  ClosedError,
  DataIntegrityError,
  JournalError,
  NotOwnerError,
  WriteFailedError,
} from '../../model/errors.ts';
import type { Key } from '../../model/key.ts';
import type { Offset, PartitionOffset } from '../../model/position.ts';
import type { ActionProducer } from '../../ports/action-producer.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import type { Clock } from '../../runtime/clock.ts';
import { Occasion } from '../../runtime/occasion.ts';
import { onAbort } from '../../runtime/on-abort.ts';
import type { HeldTenure } from './held-tenure.ts';

/** What a held journal needs of the partition's holder. */
export interface HeldKeyDeps {
  readonly clock: Clock;
  readonly limitMs: number;
  /** The tenure is being opened anew: what is written meanwhile would be void. */
  readonly renewal: () => Promise<unknown> | undefined;
  /** A write under `of` has an outcome that nobody knows. */
  readonly doubt: (of: Offset) => void;
  /** It is not held any more, and has no write under way. */
  readonly released: () => void;
}

type WrittenHeader = Exclude<ActionHeader, { type: 'mark' }>;

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
  readonly #over = new AbortController();
  readonly #stopListening: () => void;
  /** Everything below it was in the first read; `undefined` before that. */
  #readTo: number | undefined;
  /** Where an action without a tenure lies that was not in the first read. */
  #foreignAt: Offset | undefined;
  /** Writes without an answer. */
  #underWay = 0;
  readonly #settled = new Occasion();
  /** Writes wait for it, one after another. */
  #gate: Promise<unknown> | undefined;

  constructor(key: Key, tenure: HeldTenure, deps: HeldKeyDeps) {
    this.key = key;
    this.tenure = tenure;
    this.#deps = deps;
    this.#stopListening = onAbort(tenure.signal, (reason) => this.finish(reason as JournalError));
  }

  /** Fires with the reason when the journal is no longer held. */
  get signal(): AbortSignal {
    return this.#over.signal;
  }

  /** Ends it: nothing more is sent. What is under way still gets its answer. */
  finish(reason: JournalError): void {
    if (this.signal.aborted) return;
    this.#stopListening();
    this.#over.abort(reason);
    if (this.#underWay === 0) this.#deps.released();
  }

  /** Resolves when every write has its answer; never rejects. */
  async settled(): Promise<void> {
    while (this.#underWay > 0) await this.#settled.wait();
  }

  /**
   * A read begins that gives everything below this end: at least what is known to be in the log.
   *
   * @throws {DataIntegrityError} the journal lies in another partition than its tenure
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
    // A later read may give less than the first did: that of a delete gives the last number only.
    this.#readTo ??= offset;
    return { partition, offset };
  }

  /** Somebody has written the journal without a tenure. What was not in the first read ends it. */
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
    const before = this.#gate ?? this.#deps.renewal();
    if (before === undefined) return this.#send(producer, action, options);
    const send = (): Promise<PartitionOffset> => this.#send(producer, action, options);
    const sent = before.then(send, send);
    this.#gate = sent;
    const forget = (): void => {
      if (this.#gate === sent) this.#gate = undefined;
    };
    sent.then(forget, forget);
    return sent;
  }

  #send(
    producer: ActionProducer,
    action: Action,
    options: CallOptions | undefined,
  ): Promise<PartitionOffset> {
    if (this.signal.aborted) return Promise.reject(this.#notHeld());
    const { of, spot } = this.tenure;
    const { scope, partition } = spot;
    const header = { ...(action.header as WrittenHeader), tenure: { scope, of } };
    const stamped = { ...action, header } as Action;
    this.#underWay++;
    return producer.produce(stamped, { ...options, partition }).then(
      (at) => {
        this.tenure.wrote(at.offset);
        const isSure = this.#foreignAt === undefined && this.tenure.isSure(of, at.offset);
        if (!isSure) return this.#decide(of, at);
        this.#answered();
        return at;
      },
      (error) => {
        this.#answered();
        throw this.#failed(of, error);
      },
    );
  }

  async #decide(of: Offset, at: PartitionOffset): Promise<PartitionOffset> {
    const { limitMs, clock } = this.#deps;
    try {
      await this.tenure.decide(of, at.offset, limitMs, clock);
      const foreignAt = this.#foreignAt;
      if (foreignAt === undefined || at.offset < foreignAt) return at;
      const { topic, id } = this.key;
      throw new WriteFailedError(
        `${topic}:${id} was written without a tenure at ${at.partition}:${foreignAt}, before the write at ` +
          `${at.offset}, which may have lost its numbers`,
      );
    } catch (error) {
      throw this.#failed(of, error);
    } finally {
      this.#answered();
    }
  }

  #answered(): void {
    this.#underWay--;
    if (this.#underWay > 0) return;
    if (this.signal.aborted) this.#deps.released();
    this.#settled.fire();
  }

  /** Whether the write is stored may be unknown: then the journal has to be recovered. */
  #failed(of: Offset, error: unknown): unknown {
    const isKnown = error instanceof JournalError && error.stored !== 'unknown';
    if (isKnown && !(error instanceof NotOwnerError)) return error;
    if (!isKnown) this.#deps.doubt(of);
    const { topic, id } = this.key;
    this.finish(
      error instanceof JournalError
        ? error
        : new WriteFailedError(`a write of ${topic}:${id} failed`, { cause: error }),
    );
    return error;
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
