import type { EventObject } from 'xstate';
import { CommandRejectedError, CommandUnhandledError, InvalidInputError } from '../model/errors.ts';
import type { Ask } from './ask.ts';
import { checkDecision, checkTags, checkTransient } from './check-decision.ts';
import { deepFreeze } from './deep-freeze.ts';
import type { DryRun, EntityLogic, HostedState } from './entity-logic.ts';
import type { Decision, EntitySettings } from './entity-options.ts';
import { fromStored, isChildError, isXstateEvent, toStored } from './stored-event.ts';

/** A command, or an input of xstate's own, on its way through the host. */
export interface Envelope {
  readonly event: EventObject;
  readonly ask: Ask | undefined;
  /** Id of the timer whose firing this is. */
  readonly timer: string | undefined;
  /** A child's result or a delayed transition: not for `decide`, and never dropped. */
  readonly internal: boolean;
}

/** One event that a command leads to. */
export interface Step<S> {
  readonly event: EventObject;
  /** What is stored; `undefined` for an event that is applied without being stored. */
  readonly payload: EventObject | undefined;
  readonly tags: readonly string[];
  readonly timer: string | undefined;
  /** The state it was evaluated against, and the outcome, and what makes that outcome adoptable. */
  readonly base: S;
  readonly next: S;
  readonly trace: readonly unknown[] | undefined;
  /** Number of the stored event, given when it is written; 0 until then. */
  seqNr: number;
}

export type Outcome<S> =
  | { readonly type: 'reply'; readonly reply: unknown; readonly thenRun?: (snapshot: S) => void }
  | { readonly type: 'error'; readonly error: Error }
  | { readonly type: 'stash' }
  /** The entity ends with this error once everything before it is stored. */
  | { readonly type: 'fail'; readonly error: Error };

/** What a command leads to; nothing has happened yet. */
export interface Evaluated<S> {
  readonly envelope: Envelope;
  readonly steps: readonly Step<S>[];
  readonly outcome: Outcome<S>;
}

const noSteps: readonly never[] = [];
const noTags: readonly string[] = [];
const done = { type: 'reply', reply: undefined } as const;

export interface EvaluatorDeps<S> {
  readonly logic: EntityLogic<S>;
  readonly settings: EntitySettings<S>;
}

/** Works out, in dry runs, what commands lead to. */
export class CommandEvaluator<S extends HostedState> {
  readonly #logic: EntityLogic<S>;
  readonly #settings: EntitySettings<S>;
  #run: DryRun<S> | undefined;

  constructor({ logic, settings }: EvaluatorDeps<S>) {
    this.#logic = logic;
    this.#settings = settings;
  }

  /** A new chain of dry runs begins, from the committed state. */
  reset(): void {
    this.#run?.reset();
  }

  evaluate(envelope: Envelope, state: S, sequenceNr: number): Evaluated<S> {
    this.#run?.mark();
    const evaluated = this.#tryEvaluate(envelope, state, sequenceNr);
    if (evaluated.outcome.type !== 'reply') this.#run?.undo();
    return evaluated;
  }

  /** Whatever the callbacks of the user do, the command gets its answer. */
  #tryEvaluate(envelope: Envelope, state: S, sequenceNr: number): Evaluated<S> {
    if (this.#settings.actor.checkDeterminism) freeze(envelope.event, state);
    try {
      return this.#evaluate(envelope, state, sequenceNr);
    } catch (cause) {
      const error = rejection(envelope.event, asError(cause));
      const type = envelope.internal ? 'fail' : 'error';
      return { envelope, steps: noSteps, outcome: { type, error } };
    }
  }

