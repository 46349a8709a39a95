import type { EventObject } from 'xstate';
import { ignoreOutcome } from '../../model/at-once.ts';
import { InvalidInputError } from '../../model/errors.ts';
import { checkOptionNames } from '../../model/option-names.ts';
import { eventFault, kindOf } from '../entity/check-input.ts';
import { deliveryMembers } from '../entity/delivery-options.ts';
import type { Decision } from '../entity/entity-options.ts';

/**
 * What `decide` answered, as far as it is a decision: an asker must not wait for a promise, and
 * what is stored must be an event when it is read again.
 *
 * @throws {InvalidInputError} it is none; names what is wrong
 */
export function checkDecision<S>(answer: unknown, command: EventObject): Decision<EventObject, S> {
  const decision = answer as Decision<EventObject, S>;
  const { type } = (answer ?? {}) as { readonly type?: unknown };
  if (typeof type !== 'string' || !Object.hasOwn(members, type)) {
    ignoreOutcome(answer);
    throw wrong(command, `answered ${describe(answer)}; it must return a Decision at once`);
  }
  checkMembers(decision, command);
  if (decision.type !== 'persist') return decision;
  // Callers use JavaScript.
  const { events, thenRun, deliver, confirm }: PersistFields = decision;
  if (!Array.isArray(events)) {
    throw wrong(command, `persists ${kindOf(events)}; "events" must be an array`);
  }
  for (let i = 0; i < events.length; i++) {
    const fault = eventFault(events[i]);
    if (fault === undefined) continue;
    ignoreOutcome(events[i]);
    throw wrong(command, `persists events of which number ${i} ${fault}`);
  }
  checkDeliveries(deliver, command);
  if (!isListOf(confirm, (id) => typeof id === 'string')) {
    throw wrong(command, 'must give "confirm" as an array of ids');
  }
  if (thenRun !== undefined && typeof thenRun !== 'function') {
    throw wrong(command, `has ${kindOf(thenRun)} as "thenRun"; it must be a function`);
  }
  return decision;
}

interface PersistFields {
  readonly events: unknown;
  readonly thenRun?: unknown;
  readonly deliver?: unknown;
  readonly confirm?: unknown;
}

function isListOf(value: unknown, is: (item: unknown) => boolean): boolean {
  return value === undefined || (Array.isArray(value) && value.every(is));
}

/** @throws {InvalidInputError} one is none, or has a member that does not exist */
function checkDeliveries(deliveries: unknown, command: EventObject): void {
  if (!isListOf(deliveries, (item) => typeof item === 'object' && item !== null)) {
    throw wrong(command, 'must give "deliver" as an array of { to, message, id }');
  }
  for (const delivery of (deliveries ?? []) as readonly object[]) {
    checkOptionNames(delivery, deliveryMembers, `a delivery of decide ("${command.type}")`);
  }
}

/** What a decision may have beside its type. */
const members: Readonly<Record<Decision<EventObject>['type'], readonly string[]>> = {
  persist: ['events', 'reply', 'thenRun', 'deliver', 'confirm'],
  none: ['reply'],
  reject: ['reason'],
  unhandled: [],
  stash: [],
};

/**
 * A member of another name may be a misspelt one, or of another decision: what it says would get
 * lost.
 *
 * @throws {InvalidInputError} there is one; names it
 */
function checkMembers<S>(decision: Decision<EventObject, S>, command: EventObject): void {
  const { type } = decision;
  const known = members[type];
  for (const [name, value] of Object.entries(decision)) {
    ignoreOutcome(value); // also of what is refused later
    if (value === undefined || name === 'type' || known.includes(name)) continue;
    const has = known.length === 0 ? 'nothing' : known.map((one) => `"${one}"`).join(', ');
    throw wrong(command, `answered "${type}" with "${name}"; beside its type it may have ${has}`);
  }
}

/** @throws {InvalidInputError} not some texts that are not blank */
export function checkTags(tags: unknown, event: EventObject): readonly string[] {
  const isList = typeof tags === 'object' && tags !== null && Symbol.iterator in tags;
  const list = isList ? [...new Set(tags as Iterable<unknown>)] : undefined;
  if (list?.every((tag) => typeof tag === 'string' && tag.trim() !== '')) {
    return list as readonly string[];
  }
  ignoreOutcome(tags);
  const bad = list?.find((tag) => typeof tag !== 'string' || tag.trim() === '');
  ignoreOutcome(bad);
  const what =
    list === undefined ? kindOf(tags) : typeof bad === 'string' ? 'a blank text' : kindOf(bad);
  const text = `the tags of "${event.type}" must be texts that are not blank, in an array or another iterable, not ${what}`;
  throw new InvalidInputError(`${text}; nothing was stored`);
}

/** @throws {InvalidInputError} the option answered something else than yes or no */
export function checkTransient(answer: unknown, event: EventObject): boolean {
  if (answer === undefined) return false;
  if (typeof answer === 'boolean') return answer;
  ignoreOutcome(answer);
  const text = `"transient" answered ${kindOf(answer)} to "${event.type}", not true or false`;
  throw new InvalidInputError(`${text}; nothing was stored`);
}

function describe(answer: unknown): string {
  const { type } = (answer ?? {}) as { readonly type?: unknown };
  if (answer === undefined) return 'nothing';
  if (answer instanceof Promise) return 'a promise';
  return typeof type === 'string'
    ? `the unknown type "${type}"`
    : `${kindOf(answer)} without a type`;
}

function wrong({ type }: EventObject, what: string): InvalidInputError {
  return new InvalidInputError(`decide ${what} ("${type}"); nothing was stored`);
}
