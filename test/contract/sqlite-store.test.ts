import { silentLogger } from '../../src/observability/logger.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openSqliteStore } from '../../src/sqlite/sqlite-store.ts';
import { temporaryFile } from '../unit/sqlite/temporary-file.ts';
import { eventualJournalContract } from './eventual-journal.contract.ts';
import { replicatedJournalContract } from './replicated-journal.contract.ts';
import type { ReplicatedStore } from './replicated-store.ts';

for (const segmentSize of [2, 10_000]) {
  eventualJournalContract(`sqlite in a file, segments of ${segmentSize}`, () =>
    openFile(segmentSize),
  );
  replicatedJournalContract(`sqlite in a file, segments of ${segmentSize}`, () =>
    openFile(segmentSize),
  );
}
eventualJournalContract('sqlite in memory', () => open(':memory:', 100));
replicatedJournalContract('sqlite in memory', () => open(':memory:', 100));

async function openFile(segmentSize: number): Promise<ReplicatedStore> {
  const temporary = await temporaryFile();
  const store = await open(temporary.file, segmentSize);
  return {
    ...store,
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      await temporary[Symbol.asyncDispose]();
    },
  };
}

async function open(file: string, segmentSize: number): Promise<ReplicatedStore> {
  const deps = { log: silentLogger, clock: systemClock };
  const store = await openSqliteStore({ file, partitions: 4, segmentSize }, deps);
  return { ...store, segmentSize, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() };
}
