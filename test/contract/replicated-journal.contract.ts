import { expect } from 'chai';
import { ExpireAfter } from '../../src/model/expire-after.ts';
import type { Key } from '../../src/model/key.ts';
import { SeqNr } from '../../src/model/seq-nr.ts';
import type { ReplicatedKeyJournal } from '../../src/ports/replicated-journal.ts';
import { rangesOf } from '../support/journal/ranges.ts';
import { describeCoveredAppend } from './covered-append.contract.ts';
import { describePurge } from './replicated-journal-purge.contract.ts';
import {
  replicatedClaimContract,
  replicatedOffsetContract,
  replicatedTopicsContract,
} from './replicated-offset.contract.ts';
import * as given from './replicated-store.ts';
import { tenuresContract } from './tenures.contract.ts';
import { wakeUpsContract } from './wake-ups.contract.ts';

type Store = () => given.ReplicatedStore;

/**
 * How every replicated store applies what the replicator hands it (docs/format.md#replication). Run
 * it once for each segment size worth testing: `open` decides.
 */
export function replicatedJournalContract(name: string, open: given.OpenReplicatedStore): void {
  describe(`replicated journal: ${name}`, function () {
    this.timeout(20_000);
    const store = openedFor(open);
    describe('append', () => describeAppend(store));
    describe('append that was applied before', () => describeRedelivery(store));
    describe('journal whose key has moved', () => describeMovedKey(store));
    describe('append that a delete covers', () => describeCoveredAppend(store));
    describe('generation', () => describeGeneration(store));
    describe('expiry', () => describeExpiry(store));
    describe('delete', () => describeDelete(store));
    describe('purge', () => describePurge(store));
  });
}

/**
 * What every replicated store keeps of a partition. It is in no segment, so one run for each store
 * is enough.
 */
export function replicatedPartitionContract(
  name: string,
  open: given.OpenReplicatedStore,
  { processes }: { readonly processes: 'one' | 'several' } = { processes: 'several' },
): void {
  describe(`replicated partition: ${name}`, function () {
    this.timeout(20_000);
    const store = openedFor(open);
    describe('replicated offset', () => {
      replicatedOffsetContract(store);
      if (processes === 'several') replicatedClaimContract(store);
      replicatedTopicsContract(() => store().replicated);
    });
    describe('tenures', () => tenuresContract(store));
    describe('wake-ups', () => wakeUpsContract(store));
  });
}

/** Opens the store before the tests of the suite that calls it, and closes it after them. */
function openedFor(open: given.OpenReplicatedStore): Store {
  let store: given.ReplicatedStore;
  before(async () => {
    store = await open();
  });
  after(() => store[Symbol.asyncDispose]());
  return () => store;
}

async function opened(store: Store, key: Key = given.newKey(given.randomTopic())) {
  const handle = await store().replicated.open(key);
  return { key, handle };
}

/** Opens the journal anew, as the replicator does after a failure or a restart. */
function reopened(store: Store, key: Key): Promise<ReplicatedKeyJournal> {
  return store().replicated.open(key);
}

