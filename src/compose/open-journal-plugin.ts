import type { Config } from '../config/config.ts';
import { readAllTogether } from '../config/read-together.ts';
import { nameIn } from '../config/settings/class-name.ts';
import { type BoundClasses, readEventAdapters } from '../config/settings/event-adapter-settings.ts';
import { checkPluginPath, journalClasses } from '../config/settings/journal-class.ts';
import { readInMemoryJournalSettings } from '../config/settings/journal-settings.ts';
import {
  fallbackPaths,
  hostOf,
  readJournalHost,
  readRecoveryEventTimeout,
  readStartTimeout,
} from '../config/settings/plugin-host-settings.ts';
import { hostJournal } from '../plugin/host/hosted-journal.ts';
import { InMemoryJournalPlugin } from '../plugin/in-memory-journal-plugin.ts';
import { KafkaJournalPlugin } from '../plugin/kafka-journal-plugin.ts';
import {
  openPlugin,
  type PluginKind,
  pluginSourceAt,
  type RegisteredPlugins,
} from '../plugin/open-plugin.ts';
import type { JournalPlugin } from '../ports/journal-plugin.ts';
import { noteIgnoredKeys } from './note-ignored-keys.ts';
import {
  type JournalsAsWritten,
  journalSettingsOf,
  type OpenSection,
  openSection,
} from './open-journals.ts';
import type { OpenDeps } from './stores.ts';

/** The journal of a section. */
export interface OpenedJournal {
  /** As it was made; whoever closes it closes what belongs to it. */
  readonly plugin: JournalPlugin;
  /** The same for actors, with what the host does around it. It closes the plugin. */
  readonly hosted: JournalPlugin;
  /** Of a journal of this package over a log and a store. */
  readonly section: OpenSection | undefined;
}

type BuiltinJournal = NonNullable<ReturnType<(typeof journalClasses.builtins)['get']>>;

const kind: PluginKind<JournalPlugin, BuiltinJournal> = {
  ...journalClasses,
  methods: ['write', 'deleteTo', 'highestSeqNr', 'replay', Symbol.asyncDispose],
};

/**
 * Looks whether the journal of a section can be opened: nothing is opened, but a module is loaded.
 *
 * @throws {ConfigError} all problems of the section
 */
export async function checkJournal(
  config: Config,
  path: string,
  registered: RegisteredPlugins,
  ownKeys: OpenOwnKeys,
): Promise<void> {
  checkPluginPath(config, path, 'journal');
  await readAllTogether(
    () => pluginSourceAt(config, path, kind, registered),
    () => readSettings(config, path, registered, ownKeys),
  );
}

/** As `openOwnKeyMapping`, of one section. */
type OpenOwnKeys = () => Promise<JournalsAsWritten['ownKeys']>;

/** What is wrong with the class is found elsewhere. */
async function readSettings(
  config: Config,
  path: string,
  registered: RegisteredPlugins,
  ownKeys: OpenOwnKeys,
): Promise<void> {
  const name = nameIn(config.value(`${path}.class`));
  const builtin = registered.has(path) ? undefined : kind.builtins.get(name);
  if (builtin === undefined) {
    const [own, fallback] = sectionsOf(config, path);
    hostOf(own, fallback, (...of) => [
      readJournalHost(...of),
      readRecoveryEventTimeout(...of),
      readStartTimeout(...of),
      readEventAdapters(...of),
    ]);
  } else if (builtin === 'in-memory') readInMemoryJournalSettings(config, path);
  else await readAllTogether(() => journalSettingsOf(config, path), ownKeys);
}

/**
 * The event adapters of a section, which may be of any journal; nothing is opened.
 *
 * @throws {ConfigError} all problems of these keys
 */
export function eventAdaptersOf(config: Config, path: string): BoundClasses {
  checkPluginPath(config, path, 'journal');
  return hostOf(...sectionsOf(config, path), readEventAdapters);
}

/** What opening a journal works with. */
export interface OpenJournalDeps extends OpenDeps {
  /** As `OpenPluginDeps` has them. */
  readonly closing: AbortSignal;
  readonly unused: AbortSignal;
  readonly beforeClose: () => Promise<void>;
  readonly ownKeys: OpenOwnKeys;
}

/**
 * Opens the journal of a section.
 *
 * @throws {ConfigError} all problems of the section
 * @throws {LogUnavailableError} {@link StoreUnavailableError} not reachable within `start-timeout`
 * @throws {DeadlineExceededError} a journal of a user took longer than `start-timeout`
 * @throws {NotSetUpError} a topic or table is missing and may not be created
 */
export async function openJournal(
  config: Config,
  path: string,
  registered: RegisteredPlugins,
  deps: OpenJournalDeps,
): Promise<OpenedJournal> {
  checkPluginPath(config, path, 'journal');
  const source = await pluginSourceAt(config, path, kind, registered);
  if (source.type === 'builtin' && source.value !== 'in-memory') {
    return await openWithStores(config, path, deps);
  }
  const [own, fallback] = sectionsOf(config, path);
  const settings = hostOf(own, fallback, readJournalHost);
  const startTimeoutMs = hostOf(own, fallback, readStartTimeout);
  hostOf(own, fallback, readRecoveryEventTimeout); // of actors, who do not say what is wrong with it
  const place = { config: own.laidOver(fallback), configPath: path, rootConfig: config };
  const plugin =
    source.type === 'builtin'
      ? new InMemoryJournalPlugin({ ...readInMemoryJournalSettings(config, path), ...deps })
      : await openPlugin(source.value, place, kind, { ...deps, startTimeoutMs });
  noteIgnoredKeys(config, deps.log);
  const closeTimeoutMs = startTimeoutMs;
  const hosted = hostJournal(plugin, { ...deps, settings, configPath: path, closeTimeoutMs });
  return { plugin, hosted, section: undefined };
}

async function openWithStores(
  config: Config,
  path: string,
  deps: OpenJournalDeps,
): Promise<OpenedJournal> {
  const ownKeys = await deps.ownKeys();
  const section = await openSection(config, path, { ...deps, ownKeys, signal: deps.closing });
  const { journals, waking } = section;
  const { keyOf, maxEventsInBatch } = journals;
  const close = async (): Promise<void> => {
    await deps.beforeClose();
    await waking?.settled();
    await journals[Symbol.asyncDispose]();
  };
  const wakesEntities = waking !== undefined;
  const parts = { journals, keyOf, maxEventsInBatch, wakesEntities, close };
  const plugin = new KafkaJournalPlugin({ ...deps, ...parts });
  const settings = section.host;
  const hosted = hostJournal(plugin, { ...deps, settings, configPath: path });
  return { plugin, hosted, section };
}

function sectionsOf(config: Config, path: string): [own: Config, fallback: Config] {
  return [config.section(path), config.section(fallbackPaths.journal)];
}
