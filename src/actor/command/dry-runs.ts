import type { EventObject } from 'xstate';
import { ignoreOutcome } from '../../model/at-once.ts';
import { CommandRejectedError, InvalidInputError } from '../../model/errors.ts';
import { StoredForm, storedForm } from '../../model/stored-form.ts';
import { EventFacts } from '../../ports/journal-plugin.ts';
import { type ChangingEvent, OutboxDraft } from '../delivery/outbox-draft.ts';
import { eventFault } from '../entity/check-input.ts';
import { checkSame } from '../entity/check-same.ts';
import type { DryRun, EntityLogic, HostedState } from '../entity/entity-logic.ts';
import type { EntitySettings } from '../entity/entity-options.ts';
import type { Step } from '../entity/evaluated.ts';
import type { Outbox, OutboxChange } from '../entity/outbox.ts';
import { isReservedEvent } from '../entity/stored-event.ts';
import type { TimerChange } from '../entity/timers.ts';
import { delaysOf } from '../entity/timers.ts';
import type { CodedEvent, EventCoding } from '../evolution/event-coding.ts';
import { checkTags } from './check-decision.ts';
import { deepFreeze, freezeContext } from './freeze.ts';
import { asError } from './rejections.ts';
import { withFactsOfAll, withOutbox } from './steps.ts';

const noTags: readonly string[] = [];
const unwritten = { seqNr: 0, command: undefined } as const;

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

/** Works out what single events lead to, each on what those before it in its chain lead to. */
export class DryRuns<S extends HostedState> {
  readonly #entity: EvaluatorDeps<S>;
  readonly #logic: EntityLogic<S>;
  readonly #settings: EntitySettings<S>;
  #run: DryRun<S> | undefined;
  /** Since the first event of the chain that is about deliveries; most chains have none. */
  #outbox: OutboxDraft | undefined;

  constructor(entity: EvaluatorDeps<S>) {
    this.#entity = entity;
    this.#logic = entity.logic;
    this.#settings = entity.settings;
  }

  /** The deliveries as the chain leaves them. */
  get outbox(): OutboxDraft {
    this.#outbox ??= new OutboxDraft(this.#entity);
    return this.#outbox;
  }

  /** A new chain begins, from the committed state. */
  reset(): void {
    this.#run?.reset();
    this.#outbox = undefined;
  }

  /** Remembers how the chain is, for `undo`. */
  mark(): void {
    this.#run?.mark();
    this.#outbox?.mark();
  }

  /** What was worked out since `mark` came to nothing. */
  undo(): void {
    this.#run?.undo();
    this.#outbox?.undo();
  }

  /**
   * @throws {TooManyDeliveriesError} what was worked out since `mark` leads to more than allowed
   */
  checkDeliveries(): void {
    this.#outbox?.checkSize();
  }

  /** A new event of the user, applied in the form in which it is stored (ADR 8). */
  tryStored(event: EventObject, base: S, seqNr: number): readonly Step<S>[] | Error | undefined {
    const { coding } = this.#entity;
    if (coding !== undefined) {
      return this.tryCoded(coding, { event, facts: EventFacts.none }, base, seqNr);
    }
    let form: StoredForm<EventObject>;
    try {
      form = new StoredForm(event);
    } catch (error) {
      return asError(error);
    }
    const { value } = form;
    const input = { event: value, payload: value, form, facts: EventFacts.none };
    const step = this.tryStep(input, base, seqNr);
    return step === undefined || step instanceof Error ? step : [step];
  }

  /** An event of the program, applied as a replay will apply it: as one event, or as several. */
  tryCoded(
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
        ignoreOutcome(applied);
        return new InvalidInputError(`what its event adapter gives back ${fault}`);
      }
      if (state.status !== 'active') {
        return new CommandRejectedError(`part ${part} of "${event.type}" comes after the end`);
      }
      const one = { event: applied as EventObject, facts: EventFacts.none };
      const input = part === 0 ? { ...one, payload, form, manifest, facts } : { ...one, part };
      const step = this.tryStep(input, state, seqNr);
      if (step === undefined || step instanceof Error) return step;
      steps.push(step);
      state = step.next;
    }
    return withFactsOfAll(steps, encoding);
  }

  /** `undefined` when nothing handles the event; an error when it must not be stored. */
  tryStep(
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
      const said = this.#withOutbox(facts, outboxChanges, { seqNr, part, count: 0 });
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

  /** @throws as `OutboxDraft.take` */
  #withOutbox(
    facts: EventFacts,
    changes: readonly OutboxChange[],
    event: ChangingEvent,
  ): EventFacts {
    return changes.length === 0 ? facts : withOutbox(facts, this.outbox.take(changes, event));
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

/** An event, and what is stored of it. */
export interface StepInput {
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
    if (coding === undefined || isReservedEvent(event)) storedForm(event);
    else coding.write(event, 0);
  }
}
