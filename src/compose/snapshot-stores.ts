import type { PluginFactory } from '../plugin/plugin-context.ts';
import type { SnapshotStorePlugin } from '../ports/snapshot-store.ts';
import { InMemorySnapshotStore } from '../stores/memory/in-memory-snapshot-store.ts';

/** The snapshot stores of this package, by the `class` of their sections. */
export const builtinSnapshotStores: ReadonlyMap<
  string,
  PluginFactory<SnapshotStorePlugin>
> = new Map([['builtin#InMemorySnapshotStore', () => new InMemorySnapshotStore()]]);
