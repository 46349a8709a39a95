import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
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

  it('nobody waits for a Kafka that does not answer: what is being opened is given up', async () => {
    const silent = createServer(() => {}).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const kafka = 'evolutiongaming.kafka-journal.persistence.journal';
    const persistence = await createPersistence({
      config: `akka.persistence.journal.plugin = "${kafka}"
        ${kafka}.kafka.bootstrap-servers = ["127.0.0.1:${port}"]`,
    });
    const opening = failureOf(persistence.journal());
    const [socket] = (await once(silent, 'connection')) as [Socket];
    await persistence.shutdown();
    expect(await opening).to.include({ code: 'CLOSED', stored: 'no' });
    socket.destroy();
    silent.close();
  });
});
