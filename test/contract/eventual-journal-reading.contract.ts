import { expect } from 'chai';
import type { EventRecord } from '../../src/model/event.ts';
import type { Key } from '../../src/model/key.ts';
import { SeqNr } from '../../src/model/seq-nr.ts';
import type { StoredEvent } from '../../src/ports/eventual-journal.ts';
import { rangesOf } from '../support/journal/ranges.ts';
import * as given from './replicated-store.ts';

type Store = () => given.ReplicatedStore;

/** How `read` walks and what a row holds; part of `eventualJournalContract`. */
export function describeReading(store: Store): void {
  describe('reading rows', () => {
    describeWalk(store);
    describePages(store);
    describeContent(store);
  });
}

async function written(
  store: Store,
  records: readonly (readonly [number, readonly number[]])[],
): Promise<Key> {
  const key = given.newKey(given.randomTopic());
  const handle = await store().replicated.open(key);
  for (const record of records) await handle.append(given.batch([record]), given.nowMs);
  return key;
}

function describeWalk(store: Store): void {
  it('goes on after a gap at the end of a segment', async () => {
    const size = store().segmentSize;
    const key = await written(store, [
      [1, [size - 1]],
      [2, [size + 1]],
    ]);
    expect(await given.visible(store(), key)).to.deep.equal([size - 1, size + 1]);
  });

  it('goes on after an empty segment in the middle', async () => {
    const size = store().segmentSize;
    const key = await written(store, [
      [1, [size]],
      [2, [3 * size + 1]],
    ]);
    expect(await given.visible(store(), key)).to.deep.equal([size, 3 * size + 1]);
  });

  it('crosses a segment border within one record', async () => {
    const size = store().segmentSize;
    const key = await written(store, [[1, [size - 1, size, size + 1, size + 2]]]);
    expect(await given.visible(store(), key)).to.deep.equal([size - 1, size, size + 1, size + 2]);
  });

  it('gives both bounds of the range and nothing outside', async () => {
    const key = await written(store, [[1, given.numbers(1, 9)]]);
    expect(await given.stored(store(), key, { from: 3, to: 6 })).to.deep.equal([3, 4, 5, 6]);
    expect(await given.stored(store(), key, { from: 9, to: 9 })).to.deep.equal([9]);
    expect(await given.stored(store(), key, { from: 10, to: 20 })).to.deep.equal([]);
  });

  it('gives nothing of a journal that does not exist', async () => {
    const key = given.newKey(given.randomTopic());
    expect(await given.stored(store(), key, { to: 10 })).to.deep.equal([]);
    expect(await store().eventual.pointer(key)).to.equal(undefined);
  });

  it('gives two rows of one number as two events, the older timestamp first', async () => {
    const key = given.newKey(given.randomTopic());
    const handle = await store().replicated.open(key);
    const late = given.eventRecord(2, 1, { record: { timestampMs: 2_000 } });
    const early = given.eventRecord(2, 2, { record: { timestampMs: 1_000 } });
    await handle.append(
      { ...given.append(1, [1, 2]), events: [given.eventRecord(1, 1), late] },
      given.nowMs,
    );
    await handle.append({ ...given.append(2, [2]), events: [early] }, given.nowMs);
    const rows = await given.storedRows(store(), key, { to: 2 });
    const seen = rows.slice(1).map(({ event, record }) => [event.seqNr, record.timestampMs]);
    expect(seen).to.deep.equal([
      [2, 1_000],
      [2, 2_000],
    ]);
  });
}

