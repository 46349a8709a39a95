import { randomUUID } from 'node:crypto';
import { getEventListeners } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import fc from 'fast-check';
import { createJournal, type Journal } from '../../../src/journal/journal.ts';
import { endByOffset } from '../../../src/journal/read/ends.ts';
import type { ReadDeps } from '../../../src/journal/read/observe.ts';
import { Events } from '../../../src/model/event.ts';
import { Key } from '../../../src/model/key.ts';
import { Partition, Topic } from '../../../src/model/position.ts';
import { SeqNr } from '../../../src/model/seq-nr.ts';
import { silentLogger } from '../../../src/observability/logger.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { openSqliteStore, type SqliteStore } from '../../../src/stores/sqlite/store.ts';
import { applyRecord, recordsOf, saveOffset } from '../../support/journal/replicate.ts';
import { seed } from '../codec/seed.ts';

const scenario = fc.record({
  appends: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 6 }),
  replicated: fc.nat({ max: 6 }),
  deleteTo: fc.nat({ max: 4 }),
  byOffset: fc.boolean(),
  call: fc.constantFrom('read', 'read', 'read', 'pointer', 'delete', 'purge'),
  /** Batches after which the caller of a read leaves. */
  leaveAfter: fc.option(fc.nat({ max: 5 }), { nil: undefined }),
  /** What happens in which step of the ports: questions, answers, batches. */
  trouble: fc.option(
    fc.record({ step: fc.nat({ max: 14 }), what: fc.constantFrom('abort', 'fail') }),
    { nil: undefined },
  ),
});
type Scenario = typeof scenario extends fc.Arbitrary<infer T> ? T : never;

describe(`property: readers that are given back (I18, seed ${seed})`, function () {
  this.timeout(60_000);
  let store: SqliteStore;

  before(async () => {
    const settings = { file: ':memory:', partitions: 1, segmentSize: 2 };
    store = await openSqliteStore(settings, { log: silentLogger, clock: systemClock });
  });
  after(() => store[Symbol.asyncDispose]());

  it('are as many as were taken, however a call ends: well, by an error, left early or aborted', async () => {
    const ends = new Set<string>();
    const law = fc.asyncProperty(scenario, async (given) => {
      const key = Key.of(Topic.of(`t-${randomUUID()}`), 'id');
      await prepare(store, key, given);
      const ports = new CountedPorts(store, given.trouble);
      const readEnd = given.byOffset ? endByOffset(ports.parts.consumer) : undefined;
      const journal = createJournal({ ...ports.parts, readEnd }, key);
      const end = await outcomeOf(journal, given, ports.signal);
      ends.add(end);
      // Only an abort ends a call before what it has asked: that settles a few turns later.
      const turns = end === 'aborted' ? 50 : 0;
      for (let left = turns; left > 0 && !ports.isQuiet; left--) await nextTurn();
      expect(ports.open, 'readers that are still open').to.deep.equal([]);
      expect(ports.asked, 'questions without an answer').to.equal(0);
      expect(getEventListeners(ports.signal, 'abort'), 'listeners').to.have.length(0);
      const { steps } = ports;
      for (let left = 5; left > 0; left--) await nextTurn();
      expect(ports.steps, 'nothing is asked any more').to.equal(steps);
    });
    await fc.assert(law, { seed, numRuns: 300 });
    expect([...ends].toSorted()).to.deep.equal(['aborted', 'done', 'failed', 'left']);
  });
});

const aborted = new Error('aborted by its caller');
const injected = new Error('injected');

async function outcomeOf(
  journal: Journal,
  given: Scenario,
  signal: AbortSignal,
): Promise<'done' | 'left' | 'failed' | 'aborted'> {
  try {
    return await run(journal, given, signal);
  } catch (error) {
    if (error !== aborted && !causesOf(error).includes(injected)) throw error;
    return error === aborted ? 'aborted' : 'failed';
  }
}

