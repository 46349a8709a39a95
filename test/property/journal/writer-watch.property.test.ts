import { randomUUID } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import fc from 'fast-check';
import { encodeEvents } from '../../../src/codec/record/events-codec.ts';
import { type HeadCache, openHeadCache } from '../../../src/journal/head-cache/head-cache.ts';
import type { Journal } from '../../../src/journal/journal.ts';
import { createJournals } from '../../../src/journal/journals.ts';
import type { ActionHeader, AppendHeader } from '../../../src/model/action.ts';
import { DataIntegrityError } from '../../../src/model/errors.ts';
import { Events } from '../../../src/model/event.ts';
import { Key } from '../../../src/model/key.ts';
import { Offset, Partition, Topic } from '../../../src/model/position.ts';
import { SeqNr } from '../../../src/model/seq-nr.ts';
import { silentLogger } from '../../../src/observability/logger.ts';
import type { ActionConsumer } from '../../../src/ports/action-consumer.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { openSqliteStore, type SqliteStore } from '../../../src/stores/sqlite/store.ts';
import { TruthLine } from '../../simulation/truth.ts';
import { applyRecord, recordsOf, saveOffset } from '../../support/journal/replicate.ts';
import { seed } from '../codec/seed.ts';

/** What another process writes; numbers count from what is there. */
type Step =
  | { readonly type: 'append'; readonly below: number; readonly count: number }
  | { readonly type: 'delete'; readonly to: number }
  | { readonly type: 'purge' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant('append' as const),
      below: fc.constantFrom(0, 0, 0, 1, 2, 5),
      count: fc.integer({ min: 1, max: 4 }),
    }),
  },
  { weight: 3, arbitrary: fc.constant({ type: 'purge' as const }) },
  fc.record({ type: fc.constant('delete' as const), to: fc.integer({ min: 1, max: 6 }) }),
);

interface Meeting {
  /** Before the writer reads, the first `replicated` of which the store has. */
  readonly before: readonly Step[];
  readonly replicated: number;
  /** Appends of the writer, then what the other one does. */
  readonly own: number;
  readonly after: readonly Step[];
  /** How much of that the head cache has seen when the writer appends again. */
  readonly seen: number;
  /** Whether it sees the rest when it is asked to. */
  readonly catchesUp: boolean;
}

const meeting: fc.Arbitrary<Meeting> = fc.record({
  before: fc.array(step, { maxLength: 3 }),
  replicated: fc.nat({ max: 3 }),
  own: fc.nat({ max: 2 }),
  after: fc.array(step, { minLength: 1, maxLength: 4 }),
  seen: fc.nat({ max: 4 }),
  catchesUp: fc.boolean(),
});

const partition = Partition.of(0);
const stamp = { origin: 'other', version: undefined };
const never = Number.POSITIVE_INFINITY;
const thresholdsMs = {
  append: never,
  read: never,
  pointer: never,
  delete: never,
  purge: never,
  mark: never,
};

describe(`property: two clients of one journal (seed ${seed})`, function () {
  this.timeout(60_000);
  let store: SqliteStore;
  before(async () => {
    const settings = { file: ':memory:', partitions: 1, segmentSize: 2 };
    store = await openSqliteStore(settings, { log: silentLogger, clock: systemClock });
  });
  after(() => store[Symbol.asyncDispose]());

  it('refuse an append only where its numbers are taken by then, whatever the head cache has seen (ADR 17)', async () => {
    const counts = { refused: 0, written: 0 };
    const law = fc.asyncProperty(meeting, async (given) => {
      const { refused, taken } = await meet(store, given);
      if (refused) expect(taken).to.equal(true);
      counts[refused ? 'refused' : 'written']++;
    });
    await fc.assert(law, { seed, numRuns: 200 });
    expect(counts.refused).to.be.above(10);
    expect(counts.written).to.be.above(10);
  });
});

