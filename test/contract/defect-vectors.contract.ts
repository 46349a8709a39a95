import { expect } from 'chai';
import { planWrites } from '../../replicator/apply/replicate-records.ts';
import { encodeEvents } from '../../src/codec/record/events-codec.ts';
import { createJournal } from '../../src/journal/journal.ts';
import type { Action, ActionRecord } from '../../src/model/action.ts';
import { type EventRecord, Events } from '../../src/model/event.ts';
import type { Key } from '../../src/model/key.ts';
import { SeqNr } from '../../src/model/seq-nr.ts';
import { silentLogger } from '../../src/observability/logger.ts';
import type { ActionProducer } from '../../src/ports/action-producer.ts';
import type { EventualJournal } from '../../src/ports/eventual-journal.ts';
import type { ReplicatedJournal } from '../../src/ports/replicated-journal.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openSqliteStore, type SqliteStore } from '../../src/stores/sqlite/store.ts';
import { recordsOf } from '../support/journal/replicate.ts';
import * as given from './replicated-store.ts';

/** A store whose journals have segments of 3 events, as the vectors want them. */
export interface VectorStore extends AsyncDisposable {
  readonly eventual: EventualJournal;
  readonly replicated: ReplicatedJournal;
  /**
   * A replicator that dies before write number `deathAt`, counted from 0 by calls of one journal,
   * and whether it did. Absent where a batch is one transaction and no half of it exists.
   */
  readonly mortal?: (deathAt: number) => {
    readonly replicated: ReplicatedJournal;
    readonly isDead: () => boolean;
  };
}

/** What is in the log, in order: `a 1 3` appends 1 .. 3, `d 3` deletes to 3, `p` purges. */
type Log = readonly string[];

/**
 * Indexes of records that one poll gave. One that is `lost` got as far as that write and died: the
 * last one of its rows, none of the journal's.
 */
interface Poll {
  readonly records: readonly number[];
  readonly lost?: number;
}

interface Vector {
  readonly log: Log;
  readonly polls: readonly Poll[];
  /** `[number, index of the record it came in]`. */
  readonly right: readonly (readonly [seqNr: number, record: number])[];
  readonly last: number;
}

const from = (record: number, first: number, last: number) =>
  given.numbers(first, last).map((seqNr) => [seqNr, record] as const);

