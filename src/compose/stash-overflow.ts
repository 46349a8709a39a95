import type { StashOverflowStrategy } from '../actor/entity/stash-overflow.ts';
import type { Config } from '../config/config.ts';
import { ownStashOverflowAt, stashOverflowKey } from '../config/settings/persistence-settings.ts';
import type { Logger } from '../observability/logger.ts';
import { madeInTime, makeNamed } from '../plugin/make-named.ts';
import type { Clock } from '../runtime/clock.ts';

/** What a strategy of a user is made from. */
export interface StashOverflowContext {
  /** All of the configuration. */
  readonly config: Config;
  readonly log: Logger;
}

const what = 'a strategy of a full stash';

/**
 * What `internal-stash-overflow-strategy` makes; `undefined` = it names nothing of a user's own.
 *
 * @throws {ConfigError} at its place: the export is not there, fails, takes longer than 10 s, or
 *   makes no strategy
 */
export async function makeStashOverflow(
  context: StashOverflowContext,
  clock: Clock,
): Promise<StashOverflowStrategy | undefined> {
  const { config } = context;
  if (!ownStashOverflowAt(config)) return undefined;
  const place = { config, key: stashOverflowKey, what };
  const making = makeNamed<StashOverflowStrategy>(context, place, ['onOverflow']);
  return await madeInTime(making, place, clock);
}
