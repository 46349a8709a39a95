import type { EventObject } from 'xstate';
import {
  CommandRejectedError,
  CommandUnhandledError,
  InvalidInputError,
  WriteRejectedError,
} from '../../model/errors.ts';
import { EventFacts } from '../../ports/journal-plugin.ts';
import { actorPrefix } from '../delivery/actor-address.ts';
import type { EntityLogic, HostedState, StoredInput } from '../entity/entity-logic.ts';
import type { Decision, EntitySettings } from '../entity/entity-options.ts';
import type { Envelope, Evaluated, Outcome, Step } from '../entity/evaluated.ts';
import { isStored } from '../entity/evaluated.ts';
import type { OutboxChange } from '../entity/outbox.ts';
import { fromStored, isChildError, isReservedEvent } from '../entity/stored-event.ts';
import type { EventCoding } from '../evolution/event-coding.ts';
import { deliveredPrefix } from '../evolution/reserved-types.ts';
import { checkDecision, checkTransient } from './check-decision.ts';
import { DryRuns, type EvaluatorDeps } from './dry-runs.ts';
import { freezeContext } from './freeze.ts';
import { namesOf, withStoredReply } from './named-command.ts';
import { asError, rejectionByUser, rejectionOf } from './rejections.ts';
import { attempted, changesOf, unstored, withOutbox } from './steps.ts';
import { validCommand } from './valid-command.ts';

const noSteps: readonly never[] = [];
const done = { type: 'reply', reply: undefined } as const;

/** Works out, in dry runs, what commands lead to. */
export class CommandEvaluator<S extends HostedState> {
  readonly #entity: EvaluatorDeps<S>;
  readonly #logic: EntityLogic<S>;
  readonly #settings: EntitySettings<S>;
  readonly #runs: DryRuns<S>;

  constructor(entity: EvaluatorDeps<S>) {
    this.#runs = new DryRuns(entity);
    this.#entity = entity;
    this.#logic = entity.logic;
    this.#settings = entity.settings;
  }

  /** A new chain of dry runs begins, from the committed state. */
  reset(): void {
    this.#runs.reset();
  }

  /**
   * What the command leads to in `state`; its first event gets the number `sequenceNr` + 1. Never
   * throws: whatever the callbacks of the user do, the command gets its answer.
   */
  evaluate(envelope: Envelope, state: S, sequenceNr: number): Evaluated<S> {
    this.#runs.mark();
    if (this.#settings.actor.checkDeterminism) freezeContext(state);
    let evaluated: Evaluated<S>;
    try {
      evaluated = this.#withBeside(
        envelope.internal
          ? this.#input(envelope, state, sequenceNr)
          : withStoredReply(this.#command(envelope, state, sequenceNr)),
      );
      if (!envelope.internal) this.#runs.checkDeliveries();
    } catch (cause) {
      const error = rejectionOf(envelope.event, asError(cause));
      const type = envelope.internal ? 'fail' : 'error';
      evaluated = { envelope, steps: noSteps, outcome: { type, error } };
    }
    if (evaluated.outcome.type !== 'reply') this.#runs.undo();
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
      const steps = this.#runs.tryStored(event, state, sequenceNr + 1);
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
      const some = this.#runs.tryStored(event, base, sequenceNr + ++count);
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
    const said = this.#runs.outbox.take(changes, { seqNr, part: 0, count });
    return steps.with(at, { ...last, facts: withOutbox(last.facts, said) });
  }

  /** What the entity itself has to say: a timer, a child, an attempt of work, a confirmation. */
  #input(envelope: Envelope, state: S, sequenceNr: number): Evaluated<S> {
    const { child, attempt, delivery } = envelope;
    if (delivery !== undefined) return this.#confirmation(envelope, delivery, state, sequenceNr);
    const reporter = attempt?.child ?? child;
    // The entity has stopped that child, by a command that came before what the child reports.
    if (reporter !== undefined && !this.#logic.hasChild(state, reporter)) {
      return { envelope, steps: noSteps, outcome: done };
    }
    if (attempt !== undefined) {
      return { envelope, steps: [attempted(attempt, state)], outcome: done };
    }
    return this.#ofTimerOrChild(envelope, state, sequenceNr);
  }

  /**
   * A timer has fired, or a child has ended or changed. The end of a child and the firing of a
   * timer are stored even if nothing handles them: else the child would start and the timer fire
   * again after the next recovery.
   */
  #ofTimerOrChild(envelope: Envelope, state: S, sequenceNr: number): Evaluated<S> {
    const { event } = envelope;
    const { coding } = this.#entity;
    try {
      // The event of a delayed action is one of the program's own.
      if (coding !== undefined && !isReservedEvent(event)) {
        const steps = this.#tryTimer(coding, envelope, state, sequenceNr + 1);
        return { envelope, steps, outcome: done };
      }
      coding?.checkReserved(event);
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
   * after a final state as well: else the message would be sent again.
   */
  #confirmation(envelope: Envelope, id: string, state: S, sequenceNr: number): Evaluated<S> {
    const { event } = envelope;
    // An event has confirmed it meanwhile.
    if (!this.#runs.outbox.isOpen(id)) return { envelope, steps: noSteps, outcome: done };
    const seqNr = sequenceNr + 1;
    const change = { type: 'confirm', id } as const;
    const facts = this.#runs.outbox.take([change], { seqNr, part: 0, count: 0 });
    // What was sent to an actor is not expected to be answered.
    const isOfActor = event.type.startsWith(`${deliveredPrefix}${actorPrefix}`);
    const isHeard = state.status === 'active' && this.#logic.hearsDeliveries && !isOfActor;
    const step = isHeard
      ? this.#runs.tryStep({ event, payload: event, facts }, state, seqNr)
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
    const step = this.#runs.tryStep({ event: applied, payload, facts }, state, seqNr);
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
    const steps = this.#runs.tryCoded(coding, { event, facts: fired }, state, seqNr);
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
    const step = this.#runs.tryStep(
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
}

/** No command is evaluated after an end, or after a failure that only the real actor can show. */
export function endsBatch<S extends HostedState>(
  { envelope, outcome }: Evaluated<S>,
  last: Step<S> | undefined,
): boolean {
  if (last === undefined) return outcome.type === 'fail';
  return last.next.status !== 'active' || (envelope.internal && !isStored(last));
}

function rejected<S>(envelope: Envelope, error: Error): Evaluated<S> {
  return { envelope, steps: noSteps, outcome: { type: 'error', error } };
}
