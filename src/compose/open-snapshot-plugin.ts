import type { Config } from '../config/config.ts';
import { readAllTogether } from '../config/read-together.ts';
import { nameIn } from '../config/settings/class-name.ts';
import { checkPluginPath } from '../config/settings/journal-class.ts';
import {
  fallbackPaths,
  hostOf,
  readSnapshotHost,
  readStartTimeout,
  type SnapshotHostSettings,
} from '../config/settings/plugin-host-settings.ts';
import {
  readSnapshotStoreSettings,
  snapshotStoreClasses,
} from '../config/settings/snapshot-store-settings.ts';
import { hostSnapshotStore } from '../plugin/host/hosted-snapshot-store.ts';
import {
  openPlugin,
  type PluginKind,
  pluginSourceAt,
  type RegisteredPlugins,
} from '../plugin/open-plugin.ts';
import type { PluginFactory } from '../plugin/plugin-context.ts';
import type { SnapshotStore, SnapshotStorePlugin } from '../ports/snapshot-store.ts';
import { noteIgnoredKeys } from './note-ignored-keys.ts';
import { builtinSnapshotStores } from './snapshot-stores.ts';
import type { OpenDeps } from './stores.ts';

/** Names that JVM files have for stores of this package. */
const jvmNames = new Map([
  ['akka.persistence.snapshot.local.LocalSnapshotStore', 'builtin#LocalSnapshotStore'],
  ['pekko.persistence.snapshot.local.LocalSnapshotStore', 'builtin#LocalSnapshotStore'],
]);

/** That there is none, in the words of JVM files and in ours. */
const noStore = ['builtin#NoSnapshotStore', 'akka.persistence.snapshot.NoSnapshotStore'];

const kind: PluginKind<SnapshotStorePlugin, PluginFactory<SnapshotStorePlugin>> = {
  what: 'a snapshot store',
  builtins: withJvmNames(),
  methods: ['load', 'save', 'delete', 'deleteMatching', Symbol.asyncDispose],
};

function withJvmNames(): ReadonlyMap<string, PluginFactory<SnapshotStorePlugin>> {
  const names = new Map(builtinSnapshotStores);
  for (const [jvmName, name] of jvmNames) {
    const factory = builtinSnapshotStores.get(name);
    if (factory !== undefined) names.set(jvmName, factory);
  }
  return names;
}

/**
 * Whether the section at `path` says that there is no store.
 *
 * @throws {ConfigError} there is no such section
 */
export function isNoStore(config: Config, path: string): boolean {
  if (path === 'akka.persistence.no-snapshot-store') return true;
  checkPluginPath(config, path, 'snapshot store');
  return noStore.includes(nameIn(config.value(`${path}.class`)));
}

/**
 * Looks whether the store of a section can be opened: nothing is opened, but a module is loaded.
 *
 * @throws {ConfigError} all problems of the section
 */
export async function checkSnapshotStore(
  config: Config,
  path: string,
  registered: RegisteredPlugins,
): Promise<void> {
  if (!isNoStore(config, path)) await readSection(config, path, registered);
}

async function readSection(config: Config, path: string, registered: RegisteredPlugins) {
  const fallback = config.section(fallbackPaths.snapshotStore);
  const own = config.section(path);
  const [source, settings, startTimeoutMs] = await readAllTogether<
    [{ readonly value: unknown }, SnapshotHostSettings, number, unknown]
  >(
    () => pluginSourceAt(config, path, kind, registered),
    () => hostOf(own, fallback, readSnapshotHost),
    () => hostOf(own, fallback, readStartTimeout),
    () => checkOwnSettings(own.laidOver(fallback), nameIn(config.value(`${path}.class`))),
  );
  return { source: source.value, settings, startTimeoutMs, config: own.laidOver(fallback) };
}

/**
 * The settings of a store of this package: a wrong one shows when the program starts, and not when
 * its first actor does.
 */
function checkOwnSettings(section: Config, name: string): void {
  const type = snapshotStoreClasses.get(jvmNames.get(name) ?? name);
  if (type !== undefined) readSnapshotStoreSettings(section, type);
}

/**
 * Opens the store of a section, with what the host does around it.
 *
 * @throws as `openPlugin`
 */
export async function openSnapshotStore(
  config: Config,
  path: string,
  registered: RegisteredPlugins,
  deps: OpenDeps & { readonly closing: AbortSignal },
): Promise<SnapshotStore> {
  const section = await readSection(config, path, registered);
  const { source, settings, startTimeoutMs } = section;
  const place = { config: section.config, configPath: path, rootConfig: config };
  const plugin = await openPlugin(source, place, kind, { ...deps, startTimeoutMs });
  noteIgnoredKeys(config, deps.log);
  const closeTimeoutMs = startTimeoutMs;
  return hostSnapshotStore(plugin, { ...deps, settings, configPath: path, closeTimeoutMs });
}
