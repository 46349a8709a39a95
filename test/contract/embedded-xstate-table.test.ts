import { createPersistence } from '../../src/index.ts';
import { RecordingLogger } from '../support/recording-logger.ts';
import { temporaryFile } from '../unit/stores/sqlite/temporary-file.ts';
import { xstateTableContract } from './xstate-table.contract.ts';

const embedded = 'evolutiongaming.kafka-journal.embedded';

xstateTableContract('an embedded journal', async () => {
  const temporary = await temporaryFile();
  const log = new RecordingLogger();
  const config = `
    akka.persistence.journal.plugin = "${embedded}.journal"
    akka.persistence.snapshot-store.plugin = "${embedded}.snapshot-store"
    ${embedded}.journal.file = "${temporary.file}"
    ${embedded}.snapshot-store.file = "${temporary.file}"`;
  const persistence = await createPersistence({ config, log });
  return {
    persistence,
    warnings: () => log.of('warn'),
    async [Symbol.asyncDispose]() {
      await persistence.shutdown();
      await temporary[Symbol.asyncDispose]();
    },
  };
});
