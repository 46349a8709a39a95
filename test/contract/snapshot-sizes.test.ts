import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { WriteRejectedError } from '../../src/model/errors.ts';
import { silentLogger } from '../../src/observability/logger.ts';
import { SnapshotCriteria, type SnapshotStorePlugin } from '../../src/ports/snapshot-store.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openLocalSnapshotStore } from '../../src/stores/local/local-snapshot-store.ts';
import { setUpPostgresSnapshots } from '../../src/stores/postgres/schema/create-schema.ts';
import { openPostgresSnapshotStore } from '../../src/stores/postgres/snapshot-store.ts';
import { openSqliteSnapshotStore } from '../../src/stores/sqlite/snapshot-store.ts';
import {
  deps,
  dropSchema,
  postgresSettings,
  randomSchema,
} from '../integration/postgres/postgres-server.ts';
import { metadataOf, newId } from './snapshot-store.contract.ts';

interface Limited extends AsyncDisposable {
  readonly store: SnapshotStorePlugin;
}

const stores: Readonly<
  Record<string, { readonly bytes: number; readonly open: () => Promise<Limited> }>
> = {
  PostgreSQL: {
    bytes: 268_435_443,
    open: async () => {
      const schema = randomSchema();
      await setUpPostgresSnapshots(postgresSettings(schema), deps, { mode: 'create' });
      const store = await openPostgresSnapshotStore(postgresSettings(schema), deps);
      return {
        store,
        async [Symbol.asyncDispose]() {
          await store[Symbol.asyncDispose]();
          await dropSchema(schema);
        },
      };
    },
  },
  SQLite: {
    bytes: 999_000_000,
    open: () =>
      inFolder((dir) => openSqliteSnapshotStore(join(dir, 'a.db'), { clock: systemClock })),
  },
  'a file': {
    bytes: 2_146_435_071,
    open: () =>
      inFolder((dir) => openLocalSnapshotStore({ dir, maxLoadAttempts: 3 }, { log: silentLogger })),
  },
};

async function inFolder(open: (dir: string) => Promise<SnapshotStorePlugin>): Promise<Limited> {
  const dir = await mkdtemp(join(tmpdir(), 'snapshot-sizes-'));
  const store = await open(dir);
  return {
    store,
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      await rm(dir, { recursive: true });
    },
  };
}

/** Figures of sizes that fit: `npm run bench -- snapshot.size`. */
describe('snapshots above what a store takes', function () {
  this.timeout(30_000);

  for (const [name, { bytes, open }] of Object.entries(stores)) {
    it(`are refused before anything is sent, with both sizes: ${name}`, async () => {
      await using opened = await open();
      const { store } = opened;
      const id = newId();
      // Its pages are never touched, so it takes no memory.
      const tooLarge = new Uint8Array(bytes + 1);
      const error = await store.save(metadataOf(id, 3, 5), tooLarge).catch((reason) => reason);
      expect(error).to.be.instanceOf(WriteRejectedError);
      expect(error).to.include({ stored: 'no', retryable: false });
      expect(error.message).to.equal(
        `the snapshot of event 3 of ${id} has ${bytes + 1} bytes; ${name} takes at most ${bytes}`,
      );
      expect(await store.load(id, SnapshotCriteria.all)).to.equal(undefined);
      await store.save(metadataOf(id, 3, 5), new Uint8Array(10));
      expect((await store.load(id, SnapshotCriteria.all))?.snapshot).to.have.length(10);
    });
  }
});
