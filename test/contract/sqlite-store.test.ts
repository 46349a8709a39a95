import { silentLogger } from '../../src/observability/logger.ts';
import type { ReplicatedJournal } from '../../src/ports/replicated-journal.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openSqliteStore } from '../../src/stores/sqlite/store.ts';
import { temporaryFile } from '../unit/stores/sqlite/temporary-file.ts';
import { eventualJournalContract } from './eventual-journal.contract.ts';
import { journalsOfATopicContract } from './journals-of-a-topic.contract.ts';
import {
  replicatedJournalContract,
  replicatedPartitionContract,
} from './replicated-journal.contract.ts';
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
replicatedPartitionContract('sqlite in a file', () => openFile(100));
replicatedPartitionContract('sqlite in memory', () => open(':memory:', 100), { processes: 'one' });
journalsOfATopicContract('sqlite in a file', () => openFile(100));

async function openFile(segmentSize: number): Promise<ReplicatedStore> {
  const temporary = await temporaryFile();
  const store = await open(temporary.file, segmentSize);
  return {
    ...store,
    another: async () => writingSide(await open(temporary.file, segmentSize)),
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      await temporary[Symbol.asyncDispose]();
    },
  };
}

/** Closing it closes the file. */
function writingSide({ replicated, ...store }: ReplicatedStore): ReplicatedJournal {
  return {
    topics: (...call) => replicated.topics(...call),
    claim: (...call) => replicated.claim(...call),
    saveOffset: (...call) => replicated.saveOffset(...call),
    tenuresUpTo: (...call) => replicated.tenuresUpTo(...call),
    saveTenures: (...call) => replicated.saveTenures(...call),
    wakeUpsUpTo: (...call) => replicated.wakeUpsUpTo(...call),
    saveWakeUps: (...call) => replicated.saveWakeUps(...call),
    lastTenure: (...call) => replicated.lastTenure(...call),
    journalPlaces: (...call) => replicated.journalPlaces(...call),
    expired: (...call) => replicated.expired(...call),
    expiredUntil: (...call) => replicated.expiredUntil(...call),
    saveExpiredUntil: (...call) => replicated.saveExpiredUntil(...call),
    open: (...call) => replicated.open(...call),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

async function open(file: string, segmentSize: number): Promise<ReplicatedStore> {
  const deps = { log: silentLogger, clock: systemClock };
  const store = await openSqliteStore({ file, partitions: 4, segmentSize }, deps);
  return { ...store, segmentSize, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() };
}
