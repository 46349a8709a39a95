import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { encodeEvents } from '../../src/codec/record/events-codec.ts';
import type { HeadCache } from '../../src/journal/head-cache/head-cache.ts';
import type { Journal } from '../../src/journal/journal.ts';
import { createJournals } from '../../src/journal/journals.ts';
import type { ReadEnd } from '../../src/journal/read/ends.ts';
import type { Action } from '../../src/model/action.ts';
import { DataIntegrityError, type JournalError } from '../../src/model/errors.ts';
import type { Event, EventRecord } from '../../src/model/event.ts';
import { Events } from '../../src/model/event.ts';
import { Key } from '../../src/model/key.ts';
import type { Topic } from '../../src/model/position.ts';
import { RecordMetadata } from '../../src/model/record-metadata.ts';
import { SeqNr } from '../../src/model/seq-nr.ts';
import { silentLogger } from '../../src/observability/logger.ts';
import type { ActionConsumer } from '../../src/ports/action-consumer.ts';
import type { ActionProducer } from '../../src/ports/action-producer.ts';
import type { EventualJournal } from '../../src/ports/eventual-journal.ts';
import type { ReplicatedJournal } from '../../src/ports/replicated-journal.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { appendsOf, endingsOf, JournalModel, type Step } from '../support/journal/journal-model.ts';
import { applyRecord, recordsOf, saveOffset } from '../support/journal/replicate.ts';
import { type ReadingWay, readIn } from './journal-ways.ts';

export interface JournalWorld extends AsyncDisposable {
  readonly producer: ActionProducer;
  readonly consumer: ActionConsumer;
  readonly eventual: EventualJournal;
  readonly replicated: ReplicatedJournal;
  readonly readEnd?: ReadEnd | undefined;
  readonly headCache?: HeadCache | undefined;
  /** A new topic of one partition. */
  createTopic(): Promise<Topic>;
}

/**
 * The core property of the system: what a read gives does not depend on how far replication got.
 * Every cut of `sizes` events into appends, with every ending, is read after each single record
 * applied to the store, and again after the replicated offset has moved past it.
 */
