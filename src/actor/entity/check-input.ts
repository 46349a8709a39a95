import type { EventObject } from 'xstate';
import { InvalidInputError } from '../../model/errors.ts';
import { checkGivenNames, type OptionNames } from '../../model/option-names.ts';
import { deliveredPrefix } from '../evolution/reserved-types.ts';
import type { CheckedTerms, CommandTerms, WaitOptions } from './ask.ts';
import type { DeliveryAttempt } from './delivery-options.ts';
import { isReservedEvent } from './stored-event.ts';

/** The one event of xstate's own that callers are meant to send. */
const routeEventType = 'xstate.route';

/** An object with a text `type`, which any event has at least. */
export function isEvent(value: unknown): value is EventObject {
  return (
    typeof value === 'object' &&
    value !== null &&
    'type' in value &&
    typeof value.type === 'string' &&
    value.type !== ''
  );
}

/** What is wrong with a value as an event; `undefined` = nothing. */
export function eventFault(value: unknown): string | undefined {
  if (isEvent(value)) {
    if (!isReservedEvent(value) || value.type === routeEventType) return undefined;
    return value.type.startsWith('xstate.')
      ? `has the type "${value.type}": what begins with "xstate." is xstate's own`
      : `has the type "${value.type}": what begins with "${deliveredPrefix}" is the library's own`;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return `is ${kindOf(value)}; it must be an object with a text "type"`;
  }
  const { type } = value as { readonly type?: unknown };
  return `has ${type === '' ? 'a blank text' : kindOf(type)} as its "type"; that must be a text`;
}

/** @throws {InvalidInputError} it is nothing that a caller may send */
export function checkCommand(command: unknown): asserts command is EventObject {
  const fault = commandFault(command);
  if (fault !== undefined) throw fault;
}

/** Why a caller may not send this; `undefined` when it may. */
export function commandFault(command: unknown): InvalidInputError | undefined {
  const fault = eventFault(command);
  if (fault === undefined) return undefined;
  return new InvalidInputError(`the command ${fault}; nothing was stored`);
}

/** For messages: what somebody gave instead of what was asked for. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return 'an array';
  if (value instanceof Promise) return 'a promise';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

/**
 * The id, checked; `what` names it in the message.
 *
 * @throws {InvalidInputError} no text, blank, or with half a surrogate pair, which UTF-8 has not
 */
export function checkId(id: unknown, what: string): string {
  if (typeof id === 'string' && id.trim() !== '' && id.isWellFormed()) return id;
  const given = typeof id === 'string' ? JSON.stringify(id) : kindOf(id);
  throw new InvalidInputError(`${what} must be a well-formed text that is not blank, not ${given}`);
}

/** @throws {InvalidInputError} it is no signal; a command must not run because of that */
export function checkSignal(signal: unknown): AbortSignal | undefined {
  if (signal === undefined || signal instanceof AbortSignal) return signal;
  throw new InvalidInputError(`a signal must be an AbortSignal, not ${kindOf(signal)}`);
}

/** @throws {InvalidInputError} it is no number of ms above 0 */
export function checkTimeout(timeoutMs: unknown): number {
  if (typeof timeoutMs === 'number' && timeoutMs > 0 && timeoutMs < Infinity) return timeoutMs;
  throw new InvalidInputError(
    `a timeout must be a number of milliseconds above 0, not ${String(timeoutMs)}`,
  );
}

const waitOptionNames: OptionNames<WaitOptions> = { timeout: true, signal: true };
/** What an attempt to deliver hands over may be spread into the `ask` that it leads to. */
const askOptionNames: OptionNames<WaitOptions & CommandTerms & DeliveryAttempt> = {
  ...waitOptionNames,
  id: true,
  attempt: true,
  persistenceId: true,
  expectedSequenceNr: true,
  commandId: true,
  correlationId: true,
  causationId: true,
};

/** @throws {InvalidInputError} an option that does not exist; names it */
export function checkWait(options: WaitOptions | undefined): void {
  checkGivenNames(options, waitOptionNames, 'the call');
}

const noTerms: CheckedTerms = Object.freeze({});

/** @throws {InvalidInputError} one of them has a wrong value, or does not exist; names it */
export function checkTerms(given: (CommandTerms & WaitOptions) | undefined): CheckedTerms {
  if (!given) return noTerms;
  checkGivenNames(given, askOptionNames, 'ask()');
  const { expectedSequenceNr, commandId, correlationId, causationId } = given;
  if (expectedSequenceNr !== undefined && !isCount(expectedSequenceNr)) {
    const text = 'expectedSequenceNr must be an integer of at least 0';
    throw new InvalidInputError(`${text}, not ${String(expectedSequenceNr)}`);
  }
  for (const [name, value] of Object.entries({ commandId, correlationId, causationId })) {
    if (value === undefined || isShortId(value)) continue;
    const what = typeof value === 'string' ? JSON.stringify(value) : kindOf(value);
    throw new InvalidInputError(`${name} must be ${shortIdText}, not ${what}`);
  }
  return {
    ...(expectedSequenceNr !== undefined && { expectedSequenceNr }),
    ...(commandId !== undefined && { commandId }),
    ...(correlationId !== undefined && { correlationId }),
    ...(causationId !== undefined && { causationId }),
  };
}

const longestShortId = 255;
/** What {@link isShortId} asks for, in words. */
export const shortIdText = `a well-formed text of at most ${longestShortId} characters that is not blank`;

/** A text that may stand beside events: see `shortIdText`. */
export function isShortId(value: unknown): value is string {
  if (typeof value !== 'string' || value.length > longestShortId) return false;
  return value.trim() !== '' && value.isWellFormed();
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
