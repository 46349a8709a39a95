import type { JournalCoding } from '../actor/evolution/event-coding.ts';
import type { Config } from '../config/config.ts';
import { canonicalPath } from '../config/keys/pekko-alias.ts';
import type { BoundClasses } from '../config/settings/event-adapter-settings.ts';
import { defaultJournalOf } from '../config/settings/journal-class.ts';
import { namedPlugins } from '../config/settings/persistence-settings.ts';
import type { Logger } from '../observability/logger.ts';
import { systemClock } from '../runtime/clock.ts';
import { openJournalCoding } from './journal-coding.ts';
import { eventAdaptersOf } from './open-journal-plugin.ts';

/** What the event codings of one persistence are made from. */
export interface JournalCodingsOptions {
  readonly config: Config;
  readonly log: Logger;
  readonly serializers: BoundClasses;
}

/**
 * What is bound to the events of each journal: made on first use, once a section. The journals
 * themselves are not opened for that.
 */
export class JournalCodings {
  readonly #options: JournalCodingsOptions;
  readonly #codings = new Map<string, Promise<JournalCoding | undefined>>();

  constructor(options: JournalCodingsOptions) {
    this.#options = options;
  }

  /**
   * `undefined` = nothing is bound; without `pluginId` that of the default journal.
   *
   * @throws {ConfigError} no section at `pluginId`, or none given and there is no default journal;
   *   an adapter or a serializer cannot be loaded, or is none
   */
  async of(pluginId: string | undefined): Promise<JournalCoding | undefined> {
    const { config, log, serializers } = this.#options;
    const path = pluginId ? canonicalPath(pluginId) : defaultJournalOf(config);
    const known = this.#codings.get(path);
    if (known !== undefined) return await known;
    const bound = { eventAdapters: eventAdaptersOf(config, path), serializers };
    const coding = openJournalCoding(bound, { config, log, clock: systemClock });
    this.#codings.set(path, coding);
    coding.catch(() => this.#codings.delete(path));
    return await coding;
  }

  /** @throws {ConfigError} as `of`, of the journals that the configuration names */
  async load(): Promise<void> {
    for (const path of namedPlugins(this.#options.config, 'journal')) await this.of(path);
  }
}