function describeAppend(store: Store): void {
  it('creates the row from the first append: segment size, last number, place', async () => {
    const { key, handle } = await opened(store);
    expect(handle.pointer).to.equal(undefined);
    expect(await handle.append(given.append(7, [1, 3]), given.nowMs)).to.equal(true);
    const { recordId, ...rest } = (await store().eventual.pointer(key)) ?? {};
    expect(recordId).to.match(
      /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
    expect(rest).to.deep.equal({
      at: given.place(7),
      segmentSize: store().segmentSize,
      seqNr: 3,
      deleteTo: undefined,
      expiry: undefined,
    });
  });

  it('counts everything before the first event as deleted when a journal starts above 1', async () => {
    const { key, handle } = await opened(store);
    await handle.append(given.append(7, [5, 7]), given.nowMs);
    expect(await given.state(store(), key)).to.deep.equal({ seqNr: 7, deleteTo: 4, offset: 7 });
  });

  it('shows in its handle what a reader sees, after every action', async () => {
    const { key, handle } = await opened(store);
    const same = async () =>
      expect(handle.pointer).to.deep.equal(await store().eventual.pointer(key));
    await handle.append(given.append(1, [1, 3], given.days(1)), given.nowMs).then(same);
    await handle.append(given.append(2, [4]), given.nowMs).then(same);
    await handle.delete(given.deletion(3, 2), given.nowMs).then(same);
    await handle.delete(given.deletion(4, SeqNr.max), given.nowMs).then(same);
    await handle.purge(given.purge(5), given.nowMs).then(same);
    await handle.delete(given.deletion(6, 2), given.nowMs).then(same);
    expect((await reopened(store, key)).pointer).to.deep.equal(handle.pointer);
  });

  it('stores 500 merged events of one batch over all their segments', async () => {
    const { key, handle } = await opened(store);
    const records = given.numbers(1, 250).map((n) => [n, [2 * n - 1, 2 * n]] as const);
    await handle.append(given.batch(records), given.nowMs);
    expect(await given.visible(store(), key)).to.deep.equal(given.numbers(1, 500));
  });

  it('stores an event that is larger than any sensible batch', async () => {
    const { key, handle } = await opened(store);
    const payload = { type: 'text', value: 'x'.repeat(600_000) } as const;
    const large = given.numbers(1, 3).map((n) => given.eventRecord(n, 1, { payload }));
    const [first = given.eventRecord(1, 1), ...rest] = large;
    await handle.append(
      {
        at: given.place(1),
        ranges: rangesOf(large),
        events: [first, ...rest],
        expireAfter: undefined,
      },
      given.nowMs,
    );
    expect(await given.storedRows(store(), key, { to: 3 })).to.have.length(3);
  });

  it('keeps the last number when a conflicting record starts below it (ADR 17)', async () => {
    const { key, handle } = await opened(store);
    await handle.append(given.append(1, [1, 5]), given.nowMs);
    expect(await handle.append(given.append(2, [2, 3]), given.nowMs)).to.equal(true);
    expect(await given.state(store(), key)).to.deep.equal({
      seqNr: 5,
      deleteTo: undefined,
      offset: 2,
    });
    expect(await given.stored(store(), key, { to: 5 })).to.deep.equal([1, 2, 2, 3, 3, 4, 5]);
  });

  for (const polls of ['one poll', 'single polls']) {
    it(`takes no number from a conflicting record, and of its events none above, in ${polls} (ADR 17)`, async () => {
      const { key, handle } = await opened(store);
      const records = [[1, [1, 2, 3]], [2, [3, 4, 5]], [3, [4]], [4, [2, 3]]] as const; // biome-ignore format: one line
      if (polls === 'one poll') await handle.append(given.batch(records), given.nowMs);
      else for (const record of records) await handle.append(given.batch([record]), given.nowMs);
      const expected = { seqNr: 4, deleteTo: undefined, offset: 4 };
      expect(await given.state(store(), key)).to.deep.equal(expected);
      const rows = await given.storedRows(store(), key, { to: 9 });
      expect(rows.map(({ event, record }) => `${event.seqNr}@${record.at.offset}`)).to.deep.equal([
        '1@1',
        '2@1',
        '2@4',
        '3@1',
        '3@2',
        '3@4',
        '4@3',
      ]);
    });
  }

  it('writes journals side by side', async () => {
    const topic = given.randomTopic();
    const keys = given.numbers(1, 20).map(() => given.newKey(topic));
    const one = async (key: Key) => {
      const { handle } = await opened(store, key);
      for (const n of given.numbers(1, 5)) await handle.append(given.append(n, [n]), given.nowMs);
    };
    await Promise.all(keys.map(one));
    for (const key of keys)
      expect(await given.visible(store(), key)).to.deep.equal([1, 2, 3, 4, 5]);
  });
}

function describeRedelivery(store: Store): void {
  for (const offset of [4, 5]) {
    it(`is ignored at offset ${offset} when the row stands at 5`, async () => {
      const { key, handle } = await opened(store);
      await handle.append(given.append(5, [1, 2]), given.nowMs);
      const again = await reopened(store, key);
      expect(await again.append(given.append(offset, [3]), given.nowMs)).to.equal(false);
      expect(await given.state(store(), key)).to.deep.equal({
        seqNr: 2,
        deleteTo: undefined,
        offset: 5,
      });
      expect(await given.stored(store(), key, { to: 9 })).to.deep.equal([1, 2]);
    });
  }

  it('adds only the newer records of a batch that was cut differently', async () => {
    const { key, handle } = await opened(store);
    await handle.append(given.batch([[1, [1]], [2, [2]]]), given.nowMs); // biome-ignore format: one line
    const recut = given.batch([[1, [1]], [2, [2]], [3, [3, 4]]]); // biome-ignore format: one line
    const [old, ...rest] = recut.events;
    const moved = { ...old, record: { ...old.record, timestampMs: 1 } };
    expect(await handle.append({ ...recut, events: [moved, ...rest] }, given.nowMs)).to.equal(true);
    expect(await given.stored(store(), key, { to: 9 })).to.deep.equal([1, 2, 3, 4]);
    expect(await given.state(store(), key)).to.deep.equal({
      seqNr: 4,
      deleteTo: undefined,
      offset: 3,
    });
  });
}

/** Somebody has added partitions to the topic, and keys have moved. */
function describeMovedKey(store: Store): void {
  const moved = { at: given.place(0, 1) };

  it('goes on at any offset of the other partition', async () => {
    const { key, handle } = await opened(store);
    await handle.append(given.append(5, [1, 3]), given.nowMs);
    const again = await reopened(store, key);
    const later = given.recordOf(given.eventRecord(4, 0, { record: moved }));
    expect(await again.append(later, given.nowMs)).to.equal(true);
    expect(await given.visible(store(), key)).to.deep.equal([1, 2, 3, 4]);
    const deletion = { at: given.place(1, 1), to: given.seqNr(2) };
    expect(await again.delete(deletion, given.nowMs)).to.equal(true);
    expect(await given.visible(store(), key)).to.deep.equal([3, 4]);
    expect(again.pointer?.at).to.deep.equal(deletion.at);
  });

  it('is purged at any offset of the other partition', async () => {
    const { key, handle } = await opened(store);
    await handle.append(given.append(5, [1, 3]), given.nowMs);
    const again = await reopened(store, key);
    expect(await again.purge({ ...given.purge(0), ...moved }, given.nowMs)).to.equal(true);
    expect(await store().eventual.pointer(key)).to.equal(undefined);
  });
}

function describeGeneration(store: Store): void {
  it('is not changed by later appends and deletes, and every row carries it', async () => {
    const { key, handle } = await opened(store);
    await handle.append(given.append(1, [1]), given.nowMs);
    const id = handle.pointer?.recordId;
    await handle.append(given.append(2, [2]), given.nowMs);
    await handle.delete(given.deletion(3, 1), given.nowMs);
    await (await reopened(store, key)).append(given.append(4, [3]), given.nowMs);
    expect((await store().eventual.pointer(key))?.recordId).to.equal(id);
    const rows = await given.storedRows(store(), key, { to: 3 });
    expect(rows.map(({ recordId }) => recordId)).to.deep.equal([id, id]);
  });

  it('follows from where its first record lies, so a re-delivery finds the same name', async () => {
    const { key, handle } = await opened(store);
    const idOf = async (batch: ReturnType<typeof given.batch>) => {
      const journal = await reopened(store, key);
      await journal.append(batch, given.nowMs);
      const id = journal.pointer?.recordId;
      await journal.purge({ at: batch.at }, given.nowMs);
      return id;
    };
    expect(handle.pointer).to.equal(undefined);
    const first = await idOf(given.append(5, [1]));
    expect(await idOf(given.batch([[5, [1]], [6, [2]]]))).to.equal(first); // biome-ignore format: one line
    expect(await idOf(given.append(7, [1]))).to.not.equal(first);
  });
}

function describeExpiry(store: Store): void {
  const after = (expireAfter: ExpireAfter | undefined, nowMs = given.nowMs) => ({
    expireAfter,
    nowMs,
  });
  const cases = {
    'is set by the first append: the UTC date of now + expireAfter': [
      [after(given.days(1))],
      '2024-02-29',
    ],
    'counts in UTC to the millisecond': [
      [after({ length: 60_000n, unit: 'millisecond' })],
      '2024-02-29',
    ],
    'stays on the day while less than the day is left': [
      [after({ length: 59n, unit: 'second' })],
      '2024-02-28',
    ],
    'is set by a later append': [[after(undefined), after(given.days(2))], '2024-03-01'],
    'is overridden by another duration': [
      [after(given.days(1)), after(given.days(2))],
      '2024-03-01',
    ],
    'moves with the clock at the same duration': [
      [after(given.days(1)), after(given.days(1), given.nowMs + 86_400_000)],
      '2024-03-01',
    ],
    'stays when equal': [[after(given.days(1)), after(given.days(1))], '2024-02-29'],
    'is removed by an append without it': [[after(given.days(1)), after(undefined)], undefined],
    'is absent when no append had one': [[after(undefined), after(undefined)], undefined],
  } as const;

  for (const [rule, [steps, on]] of Object.entries(cases)) {
    it(rule, async () => {
      const { key, handle } = await opened(store);
      for (const [index, { expireAfter, nowMs }] of steps.entries()) {
        await handle.append(given.append(index + 1, [index + 1], expireAfter), nowMs);
      }
      const { expiry } = (await store().eventual.pointer(key)) ?? {};
      expect(expiry?.on).to.equal(on);
      expect(ExpireAfter.equals(expiry?.after, steps.at(-1)?.expireAfter)).to.equal(true);
    });
  }

  it('is left alone by a delete', async () => {
    const { key, handle } = await opened(store);
    await handle.append(given.append(1, [1], given.days(1)), given.nowMs);
    await handle.delete(given.deletion(2, 1), given.nowMs + 86_400_000);
    expect((await store().eventual.pointer(key))?.expiry?.on).to.equal('2024-02-29');
  });
}

function describeDelete(store: Store): void {
  const shortened = async (...deletes: readonly (readonly [offset: number, to: number])[]) => {
    const { key, handle } = await opened(store);
    await handle.append(given.append(1, [1, 8]), given.nowMs);
    for (const [offset, to] of deletes)
      await handle.delete(given.deletion(offset, to), given.nowMs);
    return {
      key,
      rows: await given.stored(store(), key, { to: 20 }),
      state: await given.state(store(), key),
    };
  };

  for (const to of given.numbers(1, 8)) {
    it(`to ${to} of 8 removes exactly the rows up to ${to}`, async () => {
      const { rows, state } = await shortened([2, to]);
      expect(rows).to.deep.equal(given.numbers(to + 1, 8));
      expect(state).to.deep.equal({ seqNr: 8, deleteTo: to, offset: 2 });
    });
  }

  it('beyond the last number is cut to it; a second one only moves the offset', async () => {
    const { rows, state } = await shortened([2, 9], [3, SeqNr.max]);
    expect(rows).to.deep.equal([]);
    expect(state).to.deep.equal({ seqNr: 8, deleteTo: 8, offset: 3 });
  });

  it('to a lower number than before hides nothing and shows nothing again (V4)', async () => {
    const { rows, state, key } = await shortened([2, 7], [3, 1]);
    expect(rows).to.deep.equal([8]);
    expect(state).to.deep.equal({ seqNr: 8, deleteTo: 7, offset: 3 });
    expect(await given.visible(store(), key)).to.deep.equal([8]);
  });

  it('below the start of a journal that begins above 1 changes nothing to read (V4b)', async () => {
    const { key, handle } = await opened(store);
    await handle.append(given.append(1, [7, 9]), given.nowMs);
    expect(await handle.delete(given.deletion(2, 1), given.nowMs)).to.equal(true);
    expect(await given.visible(store(), key)).to.deep.equal([7, 8, 9]);
    expect(await given.state(store(), key)).to.deep.equal({ seqNr: 9, deleteTo: 6, offset: 2 });
  });

  it('of nothing is void and makes no row: before the first append, and after a purge', async () => {
    const { key, handle } = await opened(store);
    expect(await handle.delete(given.deletion(1, 400), given.nowMs)).to.equal(false);
    expect(await given.state(store(), key)).to.equal(undefined);
    await handle.append(given.append(2, [1, 3]), given.nowMs);
    await handle.purge(given.purge(3), given.nowMs);
    expect(await handle.delete(given.deletion(4, 3), given.nowMs)).to.equal(false);
    const again = await reopened(store, key);
    expect(await again.delete(given.deletion(4, SeqNr.max), given.nowMs)).to.equal(false);
    expect(await given.state(store(), key)).to.equal(undefined);
    await again.append(given.append(5, [1, 2]), given.nowMs);
    expect(await given.visible(store(), key)).to.deep.equal([1, 2]);
  });

  it('reaches no further than the last number that counts, whoever else wrote (ADR 17)', async () => {
    const { key, handle } = await opened(store);
    await handle.append(given.append(1, [1, 3]), given.nowMs);
    await handle.append(given.append(2, [2, 9]), given.nowMs);
    await handle.delete(given.deletion(3, 6), given.nowMs);
    expect(await given.state(store(), key)).to.deep.equal({ seqNr: 3, deleteTo: 3, offset: 3 });
    await handle.append(given.append(4, [4, 5]), given.nowMs);
    expect(await given.stored(store(), key, { to: 20 })).to.deep.equal([4, 5]);
  });

  for (const offset of [4, 5]) {
    it(`is ignored at offset ${offset} when the row stands at 5`, async () => {
      const { key, handle } = await opened(store);
      await handle.append(given.append(5, [1, 2]), given.nowMs);
      const again = await reopened(store, key);
      expect(await again.delete(given.deletion(offset, 1), given.nowMs)).to.equal(false);
      expect(await given.state(store(), key)).to.deep.equal({
        seqNr: 2,
        deleteTo: undefined,
        offset: 5,
      });
      expect(await given.stored(store(), key, { to: 9 })).to.deep.equal([1, 2]);
    });
  }
}
