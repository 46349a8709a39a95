import type { StashOverflowStrategy } from '../actor/entity/stash-overflow.ts';
import type { Config } from '../config/config.ts';
import { problemAt } from '../config/settings/class-name.ts';
import { ownStashOverflowAt, stashOverflowKey } from '../config/settings/persistence-settings.ts';
import { ConfigError } from '../model/errors.ts';
import type { Logger } from '../observability/logger.ts';
import { makeFrom, missingMethods, resolveExport } from '../plugin/resolve-export.ts';

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
 * @throws {ConfigError} at its place: the export is not there, fails, or makes no strategy
 */
export async function makeStashOverflow(
  context: StashOverflowContext,
): Promise<StashOverflowStrategy | undefined> {
  const { config } = context;
  const key = stashOverflowKey;
  if (!ownStashOverflowAt(config)) return undefined;
  const { value } = await resolveExport(config, key, { what, builtins: new Map<string, never>() });
  let made: unknown;
  try {
    made = await makeFrom(value, context, { config, key, what });
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause;
    const text = `names an export that failed to make ${what}: ${String(cause)}`;
    throw new ConfigError([problemAt(config, key, text)], { cause });
  }
  const missing = missingMethods(made, ['onOverflow']);
  if (missing.length === 0) return made as StashOverflowStrategy;
  const text = `must make ${what}; what it made lacks ${missing.join(', ')}`;
  throw new ConfigError([problemAt(config, key, text)]);
}
