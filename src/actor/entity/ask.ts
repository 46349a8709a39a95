import type { EventObject } from 'xstate';
import type { Stored } from '../../model/errors.ts';
import { onAbort } from '../../runtime/on-abort.ts';
import type { ReplyOf, StoredEventOf } from './persistence-info.ts';

/** What an asker gets once everything its command led to is stored and applied. */
export interface AskResult<S = unknown> {
  /** Number of the entity's last event at that moment. */
  readonly sequenceNr: number;
  /** What the command led to; empty when nothing was stored. */
  readonly events: readonly StoredEventOf<S>[];
  /** The state right after those events; of a command that was stored earlier, the present one. */
  readonly snapshot: S;
  /** What `decide` said; `undefined` when it said nothing. */
  readonly reply: ReplyOf<S>;
}

/** How long to wait. */
export interface WaitOptions {
  /** ms, more than 0; without it as long as the recovery goes on. */
  readonly timeout?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What an asker demands of the entity, and says of its command. */
export interface CommandTerms {
  /**
   * The command is evaluated only if this is the number of the entity's last event, as a snapshot
   * or an answer gave it (0 = nothing was stored so far); otherwise `ask` rejects with {@link
   * UnexpectedSequenceNrError}, and nothing is stored.
   */
  readonly expectedSequenceNr?: number | undefined;
  /**
   * Names the command, for tries of one asker: a text of at most 255 characters that is not blank.
   * A later `ask` with the same id gets the answer of the first one that was stored, from whatever
   * process and after whatever crash, as long as the entity remembers it
   * (docs/commands.md#asking-again). The id alone decides: a new command needs a new one.
   */
  readonly commandId?: string | undefined;
  /** What the command belongs to, stored beside its events: at most 255 characters, not blank. */
  readonly correlationId?: string | undefined;
  /** What the command follows from, stored beside its events: at most 255 characters, not blank. */
  readonly causationId?: string | undefined;
}

/** The terms that were given, checked. */
export type CheckedTerms = {
  readonly [Name in keyof CommandTerms]: NonNullable<CommandTerms[Name]>;
};

/** How the asker of a command names it. */
export type CommandNames = Pick<CommandTerms, 'commandId' | 'correlationId' | 'causationId'>;

/** How long an asker waits unless it says otherwise. */
export const defaultAskTimeoutMs = 30_000;

/** What an asker may know of the entity. */
export interface Asked {
  /** The failure after which it, or its journal, is trying again at the moment. */
  readonly trouble: unknown;
}

/** What waits while the entity recovers. */
export interface WaitingCommands {
  /** A caller has sent something that waits, and has not given up. */
  readonly hasCommand: boolean;
}

/** One question under way; settled once, by the first of answer, failure and deadline. */
export class Ask {
  readonly command: EventObject;
  readonly deadlineMs: number;
  readonly terms: CommandTerms;
  readonly asked: Asked | undefined;
  readonly promise: Promise<AskResult>;
  settled = false;
  /** What is known of the command at the moment: `'unknown'` while its write is under way. */
  stored: Stored = 'no';
  readonly #resolve: (result: AskResult) => void;
  readonly #reject: (error: unknown) => void;
  #stopListening: () => void = doNothing;

  constructor(command: EventObject, deadlineMs: number, terms: CommandTerms = {}, asked?: Asked) {
    this.command = command;
    this.deadlineMs = deadlineMs;
    this.terms = terms;
    this.asked = asked;
    const { promise, resolve, reject } = Promise.withResolvers<AskResult>();
    this.promise = promise;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** The asker waits no longer than until `signal` fires. */
  giveUpOn(signal: AbortSignal): void {
    if (this.settled) return;
    this.#stopListening = onAbort(signal, (reason) => this.fail(reason));
  }

  answer(result: AskResult): void {
    this.#settle();
    this.#resolve(result);
  }

  fail(error: unknown): void {
    this.#settle();
    this.#reject(error);
  }

  #settle(): void {
    this.settled = true;
    this.#stopListening();
  }
}

const doNothing = (): void => {};
