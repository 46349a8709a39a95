import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { encodeEvents } from '../../../src/codec/record/events-codec.ts';
import { createJournal, type Journal } from '../../../src/journal/journal.ts';
import type { ActionHeader, ActionRecord } from '../../../src/model/action.ts';
import { Events } from '../../../src/model/event.ts';
import { Key } from '../../../src/model/key.ts';
import { Offset, Partition, Topic } from '../../../src/model/position.ts';
import { SeqNr } from '../../../src/model/seq-nr.ts';
import { silentLogger } from '../../../src/observability/logger.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import type { SqliteStore } from '../../../src/stores/sqlite/store.ts';
import { openSqliteStore } from '../../../src/stores/sqlite/store.ts';
import type { Truth } from '../../simulation/truth.ts';
import { TruthLine } from '../../simulation/truth.ts';
import { applyRecord, recordsOf, saveOffset } from '../../support/journal/replicate.ts';
import { seed } from '../codec/seed.ts';

/**
 * One record of a history; numbers are relative, so that every history is one that can be written.
 */
type Step =
  | { readonly type: 'append'; readonly count: number }
  | { readonly type: 'conflict'; readonly below: number; readonly count: number }
  | { readonly type: 'delete'; readonly to: number }
  | { readonly type: 'purge'; readonly condition: 'none' | 'last' | 'stale' }
  | { readonly type: 'mark' };

const append = fc.record({
  type: fc.constant('append' as const),
  count: fc.integer({ min: 1, max: 3 }),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: append },
  fc.record({
    type: fc.constant('conflict' as const),
    below: fc.nat({ max: 3 }),
    count: fc.integer({ min: 1, max: 4 }),
  }),
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('delete' as const),
      to: fc.integer({ min: 1, max: 9 }),
    }),
  },
  fc.record({
    type: fc.constant('purge' as const),
    condition: fc.constantFrom('none' as const, 'last' as const, 'stale' as const),
  }),
  fc.constant<Step>({ type: 'mark' }),
);
/**
 * Deletes and purges come at any place, also of nothing, as from somebody who looked some time
 * before.
 */
const history = fc.array(step, { minLength: 1, maxLength: 8 });
const runs = { seed, numRuns: 150 };
const partition = Partition.of(0);
const stamp = { origin: 'test', version: undefined };

describe(`property: any history of one journal (seed ${seed})`, function () {
  this.timeout(60_000);
  let store: SqliteStore;

  before(async () => {
    const settings = { file: ':memory:', partitions: 1, segmentSize: 2 };
    store = await openSqliteStore(settings, { log: silentLogger, clock: systemClock });
  });
  after(() => store[Symbol.asyncDispose]());

  /** Calls `check` with the truth at every lag: before and after each offset that moves. */
  async function atEveryLag(
    steps: readonly Step[],
    check: (journal: Journal, truth: Truth, lag: string) => Promise<void>,
  ): Promise<void> {
    const key = Key.of(Topic.of(`t-${randomUUID()}`), 'id');
    const line = await write(store, key, steps);
    const journal = journalOf(store, key, !line.conflicts);
    const records = await recordsOf(store.consumer, key, partition);
    await check(journal, line.truth, 'nothing replicated');
    for (const record of records) {
      const place = `offset ${record.at.offset}`;
      await applyRecord(store.replicated, record);
      if (!line.conflicts) await check(journal, line.truth, `${place} applied, not stored as such`);
      await saveOffset(store.replicated, record);
      await check(journal, line.truth, `${place} replicated`);
    }
  }

  it('reads as the truth, ascending and each number once, at every lag (I1, I3, I5, I7)', async () => {
    const law = fc.asyncProperty(history, async (steps) => {
      await atEveryLag(steps, async (journal, truth, lag) => {
        const read = await allOf(journal, SeqNr.min);
        expect(read, lag).to.deep.equal(truth.events);
        expect(read.every(({ seqNr }) => seqNr > truth.deleteTo)).to.equal(true);
        const inner = SeqNr.of(1 + Math.floor((truth.last ?? 0) / 2));
        const suffix = truth.events.filter(({ seqNr }) => seqNr >= inner);
        expect(await allOf(journal, inner), lag).to.deep.equal(suffix);
      });
    });
    await fc.assert(law, runs);
  });

  it('keeps its last number through deletes, and counts from 1 after a purge, at every lag (I4, I6)', async () => {
    const law = fc.asyncProperty(history, async (steps) => {
      await atEveryLag(steps, async (journal, truth, lag) => {
        expect(await journal.pointer(), lag).to.equal(truth.last);
      });
    });
    await fc.assert(law, runs);
  });

  it('does not read over a hole that it is told to look for, at any lag (I21)', async () => {
    const hole = fc.record({
      before: fc.integer({ min: 1, max: 3 }),
      size: fc.integer({ min: 1, max: 3 }),
    });
    const law = fc.asyncProperty(hole, async ({ before: count, size }) => {
      const key = Key.of(Topic.of(`t-${randomUUID()}`), 'id');
      await produce(store, key, appendOf(1, count));
      await produce(store, key, appendOf(count + 1 + size, 1));
      const journal = journalOf(store, key, true);
      const outcome = (): Promise<unknown> =>
        allOf(journal, SeqNr.min).catch((error: { code?: string }) => error.code);
      expect(await outcome()).to.equal('DATA_INTEGRITY');
      for (const record of await recordsOf(store.consumer, key, partition)) {
        await applyRecord(store.replicated, record);
        await saveOffset(store.replicated, record);
        expect(await outcome()).to.equal('DATA_INTEGRITY');
      }
    });
    await fc.assert(law, { seed, numRuns: 9 });
  });
});

