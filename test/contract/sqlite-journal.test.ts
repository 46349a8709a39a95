import { randomUUID } from 'node:crypto';
import { Topic } from '../../src/model/position.ts';
import { silentLogger } from '../../src/observability/logger.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openSqliteStore } from '../../src/sqlite/sqlite-store.ts';
import { type JournalWorld, journalContract } from './journal.contract.ts';
import { readingWays } from './journal-ways.ts';

async function open(): Promise<JournalWorld> {
  const deps = { log: silentLogger, clock: systemClock };
  const store = await openSqliteStore({ file: ':memory:', partitions: 1, segmentSize: 2 }, deps);
  const createTopic = async (): Promise<Topic> => Topic.of(`t-${randomUUID()}`);
  const { producer, consumer, eventual, replicated } = store;
  const dispose = (): Promise<void> => store[Symbol.asyncDispose]();
  return { producer, consumer, eventual, replicated, createTopic, [Symbol.asyncDispose]: dispose };
}

for (const way of readingWays) {
  const sizes = way === 'by a marker' ? [0, 1, 2, 3, 4] : [0, 2];
  journalContract('SQLite', open, { sizes, way });
}
