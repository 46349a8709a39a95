import { randomUUID } from 'node:crypto';
import type { ActorHost } from '../actor/actor-host.ts';
import { createActorHost } from '../actor/create-actor-host.ts';
import type { ActorSettings } from '../actor/entity/entity-options.ts';
import type { StashOverflowStrategy } from '../actor/entity/stash-overflow.ts';
import type { Config } from '../config/config.ts';
import { canonicalPath } from '../config/keys/pekko-alias.ts';
import { type ReadConfig, readConfig } from '../config/load-config.ts';
import { readAllTogether } from '../config/read-together.ts';
import {
  type PersistenceSettings,
  readPersistenceSettings,
} from '../config/settings/persistence-settings.ts';
import { recoveryEventTimeoutOf } from '../config/settings/plugin-host-settings.ts';
import type { Journals } from '../journal/journals.ts';
import { InvalidInputError } from '../model/errors.ts';
import type { Key } from '../model/key.ts';
import type { OptionNames } from '../model/option-names.ts';
import { type Logger, silentLogger, unfailing } from '../observability/logger.ts';
import type { PluginSource } from '../plugin/plugin-context.ts';
import type { JournalPlugin } from '../ports/journal-plugin.ts';
import type { SnapshotStorePlugin } from '../ports/snapshot-store.ts';
import { systemClock } from '../runtime/clock.ts';
import { checkOptions } from './check-options.ts';
import { JournalCodings } from './journal-codings.ts';
import { noteIgnoredKeys } from './note-ignored-keys.ts';
import { Plugins } from './plugins.ts';
import { makeStashOverflow } from './stash-overflow.ts';

/** Where the configuration comes from, and what it cannot name. */
export interface PersistenceOptions {
  /** Path of an `application.conf`; read over the shipped `reference.conf`. */
  readonly file?: string | undefined;
  /** HOCON text, instead of a file or laid over it; its problems are those of `config text`. */
  readonly config?: string | undefined;
  /** Where log lines go; nowhere unless given. pino fits as it is; `consoleLogger` prints. */
  readonly log?: Logger | undefined;
  /**
   * Journals and snapshot stores of your own, by the path of their section, which needs no `class`
   * then, and may be missing. Each is made when it is opened, by a function, a class, or an object
   * with `create` that is given a {@link PluginContext}.
   */
  readonly plugins?:
    | Readonly<Record<string, PluginSource<JournalPlugin> | PluginSource<SnapshotStorePlugin>>>
    | undefined;
}

/** The journals of a section by key, over the same producer and head cache as those of actors. */
export interface SharedJournals {
  /** They are closed with the persistence. */
  readonly journals: Journals;
  /**
   * The key of the journal of an actor.
   *
   * @throws {InvalidInputError} it is blank or too long, or gives an illegal topic
   */
  readonly keyOf: (persistenceId: string) => Key;
}

/** Persistent actors and their journals: `await using persistence = await createPersistence(…)`. */
export interface Persistence extends ActorHost {
  /**
   * The journals of a section by key, to append, read, delete, purge or mark without an actor. It
   * is opened if no actor has done that; without `pluginId` it is the default one.
   *
   * @throws {ConfigError} there is no such section, or it is not right
   * @throws {InvalidInputError} the section is of a journal that has none by key
   * @throws {ClosedError} the persistence is shut down
   * @throws {LogUnavailableError} {@link StoreUnavailableError} not reachable
   */
  journal(pluginId?: string): Promise<SharedJournals>;
  /**
   * A journal of your own, as its class has made it: there is no circuit breaker around it.
   *
   * @throws {ConfigError} there is no such section, or it is not right
   * @throws {InvalidInputError} the journal is not of this class
   */
  journal<P extends JournalPlugin>(
    pluginId: string,
    type: abstract new (...context: never[]) => P,
  ): Promise<P>;

  /**
   * Where instances share their entities: gives them to the others, for 2 s at most; commands still
   * find their way meanwhile. Then stops all actors after the commands that they hold, and closes
   * the journals. Each further call waits for the first one.
   *
   * @throws the first error of a journal that does not close in order; all others are closed
   */
  shutdown(): Promise<void>;
}

const optionNames: OptionNames<PersistenceOptions> = {
  file: true,
  config: true,
  log: true,
  plugins: true,
};

/**
 * Reads the configuration and prepares persistent actors. A journal is opened by the first actor
 * that needs it, those of `auto-start-journals` before this resolves; so is the default one where
 * instances share its entities (`fleet.enabled`). Settings that have no effect are logged once.
 *
 * @throws {ConfigError} all problems, each with path, file and line; nothing was opened
 * @throws {InvalidInputError} an option is of the wrong kind
 */