/** docs/format.md#faults-of-the-jvm-system. V5 is the head cache's alone. */
const vectors: Readonly<Record<string, Vector>> = {
  'V1: a purge that is not replicated yet ends what is': {
    log: ['a 1 1', 'p', 'a 1 2'],
    polls: [{ records: [0] }, { records: [1, 2] }],
    right: from(2, 1, 2),
    last: 2,
  },
  'V2: a new generation hides an old one of the same numbers': {
    log: ['a 1 3', 'p', 'a 1 3'],
    polls: [{ records: [0, 1, 2] }],
    right: from(2, 1, 3),
    last: 3,
  },
  'V2: a shorter generation has its own last number': {
    log: ['a 1 10', 'p', 'a 1 1'],
    polls: [{ records: [0] }, { records: [1] }, { records: [2] }],
    right: from(2, 1, 1),
    last: 1,
  },
  'V2: a delete of an old generation deletes nothing of the new one': {
    log: ['a 1 10', 'd 10', 'p', 'a 1 5'],
    polls: [{ records: [0, 1] }, { records: [2, 3] }],
    right: from(3, 1, 5),
    last: 5,
  },
  'V3: a batch that is stored in part is seen whole': {
    log: ['a 1 3', 'a 4 7', 'a 8 9'],
    polls: [{ records: [0, 1] }, { records: [2] }],
    right: [...from(0, 1, 3), ...from(1, 4, 7), ...from(2, 8, 9)],
    last: 9,
  },
  'V4: a lower delete behind a higher one hides nothing': {
    log: ['a 1 4', 'd 3', 'd 1'],
    polls: [{ records: [0] }, { records: [1] }, { records: [2] }],
    right: from(0, 4, 4),
    last: 4,
  },
  'V4b: a delete below the start of a journal hides nothing': {
    log: ['a 7 9', 'd 1'],
    polls: [{ records: [0] }, { records: [1] }],
    right: from(0, 7, 9),
    last: 9,
  },
  'V6: what a delete of the same poll covers is not missed': {
    log: ['a 1 3', 'a 4 4', 'a 5 7', 'd 7', 'a 8 8'],
    polls: [{ records: [0] }, { records: [1, 2, 3] }, { records: [4] }],
    right: from(4, 8, 8),
    last: 8,
  },
  'V7: rows of an append that died before its journal existed are gone with the purge': {
    log: ['a 1 3', 'p', 'a 1 3'],
    polls: [{ records: [0], lost: 1 }, { records: [0, 1] }, { records: [2] }],
    right: from(2, 1, 3),
    last: 3,
  },
  'V7: rows of an append that died on top of a journal are gone with the purge': {
    log: ['a 1 2', 'a 3 12', 'p', 'a 1 9'],
    polls: [{ records: [0] }, { records: [1], lost: 4 }, { records: [1, 2] }, { records: [3] }],
    right: from(3, 1, 9),
    last: 9,
  },
  'V8: a delete that died is done, and stays done in the next generation': {
    log: ['a 1 7', 'd 5', 'p', 'a 7 8'],
    polls: [{ records: [0] }, { records: [1] }, { records: [2] }, { records: [3] }],
    right: from(3, 7, 8),
    last: 8,
  },
  'a delete by somebody who looked before the purge is void': {
    log: ['a 1 1', 'p', 'd 1', 'a 1 1', 'a 2 2'],
    polls: [{ records: [0] }, { records: [1] }, { records: [2] }, { records: [3, 4] }],
    right: [...from(3, 1, 1), ...from(4, 2, 2)],
    last: 2,
  },
  'a delete in front of the first append is void': {
    log: ['d 5', 'd 2', 'a 1 4', 'd 2'],
    polls: [{ records: [0] }, { records: [1, 2] }, { records: [3] }],
    right: from(2, 3, 4),
    last: 4,
  },
  'deletes around a purge take nothing of the next generation': {
    log: ['a 1 9', 'd 5', 'p', 'd 9', 'a 1 3', 'd 1'],
    polls: [{ records: [0] }, { records: [1, 2, 3] }, { records: [4, 5] }],
    right: from(4, 2, 3),
    last: 3,
  },
};

