import type { EventObject } from 'xstate';
import { atOnce, ignoreOutcome } from '../../model/at-once.ts';
import { InvalidInputError } from '../../model/errors.ts';
import { ExpireAfter } from '../../model/expire-after.ts';
import type { JsonValue } from '../../model/payload.ts';
import { storedForm } from '../../model/stored-form.ts';
import { writtenHeaders } from '../../model/written-event.ts';
import type { BesideEvents } from '../../ports/journal-plugin.ts';
import { kindOf } from './check-input.ts';
import { durationMs } from './duration-ms.ts';
import type { EntityOptions, WriteArgs } from './entity-options.ts';

/** What a user may have stored beside events. */
export type Hooks = Pick<
  EntityOptions<unknown, EventObject>,
  'metadata' | 'headers' | 'expireAfter'
>;

const nanosPerMs = 1_000_000;

/**
 * What the hooks say of a write, checked: what they give is what a reader of the journal gets.
 *
 * @returns a function that throws {@link InvalidInputError} or {@link WriteRejectedError} for what
 * cannot be stored; it names the hook
 * @throws {InvalidInputError} `expireAfter` is no duration
 */
export function besideOf(hooks: Hooks): ((a: WriteArgs<EventObject>) => BesideEvents) | undefined {
  const { metadata, headers, expireAfter } = hooks;
  if (metadata === undefined && headers === undefined && expireAfter === undefined)
    return undefined;
  const fixed = typeof expireAfter === 'function' ? undefined : expiryOf(expireAfter);
  return (args) => {
    const data = atOnce(metadata?.(args), 'metadata');
    const given = atOnce(headers?.(args), 'headers');
    const expiry = typeof expireAfter === 'function' ? expiryOf(expireAfter(args)) : fixed;
    return {
      ...(data !== undefined && { metadata: storedForm(data, 'metadata') as JsonValue }),
      ...(given !== undefined && { headers: writtenHeaders(given) }),
      ...(expiry !== undefined && { expireAfter: expiry }),
    };
  };
}

function expiryOf(given: unknown): ExpireAfter | undefined {
  if (given === undefined) return undefined;
  ignoreOutcome(given);
  if (typeof given !== 'number' && typeof given !== 'string') {
    throw new InvalidInputError(
      `expireAfter must be milliseconds or like '30d', not ${kindOf(given)}`,
    );
  }
  const nanos = durationMs(given, 'expireAfter') * nanosPerMs;
  // Beyond that a number of nanoseconds is none of its own.
  if (!Number.isFinite(nanos)) throw new InvalidInputError(`expireAfter is too long: ${given}`);
  return ExpireAfter.of(ExpireAfter.ofNanos(BigInt(Math.round(nanos))));
}