export async function createPersistence(options: PersistenceOptions): Promise<Persistence> {
  checkOptions(options, optionNames, 'createPersistence()');
  const registered = new Map<string, unknown>(
    Object.entries(options.plugins ?? {}).map(([path, source]) => [canonicalPath(path), source]),
  );
  const sections = [...registered.keys()].map((path) => [path, { class: 'builtin#code' }]);
  const { config, checkKeys } = readConfig({
    ...(options.file === undefined ? {} : { file: options.file }),
    ...(options.config === undefined ? {} : { text: options.config }),
    overrides: Object.fromEntries(sections),
  });
  const log = unfailing(options.log ?? silentLogger);
  const plugins = new Plugins({ config, log, registered });
  try {
    return await openPersistence(plugins, { config, checkKeys, log });
  } catch (error) {
    await plugins.close().catch((err: unknown) => {
      log.warn({ err }, 'a plugin did not close in order after another one had failed to open');
    });
    throw error;
  }
}

async function openPersistence(
  plugins: Plugins,
  { config, checkKeys, log }: ReadConfig & { readonly log: Logger },
): Promise<Persistence> {
  const settings = await readSettings(config, checkKeys, plugins, log);
  noteIgnoredKeys(config, log);
  // Instances that share entities ask each other before anybody asks this one.
  const journals = [...settings.autoStartJournals, ...plugins.sharedJournals];
  // What is bound to events is looked at before anything is opened.
  const codings = new JournalCodings({ config, log, serializers: settings.serializers });
  await codings.load();
  await plugins.openAll(journals, settings.autoStartSnapshotStores);
  const host = createActorHost({
    settings,
    journal: (pluginId) => plugins.get(pluginId),
    journalTrouble: (pluginId) => plugins.troubleOf(pluginId),
    journalCoding: (pluginId) => codings.of(pluginId),
    snapshotStore: (pluginId) => plugins.snapshotStore(pluginId),
    recoveryEventTimeoutMs: (pluginId) => {
      try {
        return recoveryEventTimeoutOf(config, pluginId);
      } catch {
        // An actor hears that its section is wrong when it opens the journal.
        return settings.recoveryEventTimeoutMs;
      }
    },
    log,
    clock: systemClock,
    randomUuid: randomUUID,
    place: (local, how) => plugins.place(local, how),
  });
  const stopActors = host.shutdown.bind(host);
  const shutDown = async (): Promise<void> => {
    try {
      await plugins.leaveFleets();
      plugins.stopWaking();
      await stopActors();
    } finally {
      await plugins.close();
    }
  };
  let ending: Promise<void> | undefined;
  return Object.assign(host, {
    // A second call that did not wait for the first one would cut its hand-over short.
    shutdown: () => (ending ??= shutDown()),
    journal: (pluginId?: string, type?: PluginClass) => journalOf(plugins, pluginId, type) as never,
  });
}

type PluginClass = abstract new (...context: never[]) => JournalPlugin;

async function journalOf(
  plugins: Plugins,
  pluginId: string | undefined,
  type: PluginClass | undefined,
): Promise<SharedJournals | JournalPlugin> {
  const { plugin, section } = await plugins.opened(pluginId);
  const name = pluginId ? `journal ${pluginId}` : 'the default journal';
  if (type !== undefined) {
    if (plugin instanceof type) return plugin;
    throw new InvalidInputError(`${name} is no ${type.name}`);
  }
  if (section !== undefined) return { journals: section.journals, keyOf: section.journals.keyOf };
  const text = `${name} has no journals by key; name its class to get the plugin itself`;
  throw new InvalidInputError(text);
}

/** The settings of actors; the plugins that they name have to be right as well. */
async function readSettings(
  config: Config,
  checkKeys: () => void,
  plugins: Plugins,
  log: Logger,
): Promise<Omit<PersistenceSettings, 'stashOverflow'> & ActorSettings> {
  type Read = [PersistenceSettings, StashOverflowStrategy | undefined, unknown, unknown];
  const [settings, stashOverflow] = await readAllTogether<Read>(
    () => readPersistenceSettings(config),
    () => makeStashOverflow({ config, log }, systemClock),
    checkKeys,
    () => plugins.check(),
  );
  return {
    ...settings,
    stashOverflow: stashOverflow ?? settings.stashOverflow,
    recoveryEventTimeoutMs: recoveryEventTimeoutOf(config, settings.journalPluginId),
  };
}
