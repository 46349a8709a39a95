import { existsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { createPersistence } from '../../../src/compose/create-persistence.ts';
import { builtinSnapshotStores } from '../../../src/compose/snapshot-stores.ts';
import { ConfigError, InvalidInputError } from '../../../src/model/errors.ts';
import { silentLogger } from '../../../src/observability/logger.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import {
  bytesOf,
  failureOf,
  loaded,
  metadataOf,
  newId,
} from '../../contract/snapshot-store.contract.ts';
import { load } from '../config/loading.ts';
import { temporaryFile } from '../stores/sqlite/temporary-file.ts';

/** Opens the section at a path as the host of plugins does. */
async function open(text: string, configPath: string) {
  const rootConfig = await load(text);
  const config = rootConfig.section(configPath);
  const factory = builtinSnapshotStores.get(config.getString('class'));
  if (factory === undefined) throw new Error('no such class');
  const { signal } = new AbortController();
  const context = { config, configPath, rootConfig, log: silentLogger, clock: systemClock, signal };
  return await factory(context);
}

describe('the snapshot stores of this package', () => {
  it('are found by the class of their section, and use its settings', async () => {
    await using temporary = await temporaryFile();
    const dir = join(dirname(temporary.file), 'snapshots');
    for (const [text, path] of [
      ['', 'akka.persistence.snapshot-store.inmem'],
      [
        `akka.persistence.snapshot-store.local.dir = "${dir}"`,
        'akka.persistence.snapshot-store.local',
      ],
      [
        `mine { class = "akka.persistence.snapshot.local.LocalSnapshotStore", dir = "${dir}-2" }`,
        'mine',
      ],
      [
        `evolutiongaming.kafka-journal.embedded.journal.file = "${temporary.file}"`,
        'evolutiongaming.kafka-journal.embedded.snapshot-store',
      ],
    ] as const) {
      await using store = await open(text, path);
      const id = newId();
      await store.save(metadataOf(id, 1, 1), bytesOf(path));
      expect(await loaded(store, id), path).to.deep.equal([1, path]);
    }
    for (const path of [dir, `${dir}-2`, temporary.file]) expect(existsSync(path)).to.equal(true);
  });

  it('say themselves what is wrong when they cannot be opened', async () => {
    await using temporary = await temporaryFile();
    const kinds = {
      'akka.persistence.snapshot-store.local': `dir = "${temporary.file}"`,
      'evolutiongaming.kafka-journal.embedded.snapshot-store': `file = "${temporary.file}/x"`,
    };
    writeFileSync(temporary.file, '');
    for (const [path, set] of Object.entries(kinds)) {
      const start = `akka.persistence.snapshot-store.auto-start-snapshot-stores = ["${path}"]`;
      const error = await failureOf(createPersistence({ config: `${start}\n${path}.${set}` }));
      expect(error).to.be.instanceOf(InvalidInputError);
      expect(String(error)).to.include(temporary.file);
      expect(String((error as Error).cause), path).to.match(/EEXIST|ENOTDIR/);
    }
  });

  it('are refused with wrong settings, before anything is opened', async () => {
    const path = 'evolutiongaming.kafka-journal.snapshot-store.cassandra';
    const error = await failureOf(open(`${path}.tabel = x`, path));
    expect(error).to.be.instanceOf(ConfigError);
    expect(String(error)).to.include(`${path}.tabel: is not a known key`);
  });
});