  #evaluate(envelope: Envelope, state: S, sequenceNr: number): Evaluated<S> {
    if (envelope.internal) return this.#input(envelope, state);
    const { event } = envelope;
    const isTransient = this.#settings.transient?.({ event, snapshot: state });
    if (checkTransient(isTransient, event)) return this.#transient(envelope, state);
    const { decide } = this.#settings;
    if (decide === undefined) return this.#commandAsEvent(envelope, state);
    let decision: Decision<EventObject, S>;
    try {
      decision = decide({ snapshot: state, command: envelope.event, sequenceNr });
    } catch (error) {
      return refused(
        envelope,
        new CommandRejectedError(`"${envelope.event.type}" failed`, { cause: error }),
      );
    }
    return this.#decided(envelope, state, checkDecision<S>(decision, envelope.event));
  }

  #decided(envelope: Envelope, state: S, decision: Decision<EventObject, S>): Evaluated<S> {
    switch (decision.type) {
      case 'persist':
        return this.#persist(envelope, state, decision);
      case 'none':
        return { envelope, steps: noSteps, outcome: { type: 'reply', reply: decision.reply } };
      case 'reject':
        return refused(envelope, rejected(envelope.event, decision.reason));
      case 'unhandled':
        return this.#unhandled(envelope, state);
      case 'stash':
        return { envelope, steps: noSteps, outcome: { type: 'stash' } };
    }
  }

  #persist(
    envelope: Envelope,
    state: S,
    { events, reply, thenRun }: Extract<Decision<EventObject, S>, { type: 'persist' }>,
  ): Evaluated<S> {
    const steps: Step<S>[] = [];
    let base = state;
    for (const event of events) {
      const step = this.#tryStep({ event, timer: undefined }, base);
      if (step instanceof Error) return refused(envelope, rejection(event, step));
      if (step === undefined) return refused(envelope, this.#noTransition(event, base));
      steps.push(step);
      base = step.next;
      if (base.status !== 'active') break;
    }
    if (steps.length < events.length) return refused(envelope, pastTheEnd(envelope, steps.length));
    const outcome =
      thenRun === undefined ? { type: 'reply', reply } : { type: 'reply', reply, thenRun };
    return { envelope, steps, outcome: outcome as Outcome<S> };
  }

  /** Without `decide` the command is the event: it needs a transition. */
  #commandAsEvent(envelope: Envelope, state: S): Evaluated<S> {
    const step = this.#tryStep(envelope, state);
    if (step instanceof Error) return refused(envelope, rejection(envelope.event, step));
    if (step === undefined) return this.#unhandled(envelope, state);
    return { envelope, steps: [step], outcome: done };
  }

  /** A timer, or a child's result: what nothing handles is forgotten, but for a child's failure. */
  #input(envelope: Envelope, state: S): Evaluated<S> {
    const { event, timer } = envelope;
    const payload = isXstateEvent(event) ? toStored(event) : event;
    const step = this.#tryStep({ event: fromStored(payload), timer, payload }, state);
    if (step instanceof Error)
      return { envelope, steps: noSteps, outcome: { type: 'fail', error: step } };
    if (step !== undefined) return { envelope, steps: [step], outcome: done };
    if (!isChildError(event)) return { envelope, steps: noSteps, outcome: done };
    // Storing it would end every later incarnation too: it is applied, which fails the actor as
    // usual.
    return { envelope, steps: [unstored(event, state)], outcome: done };
  }

  #transient(envelope: Envelope, state: S): Evaluated<S> {
    const { event } = envelope;
    const step = this.#tryStep(envelope, state);
    if (step instanceof Error) return refused(envelope, rejection(event, step));
    if (step === undefined) return this.#unhandled(envelope, state);
    if (!this.#logic.isUnchanged(state, step.next)) {
      const text = `"${event.type}" is transient and must not change value, context or children`;
      return refused(envelope, new InvalidInputError(text));
    }
    return { envelope, steps: [{ ...step, payload: undefined }], outcome: done };
  }

  #unhandled(envelope: Envelope, state: S): Evaluated<S> {
    const error = this.#noTransition(envelope.event, state);
    const fails = this.#settings.actor.unhandledCommand === 'fail';
    return { envelope, steps: noSteps, outcome: { type: fails ? 'fail' : 'error', error } };
  }

  #noTransition(event: EventObject, state: S): CommandUnhandledError {
    const text = `nothing handles "${event.type}" in state ${this.#logic.describe(state)}`;
    return new CommandUnhandledError(text);
  }

  /** `undefined` when nothing handles the event; an error when it must not be stored. */
  #tryStep(
    input: {
      readonly event: EventObject;
      readonly timer: string | undefined;
      readonly payload?: EventObject;
    },
    base: S,
  ): Step<S> | Error | undefined {
    this.#run ??= this.#logic.dryRun();
    const run = this.#run;
    const { event, timer, payload = event } = input;
    if (this.#settings.actor.checkDeterminism) freeze(event, base);
    try {
      const next = run.apply(base, event);
      if (!run.handled) return undefined;
      if (next.status === 'error') return asError(next.error);
      const { tagger } = this.#settings;
      const tags = tagger === undefined ? noTags : checkTags(tagger(event, next), event);
      return { event, payload, tags, timer, base, next, trace: run.trace, seqNr: 0 };
    } catch (error) {
      return asError(error);
    }
  }
}

function unstored<S>(event: EventObject, state: S): Step<S> {
  return {
    event,
    payload: undefined,
    tags: noTags,
    timer: undefined,
    base: state,
    next: state,
    trace: undefined,
    seqNr: 0,
  };
}

function refused<S>(envelope: Envelope, error: Error): Evaluated<S> {
  return { envelope, steps: noSteps, outcome: { type: 'error', error } };
}

/** So that code which changes them in place fails in development, and not in a later replay. */
function freeze(event: EventObject, state: unknown): void {
  deepFreeze(event);
  deepFreeze((state as { readonly context?: unknown }).context);
}

/** The reason that `decide` gave; callers in JavaScript may give another value than an error. */
function rejected({ type }: EventObject, reason: unknown): CommandRejectedError {
  const { message } = (reason ?? {}) as { readonly message?: unknown };
  const given = typeof reason === 'string' ? reason : message;
  const text =
    typeof given === 'string' ? given : `decide refused "${type}" without giving an Error`;
  return new CommandRejectedError(text, { cause: reason });
}

function rejection(event: EventObject, cause: Error): Error {
  if (cause instanceof InvalidInputError) return cause;
  return new CommandRejectedError(`"${event.type}" cannot be applied`, { cause });
}

function pastTheEnd({ event }: Envelope, count: number): CommandRejectedError {
  const text = `"${event.type}" leads to events after number ${count} of them ended the entity`;
  return new CommandRejectedError(text);
}

function asError(value: unknown): Error {
  return value instanceof Error ? value : new Error(String(value), { cause: value });
}