async function run(
  journal: Journal,
  { call, leaveAfter }: Scenario,
  signal: AbortSignal,
): Promise<'done' | 'left'> {
  if (call === 'pointer') await journal.pointer({ signal });
  else if (call === 'delete') await journal.delete(SeqNr.of(2), { signal });
  else if (call === 'purge') await journal.purge({ signal });
  if (call !== 'read') return 'done';
  let batches = 0;
  for await (const _batch of journal.read(SeqNr.min, { signal })) {
    if (batches++ === leaveAfter) return 'left';
  }
  return 'done';
}

function causesOf(error: unknown): readonly unknown[] {
  return error instanceof Error ? [error, ...causesOf(error.cause)] : [error];
}

async function prepare(store: SqliteStore, key: Key, given: Scenario): Promise<void> {
  const journal = createJournal({ ...commonParts, ...store }, key);
  let next = 1;
  for (const count of given.appends) {
    const numbers = Array.from({ length: count }, (_, index) => SeqNr.of(next + index));
    next += count;
    const events = numbers.map((seqNr) => ({ seqNr, tags: [], payload: undefined }));
    await journal.append(Events.of(events));
  }
  if (given.deleteTo > 0) await journal.delete(SeqNr.of(given.deleteTo));
  const records = await recordsOf(store.consumer, key, Partition.of(0));
  for (const record of records.slice(0, given.replicated)) {
    await applyRecord(store.replicated, record);
    await saveOffset(store.replicated, record);
  }
}

const commonParts = {
  settings: {
    readTimeoutMs: 10_000,
    dataIntegrity: { seqNrUniqueness: true, correlateEventsWithMeta: false, gaps: 'fail' as const },
  },
  log: silentLogger,
  clock: systemClock,
  origin: 'test',
  randomUuid: randomUUID,
};

/** The ports of a journal: whoever reads is counted in and out, and one step may bring trouble. */
class CountedPorts {
  /** Names of the readers that were taken and not given back. */
  readonly open: string[] = [];
  asked = 0;
  steps = 0;
  readonly #trouble: Scenario['trouble'];
  readonly #abort = new AbortController();
  readonly parts: ReadDeps;

  constructor(store: SqliteStore, trouble: Scenario['trouble']) {
    this.#trouble = trouble;
    const { producer, consumer, eventual } = store;
    const dispose = async (): Promise<void> => {};
    this.parts = {
      ...commonParts,
      producer: {
        produce: (...args) => this.#question(() => producer.produce(...args)),
        [Symbol.asyncDispose]: dispose,
      },
      consumer: {
        read: (...args) => this.#reader('log', consumer.read(...args)),
        follow: (...args) => this.#reader('follower', consumer.follow(...args)),
        endOffset: (...args) => this.#question(() => consumer.endOffset(...args)),
        partitionCount: (...args) => this.#question(() => consumer.partitionCount(...args)),
        [Symbol.asyncDispose]: dispose,
      },
      eventual: {
        offset: (...args) => this.#question(() => eventual.offset(...args)),
        lastTenure: (...args) => this.#question(() => eventual.lastTenure(...args)),
        pointer: (...args) => this.#question(() => eventual.pointer(...args)),
        read: (...args) => this.#reader('store', eventual.read(...args)),
        ids: (...args) => eventual.ids(...args),
        [Symbol.asyncDispose]: dispose,
      },
    };
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get isQuiet(): boolean {
    return this.asked === 0 && this.open.length === 0;
  }

  async #step(): Promise<void> {
    const { step, what } = this.#trouble ?? {};
    const isTroubled = this.steps++ === step;
    if (isTroubled && what === 'abort') this.#abort.abort(aborted);
    await nextTurn();
    if (isTroubled && what === 'fail') throw injected;
  }

  async #question<T>(ask: () => Promise<T>): Promise<T> {
    this.asked++;
    try {
      await this.#step();
      return await ask();
    } finally {
      this.asked--;
    }
  }

  async *#reader<T>(name: string, source: AsyncIterable<T>): AsyncGenerator<T> {
    this.open.push(name);
    try {
      await this.#step();
      for await (const batch of source) {
        yield batch;
        await this.#step();
      }
    } finally {
      this.open.splice(this.open.indexOf(name), 1);
    }
  }
}
