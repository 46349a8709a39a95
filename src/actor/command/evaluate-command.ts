import type { EventObject } from 'xstate';
import {
  CommandRejectedError,
  CommandUnhandledError,
  InvalidInputError,
  WriteRejectedError,
} from '../../model/errors.ts';
import { StoredForm, storedForm } from '../../model/stored-form.ts';
import { EventFacts } from '../../ports/journal-plugin.ts';
import { actorPrefix } from '../delivery/actor-address.ts';
import { deliveredPrefix } from '../delivery/delivery-options.ts';
import type { OutboxChange } from '../delivery/outbox-draft.ts';
import { OutboxDraft } from '../delivery/outbox-draft.ts';
import { eventFault } from '../entity/check-input.ts';
import { checkSame } from '../entity/check-same.ts';
import type { DryRun, EntityLogic, HostedState, StoredInput } from '../entity/entity-logic.ts';
import type { Decision, EntitySettings } from '../entity/entity-options.ts';
import type { Envelope, Evaluated, Outcome, Step } from '../entity/evaluated.ts';
import { isStored } from '../entity/evaluated.ts';
import type { Outbox } from '../entity/outbox.ts';
import { fromStored, isChildError, isOwnEvent } from '../entity/stored-event.ts';
import type { TimerChange } from '../entity/timers.ts';
import { delaysOf } from '../entity/timers.ts';
import type { CodedEvent, EventCoding } from '../evolution/event-coding.ts';
import { checkDecision, checkTags, checkTransient } from './check-decision.ts';
import { deepFreeze, freezeContext } from './freeze.ts';
import { namesOf, withStoredReply } from './named-command.ts';
import { asError, rejectionByUser, rejectionOf } from './rejections.ts';
import { attempted, changesOf, unstored, withFactsOfAll, withOutbox } from './steps.ts';
import { validCommand } from './valid-command.ts';

const noSteps: readonly never[] = [];
const noTags: readonly string[] = [];
const unwritten = { seqNr: 0, command: undefined } as const;
const done = { type: 'reply', reply: undefined } as const;

/** What the evaluation of commands needs of an entity. */
export interface EvaluatorDeps<S> {
  readonly logic: EntityLogic<S>;
  readonly settings: EntitySettings<S>;
  /** How its events are stored, known since its recovery; `undefined` = as they are. */
  readonly coding: EventCoding | undefined;
  readonly bornWith: string | undefined;
  readonly persistenceId: string;
  readonly writerUuid: string;
  readonly outbox: Outbox;
}

/** Works out, in dry runs, what commands lead to. */
export class CommandEvaluator<S extends HostedState> {
  readonly #entity: EvaluatorDeps<S>;
  readonly #logic: EntityLogic<S>;
  readonly #settings: EntitySettings<S>;
  #run: DryRun<S> | undefined;
  #draft: OutboxDraft;

  constructor(entity: EvaluatorDeps<S>) {
    this.#draft = draftOf(entity);
    this.#entity = entity;
    this.#logic = entity.logic;
    this.#settings = entity.settings;
  }

  /** A new chain of dry runs begins, from the committed state. */
  reset(): void {
    this.#run?.reset();
    this.#draft = draftOf(this.#entity);
  }

