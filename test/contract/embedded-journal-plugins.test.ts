import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { journalPluginContract } from './journal-plugin.contract.ts';

const inMemory = 'akka.persistence.journal.plugin = "akka.persistence.journal.inmem"';
const embedded = 'evolutiongaming.kafka-journal.embedded.journal';
const own = new URL('../support/own-plugins/own-journal.ts', import.meta.url).pathname;

journalPluginContract('in memory', () => inMemory, {
  isShared: false,
  rejectsNonSerializable: false,
  bytes: true,
  begins: false,
});

journalPluginContract(
  'in memory, with events written down and read again',
  () => `${inMemory}, akka.persistence.journal.inmem.test-serialization = on`,
  { isShared: false, rejectsNonSerializable: true, bytes: true, begins: false },
);

const folder = mkdtempSync(join(tmpdir(), 'journal-plugins-'));
after(() => rmSync(folder, { recursive: true }));

journalPluginContract(
  'embedded',
  () => `
    akka.persistence.journal.plugin = "${embedded}"
    ${embedded}.file = "${join(folder, 'journal.db')}"`,
  { isShared: true, rejectsNonSerializable: true, bytes: true, begins: true },
);

journalPluginContract(
  'of a user, written with the public exports',
  () => `akka.persistence.journal.plugin = mine, mine.class = "${own}#OwnJournal"`,
  { isShared: false, rejectsNonSerializable: false, bytes: false, begins: false },
);
