import {
  readSnapshotStoreSettings,
  snapshotStoreClasses,
} from '../config/settings/snapshot-store-settings.ts';
import type { PluginFactory } from '../plugin/plugin-context.ts';
import type { SnapshotStorePlugin } from '../ports/snapshot-store.ts';
import { openSnapshotStore } from './open-snapshot-store.ts';

/** The snapshot stores of this package, by the `class` of their sections. */
export const builtinSnapshotStores: ReadonlyMap<
  string,
  PluginFactory<SnapshotStorePlugin>
> = new Map(
  [...snapshotStoreClasses].map(([name, type]) => [
    name,
    async ({ config, log, clock, signal }) =>
      await openSnapshotStore(readSnapshotStoreSettings(config, type), { log, clock }, { signal }),
  ]),
);
