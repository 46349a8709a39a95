import type { EventObject } from 'xstate';
import { EventFacts } from '../../ports/journal-plugin.ts';
import type { Delivery } from '../entity/delivery-options.ts';
import type { Step } from '../entity/evaluated.ts';
import type { ChildAttempt } from '../entity/invoked-work.ts';
import type { OutboxChange } from '../entity/outbox.ts';

/** The first step is what is stored: beside it goes what concerns all the others. */
export function withFactsOfAll<S>(
  steps: readonly Step<S>[],
  encoding: string | undefined,
): readonly Step<S>[] {
  const [first, ...others] = steps;
  if (first === undefined || (others.length === 0 && encoding === undefined)) return steps;
  const delaysMs = steps.flatMap(({ facts }) => facts.delaysMs ?? []);
  const said = steps.map(({ facts }) => facts).reduce(withOutbox, {});
  const facts: EventFacts = {
    ...first.facts,
    ...said,
    ...(delaysMs.length > 0 && { delaysMs }),
    ...(encoding !== undefined && { encoding }),
  };
  const tags = others.length === 0 ? first.tags : [...new Set(steps.flatMap(({ tags }) => tags))];
  return [{ ...first, tags, facts }, ...others];
}

/** The facts, and what further ones say of deliveries. */
export function withOutbox(facts: EventFacts, more: EventFacts): EventFacts {
  const deliveries = [...(facts.deliveries ?? []), ...(more.deliveries ?? [])];
  const confirmed = [...(facts.confirmed ?? []), ...(more.confirmed ?? [])];
  return {
    ...facts,
    ...(deliveries.length > 0 && { deliveries }),
    ...(confirmed.length > 0 && { confirmed }),
  };
}

/** What a decision says of deliveries. */
export function changesOf({ deliver = [], confirm = [] }: OutboxDecision): readonly OutboxChange[] {
  return [
    ...deliver.map(({ to, message, id }) => ({ type: 'deliver', to, message, id }) as const),
    ...confirm.map((id) => ({ type: 'confirm', id }) as const),
  ];
}

interface OutboxDecision {
  readonly deliver?: readonly Delivery[] | undefined;
  readonly confirm?: readonly string[] | undefined;
}

/** An event that changes nothing that a dry run could show, and is applied without being stored. */
export function unstored<S>(event: EventObject, state: S): Step<S> {
  return {
    event,
    payload: undefined,
    form: undefined,
    manifest: '',
    part: 0,
    tags: [],
    facts: EventFacts.none,
    timerChanges: [],
    base: state,
    next: state,
    trace: undefined,
    command: undefined,
    seqNr: 0,
  };
}

/**
 * What is stored of an attempt. Programs that do not know of attempts leave it out by its facts.
 */
export function attempted<S>(attempt: ChildAttempt, state: S): Step<S> {
  const { record } = attempt;
  return { ...unstored(record, state), payload: record, facts: { unhandled: true }, attempt };
}
