import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SeqNr } from '../../src/model/seq-nr.ts';
import type { PersistenceId } from '../../src/ports/journal-plugin.ts';
import { SnapshotCriteria, type SnapshotStorePlugin } from '../../src/ports/snapshot-store.ts';
import { setUpCassandraSnapshots } from '../../src/stores/cassandra/schema/create-schema.ts';
import { openCassandraSnapshotStore } from '../../src/stores/cassandra/snapshot-store.ts';
import { openLocalSnapshotStore } from '../../src/stores/local/local-snapshot-store.ts';
import { setUpPostgresSnapshots } from '../../src/stores/postgres/schema/create-schema.ts';
import { openPostgresSnapshotStore } from '../../src/stores/postgres/snapshot-store.ts';
import { openSqliteSnapshotStore } from '../../src/stores/sqlite/snapshot-store.ts';
import { deps, newNames, type Servers, settingsOf } from './bench-world.ts';
import { elapsedMs, type Figure, figure, median } from './figures.ts';

const sizesMiB = [1, 8, 64, 255];
/** Of sizes above that there is one round: each takes seconds. */
const quickMiB = 8;
const quickRounds = 3;

/** Saves and loads snapshots of several sizes in each store; what comes back has to be equal. */
export async function benchSnapshotSizes(servers: Servers): Promise<readonly Figure[]> {
  const { eventual: ofCassandra } = await settingsOf(newNames(servers));
  const { eventual: ofPostgres } = await settingsOf(newNames(servers, 'postgres'));
  if (ofCassandra.type !== 'cassandra' || ofPostgres.type !== 'postgres') {
    throw new Error('the configuration names other stores');
  }
  const { cassandra } = ofCassandra;
  const { postgres } = ofPostgres;
  const dir = await mkdtemp(join(tmpdir(), 'snapshot-sizes-'));
  const place = { cassandra, table: 'snapshots', ttlSeconds: undefined };
  try {
    await setUpCassandraSnapshots(place, deps, { mode: 'create' });
    await setUpPostgresSnapshots(postgres, deps, { mode: 'create' });
    return [
      ...(await measure('local', openLocalSnapshotStore({ dir, maxLoadAttempts: 3 }, deps))),
      ...(await measure('embedded', openSqliteSnapshotStore(join(dir, 'a.db'), deps))),
      ...(await measure('cassandra', openCassandraSnapshotStore(place, deps))),
      ...(await measure('postgres', openPostgresSnapshotStore(postgres, deps))),
    ];
  } finally {
    await rm(dir, { recursive: true });
  }
}

async function measure(
  name: string,
  opening: Promise<SnapshotStorePlugin>,
): Promise<readonly Figure[]> {
  const store = await opening;
  const figures: Figure[] = [];
  try {
    for (const sizeMiB of sizesMiB) {
      const snapshot = randomBytes(sizeMiB * 1024 * 1024);
      const saves: number[] = [];
      const loads: number[] = [];
      const persistenceId = `size-${sizeMiB}` as PersistenceId;
      const rounds = sizeMiB > quickMiB ? 1 : quickRounds;
      for (let round = 1; round <= rounds; round++) {
        const metadata = { persistenceId, seqNr: SeqNr.of(round), timestampMs: Date.now() };
        saves.push(await elapsedMs(() => store.save(metadata, snapshot)));
        const load = async (): Promise<void> => {
          const found = await store.load(persistenceId, SnapshotCriteria.all);
          const isSame = found !== undefined && snapshot.equals(found.snapshot);
          if (!isSame) throw new Error(`${name} gave another snapshot of ${sizeMiB} MiB`);
        };
        loads.push(await elapsedMs(load));
        await store.deleteMatching(persistenceId, SnapshotCriteria.all);
      }
      const of = `${name}.${sizeMiB}MiB`;
      figures.push(figure(`snapshot.size.save.${of}`, 'ms', [median(saves)]));
      figures.push(figure(`snapshot.size.load.${of}`, 'ms', [median(loads)]));
    }
    return figures;
  } finally {
    await store[Symbol.asyncDispose]();
  }
}