export function journalContract(
  name: string,
  open: () => Promise<JournalWorld>,
  { sizes, way }: { readonly sizes: readonly number[]; readonly way: ReadingWay },
): void {
  describe(`journal over ${name}, read ${way}`, function () {
    this.timeout(120_000);
    let world: JournalWorld;
    before(async () => {
      world = readIn(await open(), way);
    });
    after(() => world[Symbol.asyncDispose]());

    for (const size of sizes) {
      it(`gives the truth at every replication lag: ${size} events, each ending`, async () => {
        // Side by side, each in a topic of its own: they wait for servers most of the time.
        const histories = endingsOf(size).map(async (ending) => {
          for (const appends of appendsOf(size))
            await checkAtEveryLag(world, [...appends, ...ending]);
        });
        await Promise.all(histories);
      });
    }

    it('writes nothing but marks when a journal without events is deleted', async () => {
      const { journal } = await openJournal(world);
      expect(await journal.delete(SeqNr.of(5))).to.equal(undefined);
      expect(await journal.pointer()).to.equal(undefined);
    });

    it('answers where a delete landed: after its own marker, if it wrote one', async () => {
      const { journal } = await openJournal(world);
      const appended = await journal.append(eventsFrom(1, 2));
      const deleted = await journal.delete(SeqNr.max);
      const marks = world.readEnd === undefined ? 1 : 0;
      expect(deleted).to.deep.equal({ ...appended, offset: appended.offset + 1 + marks });
    });

    for (const seqNrUniqueness of [true, false]) {
      const rule = seqNrUniqueness ? 'fails at' : 'drops whole';
      it(`${rule} a conflicting record, whatever was replicated (ADR 17)`, async () => {
        const { journal, key } = await openJournal(world, { seqNrUniqueness });
        const { partition } = await journal.append(eventsFrom(1, 5));
        await journal.append(eventsFrom(3, 4));
        await journal.append(eventsFrom(6, 2));
        await checkConflict(journal, seqNrUniqueness);
        for (const record of (await recordsOf(world.consumer, key, partition)).slice(0, 3)) {
          await applyRecord(world.replicated, record);
          await saveOffset(world.replicated, record);
          // With the first record alone in the store nothing has changed; later all of it is there.
          await checkConflict(journal, seqNrUniqueness);
        }
      });
    }

    it('never gives a journal as it was between two of its states when it is purged meanwhile', async () => {
      const { journal, key } = await openJournal(world);
      const { partition } = await journal.append(eventsFrom(1, 5));
      const replicate = async (): Promise<void> => {
        for (const record of await recordsOf(world.consumer, key, partition)) {
          await applyRecord(world.replicated, record);
          await saveOffset(world.replicated, record);
        }
      };
      await replicate();
      await journal.append(eventsFrom(6, 2));
      let purged = false;
      const eventual: EventualJournal = {
        lastTenure: (...args) => world.eventual.lastTenure(...args),
        offset: (...args) => world.eventual.offset(...args),
        read: (...args) => world.eventual.read(...args),
        ids: (...args) => world.eventual.ids(...args),
        async pointer(...args) {
          if (!purged) {
            purged = true;
            await journal.purge();
            await replicate();
          }
          return await world.eventual.pointer(...args);
        },
        [Symbol.asyncDispose]: async () => {},
      };
      const { journal: reader } = await openJournal({ ...world, eventual }, { key });
      expect(numbersOf(await allOf(reader))).to.deep.equal([]);
    });

    it('takes no append of another writer for a rival when he has purged it since (ADR 17)', async () => {
      const { journal: mine, key } = await openJournal(world);
      const { journal: other } = await openJournal({ ...world, headCache: undefined }, { key });
      for (let round = 1; round <= 8; round++) {
        expect(numbersOf(await allOf(mine))).to.deep.equal([]);
        await other.append(eventsFrom(1, 2));
        await other.purge();
        await mine.append(eventsFrom(1, 1));
        expect(numbersOf(await allOf(mine))).to.deep.equal([1]);
        await mine.purge();
      }
    });

    for (const seqNrUniqueness of [true, false]) {
      it(`gives the last number that counts, whatever was replicated of a conflict; uniqueness ${seqNrUniqueness} (ADR 17)`, async () => {
        const { journal, key } = await openJournal(world, { seqNrUniqueness });
        const { partition } = await journal.append(eventsFrom(1, 3));
        await writeAsRival(world, key, eventsFrom(2, 3));
        expect(await journal.pointer()).to.equal(3);
        for (const record of await recordsOf(world.consumer, key, partition)) {
          await applyRecord(world.replicated, record);
          expect(await journal.pointer(), `${record.at.offset} applied`).to.equal(3);
          await saveOffset(world.replicated, record);
          expect(await journal.pointer(), `${record.at.offset} replicated`).to.equal(3);
        }
      });
    }

    it('names a row whose number no event can have, and walks to none', async () => {
      const { journal, key } = await openJournal(world);
      const { at } = await journal.mark();
      const event = { seqNr: SeqNr.max, tags: [], payload: undefined };
      const none = { origin: undefined, version: undefined, headers: {} };
      const record = { at, timestampMs: 0, metadata: RecordMetadata.empty, ...none };
      const ranges = [{ at, from: SeqNr.max, to: SeqNr.max }] as const;
      const handle = await world.replicated.open(key);
      const append = { at, ranges, events: [{ event, record }], expireAfter: undefined } as const;
      await handle.append(append, 0);
      await saveOffset(world.replicated, { at, action: markOf(key) });
      for (const call of [() => allOf(journal), () => journal.pointer()]) {
        const error = await call().catch((cause: unknown) => cause);
        expect(error).to.be.instanceOf(DataIntegrityError);
        expect(String(error)).to.include(`${key.topic}:${key.id}`).and.include('seq_nr');
      }
    });

    it('gives metadata, headers, origin and payload back, from the log and from the store', async () => {
      const { journal, key } = await openJournal(world);
      const payload = { type: 'json', value: { n: 1 } } as const;
      const event: Event = { seqNr: SeqNr.min, tags: ['a', 'b'], payload };
      const metadata = { header: { data: { h: 1 } }, payload: { data: { p: 2 } } };
      const at = await journal.append([event], { metadata, headers: { trace: 'x' } });
      const fromLog = await allOf(journal);
      for (const record of await recordsOf(world.consumer, key, at.partition)) {
        await applyRecord(world.replicated, record);
        await saveOffset(world.replicated, record);
      }
      const fromStore = await allOf(journal);
      expect(fromLog).to.have.length(1);
      expect(fromLog[0]).to.deep.include({ event });
      expect(fromLog[0]?.record).to.deep.include({
        at,
        metadata,
        headers: { trace: 'x' },
        origin: 'test',
      });
      expect(plain(fromStore)).to.deep.equal(plain(fromLog));
    });
  });
}

const thresholdsMs = {
  append: 60_000,
  read: 60_000,
  pointer: 60_000,
  delete: 60_000,
  purge: 60_000,
  mark: 60_000,
};

interface JournalChange {
  readonly seqNrUniqueness?: boolean;
  /** A journal that is there already. */
  readonly key?: Key;
}

