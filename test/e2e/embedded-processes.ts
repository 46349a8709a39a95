import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPersistence, type Persistence } from '../../src/compose/create-persistence.ts';

/** The section of the embedded journal. */
export const section = 'evolutiongaming.kafka-journal.embedded.journal';

export interface EmbeddedProcesses {
  /** Opens one more; `more` = further keys of the section. */
  readonly open: (more?: string) => Promise<Persistence>;
  /** Shuts down the one that was opened first of those that are open. */
  readonly shutdownFirst: () => Promise<void>;
  /** `file = ...` of the section. */
  readonly file: () => string;
}

/**
 * Processes of a service on one embedded journal, each a whole persistence. Each test of the suite
 * that calls this has a file of its own; what it opened is shut down after it.
 */
export function embeddedProcesses(): EmbeddedProcesses {
  let folder: string;
  const opened: Persistence[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'embedded-processes-'));
  });

  afterEach(async () => {
    await Promise.all(opened.splice(0).map((persistence) => persistence.shutdown()));
    await rm(folder, { recursive: true });
  });

  const file = () => `file = ${JSON.stringify(join(folder, 'journal.db'))}`;
  return {
    file,
    open: async (more = '') => {
      const persistence = await createPersistence({
        config: `
          akka.persistence.journal.plugin = "${section}"
          ${section} { ${file()} ${more} }`,
      });
      opened.push(persistence);
      return persistence;
    },
    shutdownFirst: async () => {
      await opened.shift()?.shutdown();
    },
  };
}
