import type { Config } from '../config/config.ts';
import { nameIn } from '../config/settings/class-name.ts';
import { checkPluginPath } from '../config/settings/journal-class.ts';
import {
  fallbackPaths,
  hostOf,
  readSnapshotHost,
  readStartTimeout,
} from '../config/settings/plugin-host-settings.ts';
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
 * Loads what makes the store of a section: nothing is opened.
 *
 * @throws {ConfigError} all problems of the section
 */
export async function snapshotStoreSourceAt(
  config: Config,
  path: string,
  registered: RegisteredPlugins,
): Promise<unknown> {
  checkPluginPath(config, path, 'snapshot store');
  hostOf(config.section(path), config.section(fallbackPaths.snapshotStore), readSnapshotHost);
  return (await pluginSourceAt(config, path, kind, registered)).value;
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
  const source = await snapshotStoreSourceAt(config, path, registered);
  const fallback = config.section(fallbackPaths.snapshotStore);
  const own = config.section(path);
  const settings = hostOf(own, fallback, readSnapshotHost);
  const startTimeoutMs = hostOf(own, fallback, readStartTimeout);
  const place = { config: own.over(fallback), configPath: path, rootConfig: config };
  const plugin = await openPlugin(source, place, kind, { ...deps, startTimeoutMs });
  noteIgnoredKeys(config, deps.log);
  return hostSnapshotStore(plugin, { ...deps, settings, configPath: path });
}
