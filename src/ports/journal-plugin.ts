import type { Brand } from '../model/brand.ts';
import type { Headers } from '../model/event.ts';
import type { ExpireAfter } from '../model/expire-after.ts';
import type { JsonValue } from '../model/payload.ts';
import type { SeqNr } from '../model/seq-nr.ts';
import type { StoredForm } from '../model/stored-form.ts';
import type { Wake } from '../model/wake-up.ts';
import type { CallOptions } from './call-options.ts';

/** The name of one persistent actor: not blank. */
export type PersistenceId = Brand<string, 'PersistenceId'>;

/** One event as an actor hands it over and gets it back. */
export interface PersistentRepr<P = unknown> {
  readonly persistenceId: PersistenceId;
  readonly seqNr: SeqNr;
  /** JSON, a `Uint8Array`, or a `SerializedPayload`; it comes back equal. */
  readonly payload: P;
  /** The payload in the form in which the host applies it; a journal may store that JSON unseen. */
  readonly form?: StoredForm<object>;
  /** What the event adapter says of the payload, `''` = nothing. */
  readonly manifest: string;
  /** One UUID per incarnation of the writing actor. */
  readonly writerUuid: string;
  /** When it was stored, ms since the epoch; `undefined` on the way in. */
  readonly timestampMs: number | undefined;
  readonly tags: readonly string[];
  readonly facts: EventFacts;
}

/**
 * What an event says about its own life beside its payload (ADR 23): what a replay could not work
 * out again, or not in the same way.
 */
export interface EventFacts {
  /** The event is the firing of the timer with this id. */
  readonly timer?: string;
  /**
   * The delays of the timers that the event armed, ms, in the order in which it armed them. `null`
   * stands for a delay that JSON cannot hold, such as `Infinity`.
   */
  readonly delaysMs?: readonly (number | null)[];
  /**
   * For how long timers of earlier events stood still, ms: from the event before this one to the
   * recovery that followed it. Negative where the clock of the recovery was the slower one.
   */
  readonly stillMs?: number;
  /** A timer or a child of the entity sent the event, and no transition took it. */
  readonly unhandled?: true;
  /** The event is the end of a child whose id had passed to another child by then. */
  readonly replaced?: true;
  /** The command that led to the event, as far as its asker named it. */
  readonly command?: CommandFact;
  /** What is to be delivered because of the event, in this order; nothing that was before it. */
  readonly deliveries?: readonly DeliveryFact[];
  /** Ids of deliveries that were unconfirmed, and are over with the event. */
  readonly confirmed?: readonly string[];
  /** Name of the JSON codec that made the payload of the event. */
  readonly encoding?: string;
  /** Version of the machine that wrote the event. */
  readonly machineVersion?: string;
  /**
   * Version of the machine that wrote the first event of the journal, where that is another one;
   * `null` = that event names none.
   */
  readonly bornWith?: string | null;
}

/** What the asker of a command said of it; each event of the command has the same one. */
export interface CommandFact {
  /** Number of the first event that the command led to; an init record is none of them. */
  readonly first: number;
  /** Number of the last one. */
  readonly last: number;
  /** The name under which its asker may ask again. */
  readonly commandId?: string;
  /** What the asker was answered; absent = nothing, or the command has no `commandId`. */
  readonly reply?: unknown;
  /** The encrypted reply, in base64, in place of `reply`. */
  readonly sealed?: string;
  readonly correlationId?: string;
  readonly causationId?: string;
}

/** A message that the entity delivers until it is confirmed. */
export interface DeliveryFact {
  /** The same in every attempt, and in every process: whoever gets it again knows it by that. */
  readonly id: string;
  /** Name of the destination. */
  readonly to: string;
  /** JSON; absent = there is none, or it is `sealed`. */
  readonly message?: unknown;
  /** The message, encrypted with the key of the entity, in base64. */
  readonly sealed?: string;
}

/** The facts of an event that has none. */
export const EventFacts = { none: Object.freeze({}) as EventFacts };

/** Events that are stored together or not at all; numbers ascend without gaps. */
export interface AtomicWrite {
  readonly persistenceId: PersistenceId;
  readonly events: readonly [PersistentRepr, ...PersistentRepr[]];
  /** What the entity waits for once they are stored; absent = not said. */
  readonly wake?: Wake;
  /** What is stored once beside the events. */
  readonly beside?: BesideEvents;
}

/** What a user's hooks say of one write; the events of other writes do not get it. */
export interface BesideEvents {
  /** Anything that JSON can hold. */
  readonly metadata?: JsonValue;
  /** Of the record, by name. */
  readonly headers?: Headers;
  /** How long the journal lives after this write unless another one follows; absent = for ever. */
  readonly expireAfter?: ExpireAfter;
}

/** What became of one atomic write of a call that did not fail as a whole. */
export type WriteOutcome =
  | { readonly type: 'stored' }
  | { readonly type: 'rejected'; readonly cause: Error };

