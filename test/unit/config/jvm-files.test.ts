import { readdirSync } from 'node:fs';
import { expect } from 'chai';
import { loadConfig } from '../../../src/config/load-config.ts';
import { readKafkaJournalSettings } from '../../../src/config/settings/journal-settings.ts';
import { readPersistenceSettings } from '../../../src/config/settings/persistence-settings.ts';
import { readReplicatorSettings } from '../../../src/config/settings/replicator-settings.ts';
import { journal } from './loading.ts';

describe('an unchanged application.conf of the JVM system', () => {
  const folder = new URL('jvm/', import.meta.url);
  for (const file of readdirSync(folder)) {
    it(`loads: ${file}`, async () => {
      const config = await loadConfig({ file: new URL(file, folder).pathname, env: {} });
      readPersistenceSettings(config);
      readKafkaJournalSettings(config);
      readReplicatorSettings(config);
      expect(config.notes).not.to.have.property('size', 0);
    });
  }

  it('gets one note a key that has no effect, with file and line', async () => {
    const config = await loadConfig({ file: new URL('deployment.conf', folder).pathname, env: {} });
    readKafkaJournalSettings(config);
    const notes = [...config.notes.values()].filter(({ path }) =>
      path.startsWith(`${journal}.consumer-pool`),
    );
    expect(notes).to.have.lengthOf(1);
    expect(notes[0]?.file).to.match(/deployment\.conf$/);
    expect(notes[0]?.line).to.be.above(0);
  });
});