async function openJournal(
  world: JournalWorld,
  change: JournalChange = {},
): Promise<{ journal: Journal; key: Key }> {
  const key = change.key ?? Key.of(await world.createTopic(), `id-${randomUUID()}`);
  const { seqNrUniqueness = true } = change;
  const parts = {
    ...world,
    settings: {
      readTimeoutMs: 10_000,
      dataIntegrity: {
        seqNrUniqueness,
        correlateEventsWithMeta: false,
        gaps: 'fail' as const,
      },
    },
    log: silentLogger,
    clock: systemClock,
    origin: 'test',
    randomUuid: randomUUID,
  };
  return { journal: createJournals(parts, thresholdsMs).of(key), key };
}

/** Not through a journal, which would look whether somebody else writes. */
async function writeAsRival(world: JournalWorld, key: Key, events: Events): Promise<void> {
  const { payloadType, value } = encodeEvents(events, {});
  const range = { from: events[0].seqNr, to: (events.at(-1) ?? events[0]).seqNr };
  const by = { origin: 'rival', version: undefined };
  const header = { type: 'append', range, payloadType, metadata: {}, ...by } as const;
  await world.producer.produce({ key, timestampMs: 0, header, value, headers: {} });
}

function markOf(key: Key): Action {
  const header = { type: 'mark', id: 'm', origin: undefined, version: undefined } as const;
  return { key, timestampMs: 0, header };
}

function eventsFrom(first: number, count: number): Events {
  const numbers = Array.from({ length: count }, (_, index) => SeqNr.of(first + index));
  return Events.of(numbers.map((seqNr) => ({ seqNr, tags: [], payload: undefined })));
}

async function checkAtEveryLag(world: JournalWorld, steps: readonly Step[]): Promise<void> {
  try {
    await readAtEveryLag(world, steps);
  } catch (cause) {
    throw new Error(`the history ${JSON.stringify(steps)}: ${String(cause)}`, { cause });
  }
}

async function readAtEveryLag(world: JournalWorld, steps: readonly Step[]): Promise<void> {
  const { journal, key } = await openJournal(world);
  const model = new JournalModel();
  for (const step of steps) {
    if (step.type === 'append') await journal.append(eventsFrom(model.last + 1, step.count));
    else if (step.type === 'delete') await journal.delete(SeqNr.of(step.to));
    else await journal.purge();
    model.take(step);
  }
  const { at } = await journal.mark();
  await checkReads(journal, model, steps);
  for (const record of await recordsOf(world.consumer, key, at.partition)) {
    if (record.at.offset > at.offset) break;
    await applyRecord(world.replicated, record);
    await checkReads(journal, model, steps);
    await saveOffset(world.replicated, record);
    await checkReads(journal, model, steps);
  }
}

async function checkReads(
  journal: Journal,
  model: JournalModel,
  steps: readonly Step[],
): Promise<void> {
  const what = JSON.stringify(steps);
  const inner = SeqNr.of(1 + Math.floor(model.last / 2));
  // Side by side, so that they share trips to the servers.
  const [all, fromInner, pointer, highest, beyond] = await Promise.all([
    allOf(journal),
    allOf(journal, inner),
    journal.pointer(),
    highestOf(journal, SeqNr.min),
    highestOf(journal, SeqNr.of(model.last + 1)),
  ]);
  expect(numbersOf(all), what).to.deep.equal(model.live);
  const suffix = model.live.filter((seqNr) => seqNr >= inner);
  expect(numbersOf(fromInner), `${what} from ${inner}`).to.deep.equal(suffix);
  expect(pointer ?? 0, `${what} pointer`).to.equal(model.last);
  expect(highest, `${what} highest`).to.equal(model.last);
  expect(beyond, `${what} beyond`).to.equal(model.last);
}

async function checkConflict(journal: Journal, fails: boolean): Promise<void> {
  const read = allOf(journal).then(numbersOf, (error: JournalError) => error.code);
  expect(await read).to.deep.equal(fails ? 'DATA_INTEGRITY' : [1, 2, 3, 4, 5, 6, 7]);
}

/** What a read returns when it has ended; 0 = nothing. */
async function highestOf(journal: Journal, from: SeqNr): Promise<number> {
  const read = journal.read(from);
  for (;;) {
    const step = await read.next();
    if (step.done) return step.value ?? 0;
  }
}

async function allOf(journal: Journal, from = SeqNr.min): Promise<EventRecord[]> {
  const events: EventRecord[] = [];
  for await (const batch of journal.read(from)) events.push(...batch);
  return events;
}

const numbersOf = (events: readonly EventRecord[]): number[] =>
  events.map(({ event }) => event.seqNr);

const plain = (events: readonly EventRecord[]): unknown =>
  events.map(({ event, record }) => ({ event, record }));
