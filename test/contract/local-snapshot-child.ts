import { silentLogger } from '../../src/observability/logger.ts';
import type { PersistenceId } from '../../src/ports/journal-plugin.ts';
import { openLocalSnapshotStore } from '../../src/stores/local/local-snapshot-store.ts';
import { metadataOf } from './snapshot-store.contract.ts';

/*
 * A process that saves snapshots of one entity, each `size` bytes, until it is killed: `dir id size
 * first`. The time of a snapshot is its count, and so is each of its bytes, modulo 256. It says
 * `saved <count>` when one is saved. Every other one replaces the one before it.
 */
const [dir = '', id = '', size = '', first = ''] = process.argv.slice(2);

const settings = { dir, maxLoadAttempts: 1 };
const store = await openLocalSnapshotStore(settings, { log: silentLogger });
for (let count = Number(first); ; count++) {
  const metadata = metadataOf(id as PersistenceId, Math.ceil(count / 2), count);
  await store.save(metadata, Buffer.alloc(Number(size), count));
  await new Promise((resolve) => process.stdout.write(`saved ${count}\n`, resolve));
}