/** Which events to replay; both bounds are inclusive. */
export interface ReplayRequest {
  readonly persistenceId: PersistenceId;
  readonly from: SeqNr;
  readonly to: SeqNr;
  /** Upper bound of the number of events; `Infinity` = no limit. */
  readonly maxEvents: number;
  /**
   * Events that may be read ahead of what was taken, and the most that are given at once: the
   * setting `replay-batch-size`. The host gives smaller ones itself where a batch is larger. No
   * limit unless given.
   */
  readonly maxAhead?: number;
}

/** The whole state of one journal as of one moment. */
export interface Recovery {
  /**
   * Highest number ever stored, 0 = never written. With a streaming journal it is known when
   * `events` has ended; reading it earlier waits for that.
   */
  readonly highestSeqNr: () => Promise<number>;
  /**
   * Ascending, each number once, in batches that are never empty; those of the host may be. Must be
   * consumed or returned once.
   */
  readonly events: AsyncIterable<readonly PersistentRepr[]>;
}

/** A recovery that has begun, and does not know yet from which number on it reads. */
export interface BegunRecovery extends AsyncDisposable {
  /**
   * Goes on, once at most. The cut may be of any moment since it was begun.
   *
   * @throws the errors of {@link JournalPlugin.recover}; so of what failed before, too
   */
  recover(request: ReplayRequest): Promise<Recovery>;
  /**
   * Ends it, whether it went on or not: it waits for nothing any more, and frees what is open.
   * After the events have ended this does nothing. A rejection is ignored.
   */
  [Symbol.asyncDispose](): Promise<void>;
}

/** What a journal does for persistent actors. */
export interface JournalPlugin extends AsyncDisposable {
  /**
   * Stores atomic writes in order. An empty answer means that all are stored; otherwise one outcome
   * each.
   *
   * @throws {WriteRejectedError} certainly nothing of the call was stored
   * @throws {WriteFailedError} any of them may or may not be stored
   */
  write(writes: readonly AtomicWrite[], options?: CallOptions): Promise<readonly WriteOutcome[]>;

  /**
   * Deletes up to `to`, inclusive; never lowers the highest number.
   *
   * @throws {WriteRejectedError} certainly not stored: nothing is deleted
   * @throws {WriteFailedError} the delete may or may not be stored; it may be repeated
   */
  deleteTo(id: PersistenceId, to: SeqNr, options?: CallOptions): Promise<void>;

  /**
   * Deletes everything; numbering starts again at 1. A journal without it cannot be purged.
   *
   * @throws {WriteRejectedError} certainly not stored: nothing is purged
   * @throws {WriteFailedError} the purge may or may not be stored; it may be repeated before the
   *   next write
   */
  purge?(id: PersistenceId, options?: CallOptions): Promise<void>;

  /**
   * Highest number ever stored; 0 = never written. `from` is a hint: the answer is at least that.
   *
   * @throws {LogUnavailableError} {@link StoreUnavailableError} retryable; nothing changed
   * @throws {WriteFailedError} the mark that bounds the read may or may not be in the log
   * @throws {CodecError} {@link DataIntegrityError} names the record that breaks a rule
   */
  highestSeqNr(id: PersistenceId, from: number, options?: CallOptions): Promise<number>;

  /**
   * Streams stored events in ascending order, then ends. It fails as {@link highestSeqNr} does,
   * also after some events.
   *
   * @throws the errors of `highestSeqNr`
   */
  replay(request: ReplayRequest, options?: CallOptions): AsyncIterable<readonly PersistentRepr[]>;

  /**
   * Highest number and events from one and the same cut (ADR 22); the host prefers it when present.
   *
   * @throws the errors of `highestSeqNr`, here or from what it answers with
   */
  recover?(request: ReplayRequest, options?: CallOptions): Promise<Recovery>;

  /**
   * Begins a recovery while the snapshot that says from which number on is still being loaded: what
   * does not depend on the number is looked up meanwhile. Answers at once; what fails, fails the
   * `recover` of what it gives. Its cut holds everything that was acknowledged before this call. A
   * journal without it is asked when the snapshot is there.
   */
  beginRecovery?(id: PersistenceId, options?: CallOptions): BegunRecovery;

  /**
   * Takes the right to write the journal of one entity: nobody else's writes count from now on.
   * Recover it after that, through what this gives. Waits while another process has just taken the
   * partition over, and for the writes of whoever held the journal before in this process.
   * `undefined` = this journal cannot be held; it is written as it is.
   *
   * @throws {LogUnavailableError} {@link StoreUnavailableError} retryable
   * @throws {DataIntegrityError} the number of partitions of the topic changed
   * @throws the abort reason when `options.signal` fires
   */
  hold?(id: PersistenceId, options?: CallOptions): Promise<HeldPlugin | undefined>;
}

/**
 * The journal of one entity, under the right to write it: what is stored here counts for every
 * reader. Its `write` may also be rejected with `NotOwnerError`. Disposing lets the entity go once
 * what was sent has its answer.
 */
export interface HeldPlugin extends Omit<JournalPlugin, 'hold'> {
  /**
   * Fires when the entity is no longer held: nothing is sent any more, and what was recovered may
   * no longer be its state.
   */
  readonly signal: AbortSignal;
}