/** Writes the history as whoever wrote it would, checking nothing, and folds it by definition. */
async function write(
  store: SqliteStore,
  key: Key,
  steps: readonly Step[],
): Promise<{ readonly truth: Truth; readonly conflicts: boolean }> {
  const line = new TruthLine();
  let truth = line.at(0);
  for (const one of steps) {
    const record = await produce(store, key, contentOf(one, truth));
    line.add(record);
    truth = line.at(record.at.offset + 1);
  }
  return { truth, conflicts: steps.some(({ type }) => type === 'conflict') };
}

interface Content {
  readonly header: ActionHeader;
  readonly value?: Uint8Array;
}

const mark: Content = { header: { type: 'mark', id: 'm', ...stamp } };

function contentOf(one: Step, { last = 0, lastAction }: Truth): Content {
  switch (one.type) {
    case 'append':
      return appendOf(last + 1, one.count);
    case 'conflict':
      return appendOf(Math.max(1, last - one.below), one.count);
    case 'delete':
      return { header: { type: 'delete', to: SeqNr.of(one.to), ...stamp } };
    case 'purge':
      return { header: { type: 'purge', onlyAt: onlyAtOf[one.condition](lastAction), ...stamp } };
    case 'mark':
      return mark;
  }
}

const onlyAtOf = {
  none: () => undefined,
  last: (lastAction: number | undefined) => Offset.of(lastAction ?? 0),
  stale: () => Offset.min,
};

function appendOf(first: number, count: number): Content {
  const numbers = Array.from({ length: count }, (_, index) => SeqNr.of(first + index));
  const events = Events.of(numbers.map((seqNr) => ({ seqNr, tags: [], payload: undefined })));
  const { payloadType, value } = encodeEvents(events, {});
  const range = { from: SeqNr.of(first), to: SeqNr.of(first + count - 1) };
  return { header: { type: 'append', range, payloadType, metadata: {}, ...stamp }, value };
}

async function produce(store: SqliteStore, key: Key, content: Content): Promise<ActionRecord> {
  const { header, value = new Uint8Array(0) } = content;
  const common = { key, timestampMs: 0 };
  const action =
    header.type === 'append' ? { ...common, header, value, headers: {} } : { ...common, header };
  return { action, at: await store.producer.produce(action) };
}

function journalOf(store: SqliteStore, key: Key, seqNrUniqueness: boolean): Journal {
  const dataIntegrity = { seqNrUniqueness, correlateEventsWithMeta: false, gaps: 'fail' as const };
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

async function allOf(journal: Journal, from: SeqNr): Promise<Truth['events']> {
  const events: { seqNr: number; offset: number }[] = [];
  for await (const batch of journal.read(from)) {
    for (const { event, record } of batch) {
      events.push({ seqNr: event.seqNr, offset: record.at.offset });
    }
  }
  return events;
}
