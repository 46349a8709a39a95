import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { createActor } from 'xstate';
import { createPersistence, openJournals } from '../../src/index.ts';
import { counter } from '../support/counter.ts';
import { blocksOf } from './blocks.ts';

const page = readFileSync(new URL('../../docs/plugins.md', import.meta.url), 'utf8');

describe('docs/plugins.md', () => {
  it('shows a journal that keeps the events of actors, by the configuration beside it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kafka-journal-plugins-'));
    const [config = ''] = blocksOf(page, 'hocon');
    const journal = blocksOf(page, 'ts').find((block) => block.includes('class MyJournal')) ?? '';
    writeFileSync(join(folder, 'application.conf'), config);
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    writeFileSync(join(folder, 'my-journal.ts'), journal);
    const persistence = await createPersistence({ file: join(folder, 'application.conf') });
    try {
      const logic = persistence.persistent(counter, { persistenceId: 'a' });
      for (const expected of [2, 4]) {
        const actor = createActor(logic, { input: { id: 'a' } }).start();
        const { snapshot } = await persistence.ask(actor, { type: 'added', by: 2 });
        expect(snapshot.context.sum).to.equal(expected);
        await persistence.stop(actor);
      }
    } finally {
      await persistence.shutdown();
      rmSync(folder, { recursive: true });
    }
  });

  it('says what a payload may be beside JSON, as the port does', () => {
    const port = readFileSync(
      new URL('../../src/ports/journal-plugin.ts', import.meta.url),
      'utf8',
    );
    const [, kinds = ''] = /\/\*\* JSON, (.*)\*\/\n {2}readonly payload/.exec(port) ?? [];
    const names = kinds.match(/`\w+`/g) ?? [];
    expect(names).to.have.length(2);
    for (const name of names) expect(page).to.include(name);
  });

  it('shows a mapping of persistence ids that leads there and back', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kafka-journal-keys-'));
    const [, setting = ''] = blocksOf(page, 'hocon');
    const mapping = blocksOf(page, 'ts').find((block) => block.includes('TenantKeys')) ?? '';
    // The package is not installed beside the file; its types are gone at run time.
    writeFileSync(join(folder, 'tenant-keys.ts'), mapping.replace(/^import .*$/m, ''));
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    const file = join(folder, 'application.conf');
    const embedded = 'evolutiongaming.kafka-journal.embedded.journal';
    writeFileSync(
      file,
      `akka.persistence.journal.plugin = "${embedded}"
      ${embedded}.file = ":memory:"
      ${setting.replace('persistence.journal', 'embedded.journal')}`,
    );
    const { TenantKeys } = await import(join(folder, 'tenant-keys.ts'));
    const journals = await openJournals({ file });
    try {
      const key = journals.keyOf('acme/order-42');
      expect(key).to.deep.equal({ topic: 'journal.acme', id: 'order-42' });
      expect(new TenantKeys().persistenceIdOf(key)).to.equal('acme/order-42');
      expect(() => journals.keyOf('order-42')).to.throw('keyOf threw');
    } finally {
      await journals[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true });
    }
  });
});
