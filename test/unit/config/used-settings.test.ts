import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  readEmbeddedJournalSettings,
  readKafkaJournalSettings,
} from '../../../src/config/settings/journal-settings.ts';
import { readPersistenceSettings } from '../../../src/config/settings/persistence-settings.ts';
import { readReplicatorSettings } from '../../../src/config/settings/replicator-settings.ts';
import {
  readSnapshotStoreSettings,
  snapshotStoreClasses,
  snapshotStorePaths,
} from '../../../src/config/settings/snapshot-store-settings.ts';
import { load, root } from './loading.ts';

const top = join(import.meta.dirname, '../../..');

function sources(folder: string): string[] {
  return readdirSync(join(top, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !join(folder, file).startsWith('src/config'))
    .map((file) => readFileSync(join(top, folder, file), 'utf8'));
}

/** Names of all properties, however deep. */
function names(value: unknown): string[] {
  if (Array.isArray(value) || typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => [name, ...names(inner)]);
}

describe('a setting that is read', () => {
  it('is used outside of src/config: no key is silently without effect', async () => {
    const config = await load(`
      ${root} {
        cassandra.client.authentication { username = u, password = p }
        postgres.password = p
        replicator.purge-expired.enabled = on
      }`);
    const code = [...sources('src'), ...sources('replicator')].join('\n');
    const all = [
      ...names(readPersistenceSettings(config)),
      ...names(readKafkaJournalSettings(config)),
      ...names(readEmbeddedJournalSettings(config)),
      ...names(readReplicatorSettings(config)),
      ...[...snapshotStoreClasses.values()].flatMap((type) =>
        names(readSnapshotStoreSettings(config.section(snapshotStorePaths[type]), type)),
      ),
    ];
    const unused = [...new Set(all)].filter((name) => !new RegExp(`\\b${name}\\b`).test(code));
    expect(unused).to.deep.equal([]);
    expect(all.length).to.be.above(100);
  });
});
