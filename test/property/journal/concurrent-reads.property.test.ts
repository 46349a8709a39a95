import { randomUUID } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { expect } from 'chai';
import { createJournal, type Journal } from '../../../src/journal/journal.ts';
import { Events } from '../../../src/model/event.ts';
import { Key } from '../../../src/model/key.ts';
import { Partition, Topic } from '../../../src/model/position.ts';
import { SeqNr } from '../../../src/model/seq-nr.ts';
import { silentLogger } from '../../../src/observability/logger.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import type { SqliteStore } from '../../../src/sqlite/sqlite-store.ts';
import { openSqliteStore } from '../../../src/sqlite/sqlite-store.ts';
import { applyRecord, recordsOf, saveOffset } from '../../support/journal/replicate.ts';
import { numbersOf, seed } from '../codec/seed.ts';

const rounds = 8;
const appends = 25;
const readers = 3;

/** What the writer was told so far. */
interface Acknowledged {
  last: number;
  /** Appends begin behind these numbers. */
  readonly borders: number[];
  deleteTo: number;
  ended: boolean;
}

describe(`property: readers beside a writer and a replicator (seed ${seed})`, function () {
  this.timeout(60_000);
  const numbers = numbersOf(seed);
  let store: SqliteStore;

  before(async () => {
    const settings = { file: ':memory:', partitions: 1, segmentSize: 3 };
    store = await openSqliteStore(settings, { log: silentLogger, clock: systemClock });
  });
  after(() => store[Symbol.asyncDispose]());

  it('see every append and delete acknowledged before they began, and appends whole (I2, I3, I7)', async () => {
    let reads = 0;
    for (let round = 0; round < rounds; round++) {
      const key = Key.of(Topic.of(`t-${randomUUID()}`), 'id');
      const journal = journalOf(store, key);
      const known: Acknowledged = { last: 0, borders: [0], deleteTo: 0, ended: false };
      const reading = Array.from({ length: readers }, () => readBeside(journal, known));
      const [, , ...counts] = await Promise.all([
        write(journal, known, numbers),
        replicate(store, key, known),
        ...reading,
      ]);
      reads += counts.reduce((sum, count) => sum + count, 0);
    }
    expect(reads).to.be.greaterThan(rounds * readers);
  });
});

async function write(
  journal: Journal,
  known: Acknowledged,
  numbers: (below: number) => number,
): Promise<void> {
  for (let left = appends; left > 0; left--) {
    const first = known.last + 1;
    const to = known.last + 1 + numbers(4);
    const list = Array.from({ length: to - first + 1 }, (_, index) => SeqNr.of(first + index));
    // The border is known before the append is: a reader may see it before its writer is told.
    known.borders.push(to);
    await journal.append(Events.of(list.map((seqNr) => ({ seqNr, tags: [], payload: undefined }))));
    known.last = to;
    if (numbers(6) === 0) {
      const deleteTo = 1 + numbers(to);
      await journal.delete(SeqNr.of(deleteTo));
      known.deleteTo = Math.max(known.deleteTo, deleteTo);
    }
    await pause(numbers);
  }
  known.ended = true;
}

/** One record at a time, as far behind as chance will have it. */
async function replicate(store: SqliteStore, key: Key, known: Acknowledged): Promise<void> {
  let done = 0;
  for (let ended = false; !ended; ) {
    ({ ended } = known);
    const records = await recordsOf(store.consumer, key, Partition.of(0));
    for (const record of records.slice(done)) {
      await setImmediate();
      await applyRecord(store.replicated, record);
      await setImmediate();
      await saveOffset(store.replicated, record);
    }
    done = records.length;
    await setImmediate();
  }
}

async function readBeside(journal: Journal, known: Acknowledged): Promise<number> {
  let reads = 0;
  do {
    const { last, deleteTo } = known;
    const read: number[] = [];
    for await (const batch of journal.read()) read.push(...batch.map(({ event }) => event.seqNr));
    const first = read[0] ?? known.last + 1;
    const end = read.at(-1) ?? last;
    const what = `${read[0]}..${read.at(-1)} after ${last} and delete(${deleteTo})`;
    expect(read, what).to.deep.equal(read.map((_, index) => first + index));
    expect(first, what).to.be.greaterThan(deleteTo);
    expect(end, what).to.be.at.least(last);
    expect(known.borders, what).to.include(end);
    reads++;
  } while (!known.ended);
  return reads;
}

async function pause(numbers: (below: number) => number): Promise<void> {
  for (let left = numbers(4); left > 0; left--) await setImmediate();
}

function journalOf(store: SqliteStore, key: Key): Journal {
  const dataIntegrity = {
    seqNrUniqueness: true,
    correlateEventsWithMeta: false,
    gaps: 'fail' as const,
  };
  const parts = {
    ...store,
    settings: { readTimeoutMs: 10_000, dataIntegrity },
    log: silentLogger,
    clock: systemClock,
    origin: 'test',
    randomUuid: randomUUID,
  };
  return createJournal(parts, key);
}