async function meet(store: SqliteStore, given: Meeting) {
  const key = Key.of(Topic.of(`t-${randomUUID()}`), 'id');
  const log = new Log(store, key);
  for (const one of given.before) await log.write(one);
  for (const record of (await log.records()).slice(0, given.replicated)) {
    await applyRecord(store.replicated, record);
    await saveOffset(store.replicated, record);
  }
  const gate = { upTo: never, opens: given.catchesUp };
  const cache = cacheBehind(store, gate);
  try {
    const mine = journalOf(store, key, cache);
    let last = await lastOf(mine);
    const own: number[] = [];
    for (let count = 0; count < given.own; count++) {
      own.push((await mine.append(oneEvent(++last))).offset);
    }
    gate.upTo = (await log.records()).length + given.seen;
    for (const one of given.after) await log.write(one);
    const end = (await log.records()).length;
    await cache.lookup(key, { partition, offset: Offset.of(Math.min(gate.upTo, end)) });
    const refused = await mine.append(oneEvent(last + 1)).then(
      () => false,
      (error: unknown) => {
        if (!(error instanceof DataIntegrityError)) throw error;
        expect(error.message).to.include(`${key.topic}:id`).and.include('nothing of it is stored');
        return true;
      },
    );
    const written = await log.records();
    if (refused) expect(written).to.have.length(end);
    const truth = log.truthOf(written).at(end);
    const hasLost = truth.losers.some(({ offset }) => own.includes(offset));
    return { refused, taken: (truth.last ?? 0) > last || hasLost };
  } finally {
    await cache[Symbol.asyncDispose]();
  }
}

/** The log of one journal, as others write it. */
class Log {
  readonly #store: SqliteStore;
  readonly #key: Key;

  constructor(store: SqliteStore, key: Key) {
    this.#store = store;
    this.#key = key;
  }

  records() {
    return recordsOf(this.#store.consumer, this.#key, partition);
  }

  truthOf(records: Awaited<ReturnType<typeof recordsOf>>): TruthLine {
    const line = new TruthLine();
    for (const record of records) line.add(record);
    return line;
  }

  async write(one: Step): Promise<void> {
    const { last = 0 } = this.truthOf(await this.records()).at(never);
    const common = { key: this.#key, timestampMs: 0 };
    if (one.type === 'append') {
      const from = Math.max(1, last + 1 - one.below);
      const numbers = Array.from({ length: one.count }, (_, index) => SeqNr.of(from + index));
      const events = numbers.map((seqNr) => ({ seqNr, tags: [], payload: undefined }));
      const { payloadType, value } = encodeEvents(Events.of(events), {});
      const range = { from: SeqNr.of(from), to: SeqNr.of(from + one.count - 1) };
      const header = { type: 'append', range, payloadType, metadata: {}, ...stamp } as const;
      await this.#store.producer.produce({ ...common, header, value, headers: {} });
      return;
    }
    const header: Exclude<ActionHeader, AppendHeader> =
      one.type === 'purge'
        ? { type: 'purge', ...stamp }
        : { type: 'delete', to: SeqNr.of(one.to), ...stamp };
    await this.#store.producer.produce({ ...common, header });
  }
}

interface Gate {
  /** The cache sees what lies below. */
  upTo: number;
  /** It sees everything once somebody asks for the end of the log. */
  readonly opens: boolean;
}

function cacheBehind(store: SqliteStore, gate: Gate): HeadCache {
  const consumer: Pick<ActionConsumer, 'follow' | 'endOffset'> = {
    endOffset(...call) {
      if (gate.opens) gate.upTo = never;
      return store.consumer.endOffset(...call);
    },
    async *follow(start, options) {
      for await (const { records, next } of store.consumer.follow(start, options)) {
        for (const record of records) {
          while (record.at.offset >= gate.upTo && options?.signal?.aborted !== true)
            await nextTurn();
          yield { records: [record], undecodable: [], next: Offset.next(record.at.offset) };
        }
        if (records.at(-1) === undefined) yield { records: [], undecodable: [], next };
      }
    },
  };
  return openHeadCache(
    { consumer, eventual: store.eventual, log: silentLogger, clock: systemClock },
    { getTimeoutMs: 40, expiryMs: 60_000, removalIntervalMs: 1, maxIds: 10, maxBytes: 100_000 },
  );
}

function journalOf(store: SqliteStore, key: Key, headCache: HeadCache): Journal {
  const dataIntegrity = {
    seqNrUniqueness: false,
    correlateEventsWithMeta: false,
    gaps: 'warn' as const,
  };
  const parts = {
    ...store,
    headCache,
    settings: { readTimeoutMs: 10_000, dataIntegrity },
    log: silentLogger,
    clock: systemClock,
    origin: 'mine',
    randomUuid: randomUUID,
  };
  return createJournals(parts, thresholdsMs).of(key);
}

/** A read: from then on the head cache watches who else writes. */
async function lastOf(journal: Journal): Promise<number> {
  const read = journal.read();
  for (;;) {
    const one = await read.next();
    if (one.done) return one.value ?? 0;
  }
}

function oneEvent(seqNr: number): Events {
  return Events.of([{ seqNr: SeqNr.of(seqNr), tags: [], payload: undefined }]);
}
