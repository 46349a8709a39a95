import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openJournals } from '../../src/compose/open-journals.ts';
import { createPersistence } from '../../src/index.ts';
import { commandsPerSecond } from './actors.ts';
import { elapsedMs, type Figure, figure, median } from './figures.ts';
import { readJournal, recoverMachine, writeAccount } from './recover.ts';

const path = 'evolutiongaming.kafka-journal.embedded.journal';
const rounds = 11;
/** Time for the in-process replicator to carry the events over. */
const settleMs = 1_500;

/** One SQLite file: commands a second, and the recovery of 10,000 events. */
export async function benchEmbedded(): Promise<readonly Figure[]> {
  const folder = await mkdtemp(join(tmpdir(), 'kafka-journal-bench-'));
  try {
    const commands = await commandsPerSecond(configText(join(folder, 'append.db')));
    const recovery = await recoverMs(configText(join(folder, 'recover.db')));
    return [figure('append.embedded', 'commands/s', [commands]), ...recovery];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function recoverMs(text: string): Promise<readonly Figure[]> {
  const journals = await openJournals({ config: text });
  await writeAccount(journals);
  await sleep(settleMs);
  const reads: number[] = [];
  for (let round = 0; round < rounds; round++)
    reads.push(await elapsedMs(() => readJournal(journals)));
  await journals[Symbol.asyncDispose]();

  const persistence = await createPersistence({ config: text });
  const recoveries: number[] = [];
  for (let round = 0; round < rounds; round++) {
    recoveries.push(await elapsedMs(() => recoverMachine(persistence)));
  }
  await persistence.shutdown();
  return [
    figure('recover.10k.embedded', 'ms', [median(reads)]),
    figure('recover.10k.embedded.machine', 'ms', [median(recoveries)]),
  ];
}

function configText(file: string): string {
  return `
akka.persistence.journal.plugin = "${path}"
${path}.file = "${file}"
`;
}
