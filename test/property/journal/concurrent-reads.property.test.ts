import { randomUUID } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { expect } from 'chai';
import { createJournal, type Journal } from '../../../src/journal/journal.ts';
import type { ReadDeps } from '../../../src/journal/read/observe.ts';
import { Events } from '../../../src/model/event.ts';
import { Key } from '../../../src/model/key.ts';
import { Partition, Topic } from '../../../src/model/position.ts';
import { SeqNr } from '../../../src/model/seq-nr.ts';
import { silentLogger } from '../../../src/observability/logger.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import type { SqliteStore } from '../../../src/stores/sqlite/store.ts';
import { openSqliteStore } from '../../../src/stores/sqlite/store.ts';
import { readIn, readingWays } from '../../contract/journal-ways.ts';
import { applyRecord, recordsOf, saveOffset } from '../../support/journal/replicate.ts';
import { numbersOf, seed } from '../codec/seed.ts';

const rounds = 6;
const keysOfRound = 3;
const appends = 20;
const readers = 4;
/**
 * Readers that wait for their head cache are slow: the writers of a round go on until this many
 * reads have ended.
 */
const readsOfRound = 2 * readers;
/** A head cache lags so far that reads have to wait for it. */
const followTurns = 30;

type Numbers = (below: number) => number;

/** What the writer of a key was told so far. */
interface Acknowledged {
  readonly key: Key;
  last: number;
  /** Appends begin after these numbers. */
  readonly borders: number[];
  deleteTo: number;
  ended: boolean;
}

describe(`property: readers beside writers and a replicator (seed ${seed})`, function () {
  this.timeout(60_000);
  const numbers = numbersOf(seed);
  let store: SqliteStore;

  before(async () => {
    const settings = { file: ':memory:', partitions: 1, segmentSize: 3 };
    store = await openSqliteStore(settings, { log: silentLogger, clock: systemClock });
  });
  after(() => store[Symbol.asyncDispose]());

  for (const way of readingWays) {
    it(`see every append and delete acknowledged before they began, and appends whole: ${way} (I2, I3, I7)`, async () => {
      // The readers are another process: their ports have a lag of their own, and nothing is
      // shared.
      const { replicated } = store;
      const createTopic = async (): Promise<Topic> => Topic.of(`t-${randomUUID()}`);
      const ports = { ...laggy(store, numbers), replicated, createTopic };
      await using world = readIn({ ...ports, [Symbol.asyncDispose]: async () => {} }, way);
      for (let round = 0; round < rounds; round++) {
        const topic = await createTopic();
        const known = Array.from({ length: keysOfRound }, (_, index) => begun(topic, index));
        const beside = { reads: 0 };
        const reading = Array.from({ length: readers }, () =>
          readBeside(world, known, beside, numbers),
        );
        await Promise.all([
          ...known.map((one) => write(journalOf(store, one.key), one, beside, numbers)),
          replicate(store, known, numbers),
          ...reading,
        ]);
      }
    });
  }
});

function begun(topic: Topic, index: number): Acknowledged {
  const key = Key.of(topic, `id-${index}`);
  return { key, last: 0, borders: [0], deleteTo: 0, ended: false };
}

async function write(
  journal: Journal,
  known: Acknowledged,
  beside: { readonly reads: number },
  numbers: Numbers,
): Promise<void> {
  for (let left = appends; left > 0 || beside.reads < readsOfRound; left--) {
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
    await pause(numbers, 4);
  }
  known.ended = true;
}

/**
 * One record of the partition at a time, lagging as far as chance will have it; at times it stands
 * still.
 */
