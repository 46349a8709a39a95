import { randomUUID } from 'node:crypto';
import { Tenures } from '../../../src/history/tenures.ts';
import { type HeadCache, openHeadCache } from '../../../src/journal/head-cache/head-cache.ts';
import type { Journal } from '../../../src/journal/journal.ts';
import { createJournals } from '../../../src/journal/journals.ts';
import type { ReadDeps } from '../../../src/journal/read/observe.ts';
import type { ActionRecord } from '../../../src/model/action.ts';
import { Events } from '../../../src/model/event.ts';
import { Key } from '../../../src/model/key.ts';
import { Offset, Partition, type PartitionOffset, Topic } from '../../../src/model/position.ts';
import { SeqNr } from '../../../src/model/seq-nr.ts';
import type { LastTenure, OpenedTenure, TenurePlace } from '../../../src/model/tenure.ts';
import { silentLogger } from '../../../src/observability/logger.ts';
import type { ActionConsumer } from '../../../src/ports/action-consumer.ts';
import type { EventualJournal } from '../../../src/ports/eventual-journal.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import type { SqliteStore } from '../../../src/stores/sqlite/store.ts';
import { applyRecord, saveOffset } from '../../support/journal/replicate.ts';
import { openUncheckedStore } from '../../support/journal/unchecked-store.ts';

/** How often a read asked what. */
export interface Asked {
  marks: number;
  /** Passes over the log. */
  passes: number;
  ends: number;
  offsets: number;
  tenures: number;
  rows: number;
  events: number;
}

const nothing: Asked = {
  marks: 0,
  passes: 0,
  ends: 0,
  offsets: 0,
  tenures: 0,
  rows: 0,
  events: 0,
};

/** One partition in memory, where every question of the journals under test is counted. */
export class CountingWorld implements AsyncDisposable {
  readonly store: SqliteStore;
  readonly topic = Topic.of(`t-${randomUUID()}`);
  readonly asked: Asked = { ...nothing };
  /** Opening marks that {@link replicate} has copied; ascending. */
  readonly #openings: OpenedTenure[] = [];
  /** W: up to which offset all opening marks are copied. */
  tenuresUpTo: Offset | undefined;
  readonly #caches: HeadCache[] = [];

  static async open(): Promise<CountingWorld> {
    const settings = { file: ':memory:', partitions: 1, segmentSize: 2 };
    const deps = { log: silentLogger, clock: systemClock };
    return new CountingWorld(await openUncheckedStore(settings, deps));
  }

  private constructor(store: SqliteStore) {
    this.store = store;
  }

  key(id = 'id'): Key {
    return Key.of(this.topic, id);
  }

  /** The journal of a writer that nobody counts. */
  writer(id = 'id', origin = 'writer'): Journal {
    return createJournals({ ...this.parts(origin), ...this.store }, thresholdsMs).of(this.key(id));
  }

  reader(changes: Partial<ReadDeps> = {}, id = 'id'): Journal {
    return createJournals({ ...this.parts('reader'), ...changes }, thresholdsMs).of(this.key(id));
  }

  /** A head cache over ports that nobody counts. */
  cache(
    changes: { readonly maxBytes?: number; readonly maxIds?: number } = {},
    eventual: Pick<EventualJournal, 'offset'> = this.store.eventual,
  ): HeadCache {
    const kept = {
      offset: (...args: Parameters<EventualJournal['offset']>) => eventual.offset(...args),
      lastTenure: (place: TenurePlace, upTo: Offset) => this.lastTenure(place, upTo),
    };
    const parts = { ...this.store, eventual: kept, log: silentLogger, clock: systemClock };
    const cache = openHeadCache(parts, {
      getTimeoutMs: 5_000,
      expiryMs: 60_000,
      removalIntervalMs: 1,
      maxIds: 100,
      maxBytes: 1_000_000,
      ...changes,
    });
    this.#caches.push(cache);
    return cache;
  }

  /** What was asked since the last call. */
  take(): Asked {
    const asked = { ...this.asked };
    Object.assign(this.asked, nothing);
    return asked;
  }

