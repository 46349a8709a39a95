import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { silentLogger } from '../../src/observability/logger.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openLocalSnapshotStore } from '../../src/stores/local/local-snapshot-store.ts';
import { SnapshotFolder } from '../../src/stores/local/snapshot-folder.ts';
import { InMemorySnapshotStore } from '../../src/stores/memory/in-memory-snapshot-store.ts';
import { openDatabase } from '../../src/stores/sqlite/session.ts';
import { openSqliteSnapshotStore } from '../../src/stores/sqlite/snapshot-store.ts';
import { temporaryFile } from '../unit/stores/sqlite/temporary-file.ts';
import { type OpenedSnapshotStore, snapshotStoreContract } from './snapshot-store.contract.ts';

snapshotStoreContract('in memory', async () => {
  const store = new InMemorySnapshotStore();
  return { store, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() };
});

snapshotStoreContract('of local files', async () => {
  const temporary = await temporaryFile();
  const dir = join(dirname(temporary.file), 'snapshots');
  const open = () => openLocalSnapshotStore({ dir, maxLoadAttempts: 3 }, { log: silentLogger });
  return {
    ...(await withEnd(await open(), temporary)),
    another: open,
    async damage({ persistenceId, seqNr }) {
      await writeFile(new SnapshotFolder(dir, persistenceId).pathOf(seqNr), 'not a snapshot');
      return async () => {};
    },
  };
});

snapshotStoreContract('in an embedded file', async () => {
  const temporary = await temporaryFile();
  const open = () => openSqliteSnapshotStore(temporary.file, { clock: systemClock });
  return {
    ...(await withEnd(await open(), temporary)),
    another: open,
    async damage() {
      const change = async (sql: string) => {
        const database = openDatabase(temporary.file);
        database.exec(sql);
        database.close();
      };
      await change('ALTER TABLE snapshots RENAME TO gone');
      return () => change('ALTER TABLE gone RENAME TO snapshots');
    },
  };
});

snapshotStoreContract('in an embedded file in memory', async () => {
  const store = await openSqliteSnapshotStore(':memory:', { clock: systemClock });
  return { store, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() };
});

async function withEnd(
  store: OpenedSnapshotStore['store'],
  temporary: AsyncDisposable,
): Promise<OpenedSnapshotStore> {
  return {
    store,
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      await temporary[Symbol.asyncDispose]();
    },
  };
}