/** The known defects of the JVM system, at every moment of replication. */
export function defectVectorsContract(name: string, open: () => Promise<VectorStore>): void {
  describe(`defect vectors: ${name}`, function () {
    this.timeout(60_000);
    let store: VectorStore;
    let log: SqliteStore;
    const running = new Map<string, Promise<void>>();
    before(async () => {
      store = await open();
      const settings = { file: ':memory:', partitions: 1, segmentSize: 3 };
      log = await openSqliteStore(settings, { log: silentLogger, clock: systemClock });
      // Side by side, each in a topic of its own: they wait for the store most of the time.
      for (const [rule, check] of Object.entries(checks)) {
        const run = check({ store, log, key: given.newKey(given.randomTopic()) });
        run.catch(() => {}); // its test shows it
        running.set(rule, run);
      }
    });
    after(async () => {
      await log[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    });
    for (const rule of Object.keys(checks)) {
      it(rule, () => running.get(rule));
    }
  });
}

/** Each rule and what holds it, in a journal of its own. */
const checks: Readonly<Record<string, (world: World) => Promise<void>>> = {
  ...Object.fromEntries(
    Object.entries(vectors).map(([rule, vector]) => [
      `${rule}, wherever the replicator is`,
      (world: World) => checkVector(world, vector),
    ]),
  ),
  'V6: a reader in front of the delete sees what it covers whole, or not at all': checkDelete,
  'V8: a repeated delete leaves no row behind': checkLeftovers,
};

interface World {
  readonly store: VectorStore;
  readonly log: SqliteStore;
  readonly key: Key;
}

async function checkVector(world: World, { log, polls, right, last }: Vector): Promise<void> {
  await produce(world, log);
  const records = await recordsOf(world.log.consumer, world.key, given.place(0).partition);
  const offsets = records.map(({ at }) => at.offset);
  const expected = right.map(([seqNr, record]) => `${seqNr} of ${offsets[record]}`);
  const check = async (moment: string): Promise<void> => {
    const journal = readerOf(world);
    expect(textsOf(await allOf(journal)), moment).to.deep.equal(expected);
    expect(await journal.pointer(), moment).to.equal(last);
  };
  await check('nothing replicated');
  for (const [index, poll] of polls.entries()) {
    const given = poll.records.map((record) => records[record] as ActionRecord);
    const died = (deathAt: number) => check(`poll ${index}, died at ${deathAt}`);
    await dieEverywhere(world, { records: given, upTo: poll.lost }, died);
    if (poll.lost !== undefined) continue;
    await replicate(world.store.replicated, given);
    await check(`poll ${index}, applied`);
    await save(world, given);
    await check(`poll ${index}, saved`);
  }
  const stored = { ...world.store, segmentSize: 3 } as given.ReplicatedStore;
  const left = await given.stored(stored, world.key, { to: 60 });
  expect(left, 'rows in the end').to.deep.equal(right.map(([seqNr]) => seqNr));
}

interface Attempts {
  readonly records: readonly ActionRecord[];
  /** The last write to die at; `undefined` = until all is applied. */
  readonly upTo?: number | undefined;
}

/** The same records again and again, each time by a process that gets one write further. */
async function dieEverywhere(
  { store }: World,
  { records, upTo = Number.POSITIVE_INFINITY }: Attempts,
  check: (deathAt: number) => Promise<void>,
): Promise<void> {
  if (store.mortal === undefined) return;
  for (let deathAt = 0; deathAt <= upTo; deathAt++) {
    const { replicated, isDead } = store.mortal(deathAt);
    await replicate(replicated, records).catch((error: Error) => {
      if (!isDead()) throw error;
    });
    if (!isDead()) return;
    await check(deathAt);
  }
}

/** More than the poll needs. */
const maxWrites = 6;

/**
 * The delete comes after the reader's mark, and its poll is applied up to some write when the
 * reader looks at the store. Once the delete itself shows, so may what it leaves.
 */
async function checkDelete({ store, log }: Omit<World, 'key'>): Promise<void> {
  for (let writes = 0; writes <= maxWrites; writes++) {
    const world = { store, log, key: given.newKey(given.randomTopic()) };
    await produce(world, ['a 1 3', 'a 4 4', 'a 5 7']);
    const recordsNow = () => recordsOf(log.consumer, world.key, given.place(0).partition);
    const [first, ...poll] = await recordsNow();
    if (first === undefined) throw new Error('there is a first record');
    await replicate(store.replicated, [first]);
    await save(world, [first]);
    const halfApply = async (): Promise<void> => {
      await produce(world, ['d 7']);
      const [deletion] = (await recordsNow()).slice(-1);
      const { replicated } = store.mortal?.(writes) ?? {};
      if (replicated === undefined || deletion === undefined) return;
      await replicate(replicated, [...poll, deletion]).catch(() => {});
    };
    const read = await allOf(readerOf(world, halfApply));
    const numbers = read.map(({ event }) => event.seqNr);
    const whole = given.numbers(1, 7);
    // The first write may be the row that hides what the delete will take.
    const isGone = writes > 0 && numbers.length === 0;
    expect(numbers, `after ${writes} writes`).to.deep.equal(isGone ? [] : whole);
  }
}

async function checkLeftovers(world: World): Promise<void> {
  await produce(world, ['a 1 40', 'd 31', 'd 35']);
  const records = await recordsOf(world.log.consumer, world.key, given.place(0).partition);
  for (const record of records) {
    await dieEverywhere(world, { records: [record] }, async () => {});
    await replicate(world.store.replicated, [record]);
  }
  const store = { ...world.store, segmentSize: 3 } as given.ReplicatedStore;
  expect(await given.stored(store, world.key, { to: 60 })).to.deep.equal(given.numbers(36, 40));
}

async function produce({ log, key }: World, actions: Log): Promise<void> {
  for (const action of actions) await log.producer.produce(actionOf(key, action));
}

function actionOf(key: Key, text: string): Action {
  const [type, ...numbers] = text.split(' ');
  const [first = 0, last = first] = numbers.map(Number);
  const rest = { origin: undefined, version: undefined };
  const made = { key, timestampMs: Date.now() };
  if (type === 'd') return { ...made, header: { type: 'delete', to: SeqNr.of(first), ...rest } };
  if (type === 'p') return { ...made, header: { type: 'purge', ...rest } };
  const events = given.numbers(first, last).map((seqNr) => given.eventRecord(seqNr, 0).event);
  const { payloadType, value } = encodeEvents(Events.of(events), {});
  const range = { from: SeqNr.of(first), to: SeqNr.of(last) };
  const header = { type: 'append', range, payloadType, metadata: {}, ...rest } as const;
  return { ...made, header, value, headers: {} };
}

let nowMs = given.nowMs;

/** One poll, applied by a process of its own. */
async function replicate(
  store: ReplicatedJournal,
  records: readonly ActionRecord[],
): Promise<void> {
  const first = records[0];
  if (first === undefined) return;
  nowMs += 1;
  const journal = await store.open(first.action.key);
  for (const write of planWrites(records).writes) {
    if (write.type === 'append') await journal.append(write, nowMs);
    else if (write.type === 'delete') await journal.delete(write, nowMs);
    else await journal.purge(write, nowMs);
  }
}

async function save({ store, key }: World, records: readonly ActionRecord[]): Promise<void> {
  const at = records.at(-1)?.at;
  if (at === undefined) return;
  const after = await store.replicated.claim(key.topic, at.partition, { nowMs });
  await store.replicated.saveOffset({ topic: key.topic, ...at, after }, nowMs);
}

/**
 * The product's reader; `afterMark` runs when its mark has landed and before it looks at anything.
 */
function readerOf({ store, log, key }: World, afterMark: () => Promise<void> = async () => {}) {
  let isMarked = false;
  const producer: ActionProducer = {
    produce: async (action) => {
      const at = await log.producer.produce(action);
      if (!isMarked) {
        isMarked = true;
        await afterMark();
      }
      return at;
    },
    [Symbol.asyncDispose]: async () => {},
  };
  return createJournal(partsOf(log, store.eventual, producer), key);
}

function partsOf(log: SqliteStore, eventual: EventualJournal, producer: ActionProducer) {
  let marks = 0;
  return {
    producer,
    consumer: log.consumer,
    eventual,
    settings: {
      readTimeoutMs: 10_000,
      dataIntegrity: {
        seqNrUniqueness: true,
        correlateEventsWithMeta: false,
        gaps: 'fail' as const,
      },
    },
    log: silentLogger,
    clock: systemClock,
    origin: 'test',
    randomUuid: () => `mark-${++marks}`,
  };
}

async function allOf(journal: ReturnType<typeof createJournal>): Promise<EventRecord[]> {
  const all: EventRecord[] = [];
  for await (const batch of journal.read(SeqNr.min)) all.push(...batch);
  return all;
}

function textsOf(records: readonly EventRecord[]): string[] {
  return records.map(({ event, record }) => `${event.seqNr} of ${record.at.offset}`);
}