  /**
   * What the command leads to in `state`; its first event gets the number `sequenceNr` + 1. Never
   * throws: whatever the callbacks of the user do, the command gets its answer.
   */
  evaluate(envelope: Envelope, state: S, sequenceNr: number): Evaluated<S> {
    this.#run?.mark();
    this.#draft.mark();
    if (this.#settings.actor.checkDeterminism) freezeContext(state);
    let evaluated: Evaluated<S>;
    try {
      evaluated = this.#withBeside(
        envelope.internal
          ? this.#input(envelope, state, sequenceNr)
          : withStoredReply(this.#command(envelope, state, sequenceNr)),
      );
      if (!envelope.internal) this.#draft.checkSize();
    } catch (cause) {
      const error = rejectionOf(envelope.event, asError(cause));
      const type = envelope.internal ? 'fail' : 'error';
      evaluated = { envelope, steps: noSteps, outcome: { type, error } };
    }
    if (evaluated.outcome.type !== 'reply') {
      this.#run?.undo();
      this.#draft.undo();
    }
    return evaluated;
  }

  /** @throws what a hook of the user throws, or when what it gives cannot be stored */
  #withBeside(evaluated: Evaluated<S>): Evaluated<S> {
    const { beside } = this.#settings;
    if (beside === undefined) return evaluated;
    const stored = evaluated.steps.filter(({ payload }) => payload !== undefined);
    if (stored.length === 0) return evaluated;
    const events = stored.map(({ event }) => event);
    return { ...evaluated, beside: beside({ command: evaluated.envelope.event, events }) };
  }

