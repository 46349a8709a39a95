import { ExpireAfter } from '../../model/expire-after.ts';
import type { Expiry } from '../../model/journal-pointer.ts';
import { expireOn } from './values.ts';

/** When a journal is over whose last event, written now, says `expireAfter`. */
export function expiryOf(expireAfter: ExpireAfter | undefined, nowMs: number): Expiry | undefined {
  if (expireAfter === undefined) return undefined;
  const after = ExpireAfter.ofNanos(ExpireAfter.toNanos(expireAfter));
  return { after, on: expireOn(nowMs, after) };
}

/** Same day and same duration, or none both. */
export function sameExpiry(a: Expiry | undefined, b: Expiry | undefined): boolean {
  return a?.on === b?.on && ExpireAfter.equals(a?.after, b?.after);
}
