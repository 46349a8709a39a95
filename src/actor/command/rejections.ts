import type { EventObject } from 'xstate';
import {
  CommandRejectedError,
  InvalidInputError,
  TooManyDeliveriesError,
  WriteRejectedError,
} from '../../model/errors.ts';
import { thrownText } from '../../model/shown.ts';

/** The reason that `decide` gave; callers in JavaScript may give another value than an error. */
export function rejectionByUser({ type }: EventObject, reason: unknown): CommandRejectedError {
  const { message } = (reason ?? {}) as { readonly message?: unknown };
  const given = typeof reason === 'string' ? reason : message;
  const text =
    typeof given === 'string' ? given : `decide refused "${type}" without giving an Error`;
  return new CommandRejectedError(text, { cause: reason });
}

/** What the asker hears of a command whose event cannot be applied or stored. */
export function rejectionOf(event: EventObject, cause: Error): Error {
  if (cause instanceof InvalidInputError || cause instanceof TooManyDeliveriesError) return cause;
  if (cause instanceof WriteRejectedError) {
    const text = `"${event.type}" cannot be stored: ${cause.message}`;
    const { path } = cause;
    return new WriteRejectedError(text, {
      cause: cause.cause,
      ...(path !== undefined && { path }),
    });
  }
  return new CommandRejectedError(`"${event.type}" cannot be applied`, { cause });
}

/** Callbacks of the user may throw anything. */
export function asError(value: unknown): Error {
  return value instanceof Error ? value : new Error(thrownText(value), { cause: value });
}