  /** What came from outside: a transient event, an event as it is, or a command for `decide`. */
  #command(envelope: Envelope, state: S, sequenceNr: number): Evaluated<S> {
    const { transient, decide, commandSchema } = this.#settings;
    const event = validCommand(commandSchema, envelope.event);
    const isTransient = transient?.({ event, snapshot: state });
    if (checkTransient(isTransient, event))
      return this.#transient(envelope, event, state, sequenceNr);
    // Without `decide` the command is the event: it needs a transition.
    if (decide === undefined) {
      const steps = this.#tryStored(event, state, sequenceNr + 1);
      if (steps instanceof Error) return rejected(envelope, rejectionOf(event, steps));
      if (steps === undefined) return this.#unhandled(envelope, state);
      return { envelope, steps, outcome: done };
    }
    let answer: Decision<EventObject, S>;
    try {
      const { bornWith } = this.#entity;
      const known = { ...namesOf(envelope), sequenceNr, bornWith };
      answer = decide({ ...known, snapshot: state, command: event });
    } catch (cause) {
      return rejected(envelope, new CommandRejectedError(`"${event.type}" failed`, { cause }));
    }
    const decision = checkDecision<S>(answer, event);
    switch (decision.type) {
      case 'persist':
        return this.#persist(envelope, state, decision, sequenceNr);
      case 'none':
        return { envelope, steps: noSteps, outcome: { type: 'reply', reply: decision.reply } };
      case 'reject':
        return rejected(envelope, rejectionByUser(event, decision.reason));
      case 'unhandled':
        return this.#unhandled(envelope, state);
      case 'stash':
        return { envelope, steps: noSteps, outcome: { type: 'stash' } };
    }
  }

  #persist(
    envelope: Envelope,
    state: S,
    decision: Extract<Decision<EventObject, S>, { type: 'persist' }>,
    sequenceNr: number,
  ): Evaluated<S> {
    const { events, reply, thenRun } = decision;
    const steps: Step<S>[] = [];
    let base = state;
    let count = 0;
    for (const event of events) {
      const some = this.#tryStored(event, base, sequenceNr + ++count);
      if (some instanceof Error) return rejected(envelope, rejectionOf(event, some));
      if (some === undefined) return rejected(envelope, this.#noTransition(event, base));
      steps.push(...some);
      base = some[some.length - 1]?.next ?? base;
      if (base.status !== 'active') break;
    }
    if (count < events.length) {
      const { type } = envelope.event;
      const text = `"${type}" leads to events after number ${count} of them ended the entity`;
      return rejected(envelope, new CommandRejectedError(text));
    }
    const outcome: Outcome<S> =
      thenRun === undefined ? { type: 'reply', reply } : { type: 'reply', reply, thenRun };
    const changes = changesOf(decision);
    if (changes.length === 0) return { envelope, steps, outcome };
    return { envelope, steps: this.#withChanges(steps, changes, sequenceNr + count), outcome };
  }

  /**
   * What a decision says of deliveries is stored with its last event.
   *
   * @throws as `OutboxDraft.take`, or when there is no event to store
   */
  #withChanges(
    steps: readonly Step<S>[],
    changes: readonly OutboxChange[],
    seqNr: number,
  ): readonly Step<S>[] {
    const at = steps.findLastIndex(({ payload }) => payload !== undefined);
    const last = steps[at];
    if (last === undefined) {
      const text = 'a decision that delivers or confirms needs an event to be stored with';
      throw new InvalidInputError(`${text}; nothing was stored`);
    }
    const count = last.facts.deliveries?.length ?? 0;
    const said = this.#draft.take(changes, { seqNr, part: 0, count });
    return steps.with(at, { ...last, facts: withOutbox(last.facts, said) });
  }

  /**
   * A timer has fired, or a child has ended or changed. The end of a child and the firing of a
   * timer are stored even if nothing handles them: else the child would start and the timer fire
   * again after the next recovery.
   */
  #input(envelope: Envelope, state: S, sequenceNr: number): Evaluated<S> {
    const { event, child, attempt, delivery } = envelope;
    if (delivery !== undefined) return this.#confirmation(envelope, delivery, state, sequenceNr);
    if (attempt !== undefined) {
      const isGone = !this.#logic.hasChild(state, attempt.child);
      const steps = isGone ? noSteps : [attempted(attempt, state)];
      return { envelope, steps, outcome: done };
    }
    // The entity has stopped that child, by a command that came before the child's end.
    if (child !== undefined && !this.#logic.hasChild(state, child)) {
      return { envelope, steps: noSteps, outcome: done };
    }
    const { coding } = this.#entity;
    try {
      // The event of a delayed action is one of the program's own.
      if (coding !== undefined && !isOwnEvent(event)) {
        const steps = this.#tryTimer(coding, envelope, state, sequenceNr + 1);
        return { envelope, steps, outcome: done };
      }
      coding?.checkOwn(event);
      const stored = this.#logic.inputToStore(state, event);
      const step = this.#tryInput(envelope, stored, state, sequenceNr + 1);
      if (step instanceof Error) throw step;
      return { envelope, steps: step === undefined ? noSteps : [step], outcome: done };
    } catch (cause) {
      let error = asError(cause);
      if (cause instanceof WriteRejectedError) {
        const text = `"${event.type}" of a child or a timer cannot be stored: ${cause.message}`;
        error = new WriteRejectedError(text, { cause });
      }
      return { envelope, steps: noSteps, outcome: { type: 'fail', error } };
    }
  }

  /**
   * A destination has confirmed a delivery. That is stored whether or not something handles it, and
   * behind a final state as well: else the message would be sent again.
   */
  #confirmation(envelope: Envelope, id: string, state: S, sequenceNr: number): Evaluated<S> {
    const { event } = envelope;
    // An event has confirmed it meanwhile.
    if (!this.#draft.isOpen(id)) return { envelope, steps: noSteps, outcome: done };
    const seqNr = sequenceNr + 1;
    const change = { type: 'confirm', id } as const;
    const facts = this.#draft.take([change], { seqNr, part: 0, count: 0 });
    // What was sent to an actor is not expected to be answered.
    const isOfActor = event.type.startsWith(`${deliveredPrefix}${actorPrefix}`);
    const isHeard = state.status === 'active' && this.#logic.hearsDeliveries && !isOfActor;
    const step = isHeard
      ? this.#tryStep({ event, payload: event, facts }, state, seqNr)
      : undefined;
    if (step instanceof Error) {
      return { envelope, steps: noSteps, outcome: { type: 'fail', error: step } };
    }
    const unhandled = { ...facts, unhandled: true } as const;
    const steps = [step ?? { ...unstored(event, state), payload: event, facts: unhandled }];
    return { envelope, steps, outcome: done };
  }

  #tryInput(
    { event, timer, child }: Envelope,
    { payload, replaced }: StoredInput,
    state: S,
    seqNr: number,
  ): Step<S> | Error | undefined {
    const facts: EventFacts = {
      ...(timer !== undefined && { timer }),
      ...(replaced && { replaced }),
    };
    const applied = fromStored(payload);
    const step = this.#tryStep({ event: applied, payload, facts }, state, seqNr);
    if (step !== undefined) return step;
    // Storing a failure that nothing handles would end every later incarnation, too: it is applied
    // without being stored, which fails the actor as usual.
    if (isChildError(event)) return unstored(applied, state);
    if (timer === undefined && child === undefined) return undefined;
    return { ...unstored(applied, state), payload, facts: { ...facts, unhandled: true } };
  }

  /** @throws what cannot be stored */
  #tryTimer(
    coding: EventCoding,
    { event, timer }: Envelope,
    state: S,
    seqNr: number,
  ): readonly Step<S>[] {
    const fired: EventFacts = timer === undefined ? EventFacts.none : { timer };
    const steps = this.#tryCoded(coding, { event, facts: fired }, state, seqNr);
    if (steps instanceof Error) throw steps;
    if (steps !== undefined) return steps;
    const { events, encoding, ...coded } = coding.write(event, seqNr);
    if (events.length > 1) throw this.#noTransition(event, state);
    const facts = {
      ...fired,
      ...(encoding !== undefined && { encoding }),
      unhandled: true,
    } as const;
    return [{ ...unstored(events[0] as EventObject, state), ...coded, facts }];
  }

  #transient(envelope: Envelope, event: EventObject, state: S, sequenceNr: number): Evaluated<S> {
    const step = this.#tryStep(
      { event, payload: event, facts: EventFacts.none },
      state,
      sequenceNr,
    );
    if (step instanceof Error) return rejected(envelope, rejectionOf(event, step));
    if (step === undefined) return this.#unhandled(envelope, state);
    if (step.facts.deliveries !== undefined || step.facts.confirmed !== undefined) {
      const text = `"${event.type}" is transient and must not deliver or confirm anything`;
      return rejected(envelope, new InvalidInputError(`${text}; nothing was stored`));
    }
    if (!this.#logic.isUnchanged(state, step.next)) {
      const text = `"${event.type}" is transient and must not change value, context or children`;
      return rejected(envelope, new InvalidInputError(text));
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

  /** A new event of the user, applied in the form in which it is stored (ADR 8). */
  #tryStored(event: EventObject, base: S, seqNr: number): readonly Step<S>[] | Error | undefined {
    const { coding } = this.#entity;
    if (coding !== undefined) {
      return this.#tryCoded(coding, { event, facts: EventFacts.none }, base, seqNr);
    }
    let form: StoredForm<EventObject>;
    try {
      form = new StoredForm(event);
    } catch (error) {
      return asError(error);
    }
    const { value } = form;
    const input = { event: value, payload: value, form, facts: EventFacts.none };
    const step = this.#tryStep(input, base, seqNr);
    return step === undefined || step instanceof Error ? step : [step];
  }

  /** An event of the program, applied as a replay will apply it: as one event, or as several. */
  #tryCoded(
    coding: EventCoding,
    { event, facts }: Pick<StepInput, 'event' | 'facts'>,
    base: S,
    seqNr: number,
  ): readonly Step<S>[] | Error | undefined {
    let coded: CodedEvent;
    try {
      coded = coding.write(event, seqNr);
    } catch (error) {
      return asError(error);
    }
    const { events, payload, form, manifest, encoding } = coded;
    const steps: Step<S>[] = [];
    let state = base;
    for (const [part, applied] of events.entries()) {
      const fault = eventFault(applied);
      if (fault !== undefined) {
        return new InvalidInputError(`what its event adapter gives back ${fault}`);
      }
      if (state.status !== 'active') {
        return new CommandRejectedError(`part ${part} of "${event.type}" comes after the end`);
      }
      const one = { event: applied as EventObject, facts: EventFacts.none };
      const input = part === 0 ? { ...one, payload, form, manifest, facts } : { ...one, part };
      const step = this.#tryStep(input, state, seqNr);
      if (step === undefined || step instanceof Error) return step;
      steps.push(step);
      state = step.next;
    }
    return withFactsOfAll(steps, encoding);
  }

  /** `undefined` when nothing handles the event; an error when it must not be stored. */
  #tryStep(
    { event, payload, form, manifest = '', part = 0, facts }: StepInput,
    base: S,
    seqNr: number,
  ): Step<S> | Error | undefined {
    this.#run ??= this.#logic.dryRun();
    const run = this.#run;
    this.#freeze(event, base);
    try {
      const next = run.apply(base, event, seqNr, part);
      if (!run.handled) return undefined;
      const fault = this.#faultOf(next, base);
      if (fault !== undefined) return fault;
      const { timerChanges, outboxChanges, trace } = run;
      // What is taken as it is was computed once only; anything else is computed again by its
      // commit.
      if (trace !== undefined && this.#settings.actor.checkDeterminism) {
        checkSame(event, next, run.apply(base, event, seqNr, part));
      }
      const { tagger } = this.#settings;
      const tags = tagger === undefined ? noTags : checkTags(tagger(event, next), event);
      let said = facts;
      if (outboxChanges.length > 0) {
        said = withOutbox(facts, this.#draft.take(outboxChanges, { seqNr, part, count: 0 }));
      }
      const stored = { payload, form, manifest, part, tags, facts: said };
      const step = { event, ...stored, timerChanges, base, next, trace, ...unwritten };
      if (timerChanges.length === 0) return step;
      checkDelayedEvents(timerChanges, this.#entity.coding);
      const delaysMs = delaysOf(timerChanges);
      return delaysMs === undefined ? step : { ...step, facts: { ...said, delaysMs } };
    } catch (error) {
      return asError(error);
    }
  }

  /** In development: what an evaluation may look at, and must not change. */
  #freeze(event: EventObject, base: S): void {
    if (!this.#settings.actor.checkDeterminism) return;
    deepFreeze(event);
    freezeContext(base);
  }

  /** Why the entity cannot come to this state. */
  #faultOf(next: S, base: S): Error | undefined {
    if (next.status === 'error') return asError(next.error);
    const hidden = this.#logic.hiddenActor(next, base);
    if (hidden === undefined) return undefined;
    return new InvalidInputError(
      `the context would hold an actor reference at ${hidden}, within an instance of a class, ` +
        'where no recovery finds it; keep it in an object, an array, a Map or a Set',
    );
  }
}