async function replicate(
  store: SqliteStore,
  known: readonly Acknowledged[],
  numbers: Numbers,
): Promise<void> {
  let next = 0;
  for (let ended = false; !ended; ) {
    ended = known.every((one) => one.ended);
    const ofKeys = known.map(({ key }) => recordsOf(store.consumer, key, Partition.of(0)));
    const records = (await Promise.all(ofKeys)).flat();
    const ascending = records.toSorted((a, b) => a.at.offset - b.at.offset);
    for (const record of ascending) {
      if (record.at.offset < next) continue;
      // Another key may have a record in between that came after its own were read.
      if (record.at.offset > next) break;
      await setImmediate();
      await applyRecord(store.replicated, record);
      await pause(numbers, 3);
      await saveOffset(store.replicated, record);
      next = record.at.offset + 1;
      if (numbers(20) === 0) await pause(numbers, 60);
    }
    await setImmediate();
  }
}

async function readBeside(
  world: Reading,
  known: readonly Acknowledged[],
  beside: { reads: number },
  numbers: Numbers,
): Promise<void> {
  do {
    const one = known[numbers(known.length)];
    if (one === undefined) break;
    const { last, deleteTo } = one;
    const read: number[] = [];
    const journal = journalOf(world, one.key);
    for await (const batch of journal.read()) read.push(...batch.map(({ event }) => event.seqNr));
    const first = read[0] ?? one.last + 1;
    const end = read.at(-1) ?? last;
    const what = `${one.key.id}: ${read[0]}..${read.at(-1)} after ${last} and delete(${deleteTo})`;
    expect(read, what).to.deep.equal(read.map((_, index) => first + index));
    expect(first, what).to.be.greaterThan(deleteTo);
    expect(end, what).to.be.at.least(last);
    expect(one.borders, what).to.include(end);
    expect((await journal.pointer()) ?? 0, what).to.be.at.least(end);
    beside.reads++;
  } while (!known.every(({ ended }) => ended));
}

async function pause(numbers: Numbers, below: number): Promise<void> {
  for (let left = numbers(below); left > 0; left--) await setImmediate();
}

type Ports = Pick<ReadDeps, 'producer' | 'consumer' | 'eventual'>;

/** The same log and store, where each question and each batch takes a random number of turns. */
function laggy({ producer, consumer, eventual }: Ports, numbers: Numbers): Ports {
  const later = async <T>(ask: () => Promise<T>): Promise<T> => {
    await pause(numbers, 5);
    const answer = await ask();
    await pause(numbers, 5);
    return answer;
  };
  async function* slowly<T>(source: AsyncIterable<T>, turns = 3): AsyncGenerator<T> {
    await pause(numbers, 5);
    for await (const batch of source) {
      await pause(numbers, turns);
      yield batch;
    }
  }
  const dispose = async (): Promise<void> => {};
  return {
    producer: {
      produce: (...args) => later(() => producer.produce(...args)),
      [Symbol.asyncDispose]: dispose,
    },
    consumer: {
      read: (...args) => slowly(consumer.read(...args)),
      follow: (...args) => slowly(consumer.follow(...args), followTurns),
      endOffset: (...args) => later(() => consumer.endOffset(...args)),
      partitionCount: (...args) => later(() => consumer.partitionCount(...args)),
      [Symbol.asyncDispose]: dispose,
    },
    eventual: {
      offset: (...args) => later(() => eventual.offset(...args)),
      lastTenure: (...args) => later(() => eventual.lastTenure(...args)),
      pointer: (...args) => later(() => eventual.pointer(...args)),
      read: (...args) => slowly(eventual.read(...args)),
      ids: (...args) => eventual.ids(...args),
      [Symbol.asyncDispose]: dispose,
    },
  };
}

type Reading = Ports & Pick<ReadDeps, 'readEnd' | 'headCache'>;

function journalOf(reading: Reading, key: Key): Journal {
  const dataIntegrity = {
    seqNrUniqueness: true,
    correlateEventsWithMeta: false,
    gaps: 'fail' as const,
  };
  const parts = {
    ...reading,
    settings: { readTimeoutMs: 10_000, dataIntegrity },
    log: silentLogger,
    clock: systemClock,
    origin: 'test',
    randomUuid: randomUUID,
  };
  return createJournal(parts, key);
}