function describePages(store: Store): void {
  const range = () => ({ from: SeqNr.min, to: given.seqNr(260), segmentSize: store().segmentSize });
  let key: Key;
  before(async () => {
    const records = given
      .numbers(0, 25)
      .map((n) => [n + 1, given.numbers(n * 10 + 1, n * 10 + 10)] as const);
    key = await written(store, records);
  });

  it('gives pages that are never empty and ascend over page and segment borders', async () => {
    const pages: (readonly StoredEvent[])[] = [];
    for await (const page of store().eventual.read(key, range())) pages.push(page);
    expect(pages.filter((page) => page.length === 0)).to.deep.equal([]);
    expect(pages.flat().map(({ event }) => event.seqNr)).to.deep.equal(given.numbers(1, 260));
  });

  it('can be read again after a loop was left early', async () => {
    for await (const page of store().eventual.read(key, range())) {
      expect(page[0]?.event.seqNr).to.equal(1);
      break;
    }
    expect(await given.visible(store(), key)).to.deep.equal(given.numbers(1, 260));
  });

  it('serves readers of one journal side by side', async () => {
    const all = await Promise.all(given.numbers(1, 5).map(() => given.visible(store(), key, 100)));
    for (const seen of all) expect(seen).to.deep.equal(given.numbers(100, 260));
  });

  it('rejects with the reason of a signal that fired before or between pages', async () => {
    const gone = new Error('reader is gone');
    const rejection = async (abort: AbortController, early: boolean) => {
      if (early) abort.abort(gone);
      try {
        for await (const _ of store().eventual.read(key, range(), { signal: abort.signal }))
          abort.abort(gone);
      } catch (error) {
        return error;
      }
      return undefined;
    };
    expect(await rejection(new AbortController(), true)).to.equal(gone);
    if (store().segmentSize < 260)
      expect(await rejection(new AbortController(), false)).to.equal(gone);
  });
}

const bytes = Uint8Array.of(0, 255, 128, 7);

const contents: Readonly<Record<string, EventRecord>> = {
  'a JSON payload': given.eventRecord(1, 1, {
    payload: {
      type: 'json',
      value: { text: 'ä "q" 😀', list: [1, -2.5, null, true], deep: { a: {} } },
    },
  }),
  'a text payload': given.eventRecord(1, 1, { payload: { type: 'text', value: 'line\nä😀' } }),
  'an empty text payload': given.eventRecord(1, 1, { payload: { type: 'text', value: '' } }),
  'a binary payload': given.eventRecord(1, 1, { payload: { type: 'binary', value: bytes } }),
  'an empty binary payload': given.eventRecord(1, 1, {
    payload: { type: 'binary', value: new Uint8Array() },
  }),
  'no payload': given.eventRecord(1, 1, { payload: undefined }),
  tags: given.eventRecord(1, 1, { tags: ['a', 'b', 'ü'] }),
  'user headers': given.eventRecord(1, 1, { record: { headers: { trace: '1', 'ä b': '' } } }),
  metadata: given.eventRecord(1, 1, {
    record: {
      metadata: {
        header: { data: { user: 'x' } },
        payload: { expireAfter: { length: 90n, unit: 'minute' }, data: [1, 'a'] },
      },
    },
  }),
  'neither origin nor version': given.eventRecord(1, 1, {
    record: { origin: undefined, version: undefined },
  }),
  'a far place and time': given.eventRecord(1, 1, {
    record: { at: given.place(2 ** 53 - 2, 2 ** 31 - 1), timestampMs: Date.UTC(2100, 0, 1) + 7 },
  }),
};

function describeContent(store: Store): void {
  for (const [what, expected] of Object.entries(contents)) {
    it(`gives an event with ${what} as it was appended, and its generation`, async () => {
      const key = given.newKey(given.randomTopic());
      const handle = await store().replicated.open(key);
      await handle.append(
        {
          at: expected.record.at,
          ranges: rangesOf([expected]),
          events: [expected],
          expireAfter: undefined,
        },
        given.nowMs,
      );
      const [row] = await given.storedRows(store(), key, { to: 1 });
      expect(row?.recordId).to.be.a('string').and.equal(handle.pointer?.recordId);
      expect(withPlainBytes(row)).to.deep.equal({
        ...withPlainBytes(expected),
        recordId: handle.pointer?.recordId,
      });
    });
  }
}

/** Bytes may be given as any Uint8Array, a Buffer for instance. */
function withPlainBytes<T extends EventRecord>(row: T | undefined): T | undefined {
  if (row?.event.payload?.type !== 'binary') return row;
  const value = [...row.event.payload.value];
  return { ...row, event: { ...row.event, payload: { type: 'binary', value } } };
}
