import type { AnyActorRef, EventObject } from 'xstate';
import type { StoredForm } from '../../model/stored-form.ts';
import type { BesideEvents, CommandFact, EventFacts } from '../../ports/journal-plugin.ts';
import type { Ask } from './ask.ts';
import type { ChildAttempt } from './invoked-work.ts';
import type { RecentCommand } from './recent-commands.ts';
import type { TimerChange } from './timers.ts';

/** A command, or an input of the entity's own, on its way through the entity. */
export interface Envelope {
  readonly event: EventObject;
  readonly ask: Ask | undefined;
  /** Id of the timer whose firing this is. */
  readonly timer: string | undefined;
  /**
   * A child's result, a delayed transition or a confirmation: not for the user's `decide`, and
   * never dropped.
   */
  readonly internal: boolean;
  /** A machine below the entity has sent it, and sends it again after a recovery. */
  readonly fromChild: boolean;
  /** Id of the delivery that this confirms. */
  readonly delivery: string | undefined;
  /** The child whose end this is, when the entity had it as its child at that moment. */
  readonly child: AnyActorRef | undefined;
  /** What is to be stored of an attempt of invoked work: that is all that it is about. */
  readonly attempt?: ChildAttempt;
}

/** What is so of all that the entity has to say itself. */
export const ownInput = {
  ask: undefined,
  timer: undefined,
  internal: true,
  fromChild: false,
  delivery: undefined,
  child: undefined,
} as const;

/**
 * The entity itself or a child has sent it, and sends it again after a recovery: kept until then,
 * it would count twice.
 */
export function isSentAgain({ internal, fromChild }: Envelope): boolean {
  return internal || fromChild;
}

/** One event that a command leads to. */
export interface Step<S> {
  readonly event: EventObject;
  /** What is stored; `undefined` for an event that is applied without being stored. */
  readonly payload: unknown;
  /** The payload with its JSON, when it is an event of the user. */
  readonly form: StoredForm<object> | undefined;
  /** What the event adapter says of the payload; `''` = nothing. */
  readonly manifest: string;
  /**
   * 0, or the place among the events that an adapter makes of one stored event: those after the
   * first have no payload, and the number of the first.
   */
  readonly part: number;
  readonly tags: readonly string[];
  readonly facts: EventFacts;
  /** The delayed events that it schedules and cancels, in order. */
  readonly timerChanges: readonly TimerChange[];
  /** The state against which it was evaluated. */
  readonly base: S;
  /** The state that it leads to. */
  readonly next: S;
  /** Defined when `next` may become the state of the entity as it is: see `DryRun.trace`. */
  readonly trace: readonly unknown[] | undefined;
  /** The event is what is stored of an attempt of invoked work; the state stays as it is. */
  readonly attempt?: ChildAttempt;
  /** Number of the stored event, given when it is written; 0 until then. */
  seqNr: number;
  /** What is stored of its command, given when it is written. */
  command: CommandFact | undefined;
}

/** The step is stored, or the event of which it is a part. */
export function isStored<S>({ payload, part }: Step<S>): boolean {
  return payload !== undefined || part > 0;
}

/** How a command ends once its events are stored and applied. */
export type Outcome<S> =
  | { readonly type: 'reply'; readonly reply: unknown; readonly thenRun?: (snapshot: S) => void }
  | { readonly type: 'error'; readonly error: Error }
  /** It was stored when its asker asked before. */
  | { readonly type: 'known'; readonly command: RecentCommand }
  /** It waits for the next event of the entity. */
  | { readonly type: 'stash' }
  /** The entity ends with this error once everything before it is stored. */
  | { readonly type: 'fail'; readonly error: Error };

/** What a command leads to; nothing has happened yet. */
export interface Evaluated<S> {
  readonly envelope: Envelope;
  readonly steps: readonly Step<S>[];
  readonly outcome: Outcome<S>;
  /** What is stored beside its events. */
  readonly beside?: BesideEvents;
}
