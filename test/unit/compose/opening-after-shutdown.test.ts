import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { createPersistence } from '../../../src/index.ts';
import { failureOf } from '../actor/support.ts';

const path = 'evolutiongaming.kafka-journal.embedded.journal';

/** Nobody would close it, and what is open keeps the process alive. */
describe('after a shutdown', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'after-shutdown-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  for (const before of ['open', 'not open']) {
    it(`no journal is opened any more that was ${before} before`, async () => {
      const file = JSON.stringify(join(folder, 'journal.db'));
      const persistence = await createPersistence({
        config: `akka.persistence.journal.plugin = "${path}"\n${path}.file = ${file}`,
      });
      if (before === 'open') await persistence.journal();
      await persistence.shutdown();
      expect(await failureOf(persistence.journal())).to.include({ code: 'CLOSED', stored: 'no' });
    });
  }
});
