import type { Woken } from '../../model/wake-up.ts';

/** A type of entities that are found by their persistence ids. */
export interface WakingType {
  /** `undefined` = the persistence id does not belong to this type. */
  idOf(persistenceId: string): string | undefined;
  /** See `LocalEntities.wake`, also for what it rejects with. */
  wake(persistenceId: string): Promise<Woken> | undefined;
}

/**
 * Wakes the entity of a persistence id, as one of the type that fits best: `order-line-7` may be
 * line `7` or, as a type knows no ids that it may not have, order `line-7`. The wrong one would
 * write its own events into the journal. So the type with the longest text around the id counts.
 *
 * @returns `undefined` = it is of none of the types
 * @throws as `WakingType.wake`
 */
export function wakeAmong(
  types: Iterable<WakingType>,
  persistenceId: string,
): Promise<Woken> | undefined {
  let best: WakingType | undefined;
  let shortest = Number.POSITIVE_INFINITY;
  for (const type of types) {
    const length = type.idOf(persistenceId)?.length ?? Number.POSITIVE_INFINITY;
    if (length >= shortest) continue;
    shortest = length;
    best = type;
  }
  return best?.wake(persistenceId);
}