/** No command is evaluated after an end, or after a failure that only the real actor can show. */
export function endsBatch<S extends HostedState>(
  { envelope, outcome }: Evaluated<S>,
  last: Step<S> | undefined,
): boolean {
  if (last === undefined) return outcome.type === 'fail';
  return last.next.status !== 'active' || (envelope.internal && !isStored(last));
}

interface StepInput {
  readonly event: EventObject;
  readonly payload?: unknown;
  readonly form?: StoredForm<object> | undefined;
  readonly manifest?: string;
  readonly part?: number;
  readonly facts: EventFacts;
}

/** The firing of a timer will have to be stored, so its event is looked at before it is armed. */
function checkDelayedEvents(
  changes: readonly TimerChange[],
  coding: EventCoding | undefined,
): void {
  for (const change of changes) {
    if (change.type !== 'schedule' || change.target.type !== 'self') continue;
    const { event } = change;
    if (coding === undefined || isOwnEvent(event)) storedForm(event);
    else coding.write(event, 0);
  }
}

function draftOf<S>(entity: EvaluatorDeps<S>): OutboxDraft {
  const { persistenceId, writerUuid, outbox, settings } = entity;
  return new OutboxDraft({ persistenceId, writerUuid, outbox, deliveries: settings.deliveries });
}

function rejected<S>(envelope: Envelope, error: Error): Evaluated<S> {
  return { envelope, steps: noSteps, outcome: { type: 'error', error } };
}