  async lastTenure({ scope }: TenurePlace, upTo: Offset): Promise<LastTenure> {
    if ((this.tenuresUpTo ?? -1) < upTo) return 'unknown';
    const isWanted = (opening: OpenedTenure) => opening.scope === scope && opening.offset <= upTo;
    return this.#openings.findLast(isWanted)?.offset;
  }

  /** The store takes all records up to and including `offset`, or all there are. */
  async replicate(offset = Number.MAX_SAFE_INTEGER): Promise<void> {
    const { replicated, eventual } = this.store;
    const done = (await eventual.offset(this.topic, Partition.of(0))) ?? -1;
    const tenures = new Tenures();
    for await (const record of this.#records()) {
      if (record.at.offset > offset) break;
      const verdict = tenures.judge(record);
      if (record.at.offset <= done) continue;
      const { header } = record.action;
      if (header.type === 'mark' && header.opens !== undefined)
        this.#openings.push({ ...header.opens, offset: record.at.offset });
      if (verdict === 'counts') await applyRecord(replicated, record);
      this.tenuresUpTo = record.at.offset;
      await saveOffset(replicated, record);
    }
  }

  async *#records(): AsyncGenerator<ActionRecord> {
    const place = { topic: this.topic, partition: Partition.of(0), from: Offset.min };
    const end = await this.store.consumer.endOffset(place.topic, place.partition);
    if (end === 0) return;
    for await (const { records, next } of this.store.consumer.follow(place)) {
      yield* records;
      if (next >= end) return;
    }
  }

  parts(origin = 'reader'): ReadDeps {
    const { producer } = this.store;
    return {
      ...this.#counted(),
      producer: {
        produce: (action, options) => {
          if (action.header.type === 'mark') this.asked.marks += 1;
          return producer.produce(action, options);
        },
        [Symbol.asyncDispose]: async () => {},
      },
      settings: {
        readTimeoutMs: 10_000,
        dataIntegrity: {
          seqNrUniqueness: true,
          correlateEventsWithMeta: false,
          gaps: 'fail',
        },
      },
      log: silentLogger,
      clock: systemClock,
      origin,
      randomUuid: randomUUID,
    };
  }

  #counted(): { readonly consumer: ActionConsumer; readonly eventual: EventualJournal } {
    const { asked } = this;
    const { consumer, eventual } = this.store;
    return {
      consumer: {
        read(...args) {
          asked.passes += 1;
          return consumer.read(...args);
        },
        endOffset(...args) {
          asked.ends += 1;
          return consumer.endOffset(...args);
        },
        follow: (...args) => consumer.follow(...args),
        partitionCount: (...args) => consumer.partitionCount(...args),
        [Symbol.asyncDispose]: async () => {},
      },
      eventual: {
        offset(...args) {
          asked.offsets += 1;
          return eventual.offset(...args);
        },
        lastTenure: (place, upTo) => {
          asked.tenures += 1;
          return this.lastTenure(place, upTo);
        },
        pointer(...args) {
          asked.rows += 1;
          return eventual.pointer(...args);
        },
        read(...args) {
          asked.events += 1;
          return eventual.read(...args);
        },
        ids: (...args) => eventual.ids(...args),
        [Symbol.asyncDispose]: async () => {},
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const cache of this.#caches) await cache[Symbol.asyncDispose]();
    await this.store[Symbol.asyncDispose]();
  }
}

const limit = 60_000;
export const thresholdsMs = {
  append: limit,
  read: limit,
  pointer: limit,
  delete: limit,
  purge: limit,
  mark: limit,
};

export function eventsFrom(first: number, count: number): Events {
  const numbers = Array.from({ length: count }, (_, index) => SeqNr.of(first + index));
  return Events.of(numbers.map((seqNr) => ({ seqNr, tags: [], payload: undefined })));
}

/** `number@offset` of each event of a whole read, and the highest number. */
export async function readAll(journal: Journal, from = 1): Promise<string> {
  const events: string[] = [];
  const read = journal.read(SeqNr.of(from));
  for (;;) {
    const step = await read.next();
    if (step.done) return [...events, `last ${step.value ?? 'none'}`].join(' ');
    for (const { event, record } of step.value) events.push(`${event.seqNr}@${record.at.offset}`);
  }
}

export const at = (offset: number): PartitionOffset => ({
  partition: Partition.of(0),
  offset: Offset.of(offset),
});
