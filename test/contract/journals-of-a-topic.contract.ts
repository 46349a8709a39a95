import { expect } from 'chai';
import { Key } from '../../src/model/key.ts';
import type { Topic } from '../../src/model/position.ts';
import type { ExpiredJournal, JournalPlace } from '../../src/ports/replicated-journal.ts';
import * as given from './replicated-store.ts';

type Store = () => given.ReplicatedStore;

const dayMs = 86_400_000;
/** `given.nowMs` is 2024-02-28 23:59 UTC. */
const expiringAfter = (days: number) => given.days(days);

/**
 * What looks at all journals of a topic: their ids, which of them are over, and how far those were
 * purged (docs/format.md#expiry). Run it once a store: no size of segments changes what is found,
 * and on Cassandra each look is one at 10,000 partitions.
 */
export function journalsOfATopicContract(name: string, open: given.OpenReplicatedStore): void {
  describe(`journals of a topic: ${name}`, function () {
    this.timeout(20_000);
    let opened: given.ReplicatedStore;
    before(async () => {
      opened = await open();
    });
    after(() => opened[Symbol.asyncDispose]());
    const store = () => opened;
    describeIds(store);
    describePlaces(store);
    describeSelection(store);
    describeShares(store);
    describeProgress(store);
  });
}

function describeIds(store: Store): void {
  const idsOf = async (topic: Key['topic']) => {
    const ids: string[] = [];
    for await (const id of store().eventual.ids(topic)) ids.push(id);
    return ids.sort();
  };

  it('lists no id of an unknown topic', async () => {
    expect(await idsOf(given.randomTopic())).to.deep.equal([]);
  });

  it('lists the ids of one topic, exactly as written, without purged journals', async () => {
    const topic = given.randomTopic();
    for (const id of ['b', 'B', 'ä-😀', 'gone']) {
      const handle = await store().replicated.open({ topic, id });
      await handle.append(given.append(1, [1]), given.nowMs);
      if (id === 'gone') await handle.purge(given.purge(2), given.nowMs);
    }
    expect(await idsOf(topic)).to.deep.equal(['b', 'B', 'ä-😀'].sort());
  });
}

function describePlaces(store: Store): void {
  const placesOf = async (topic: Topic) => {
    const places: JournalPlace[] = [];
    for await (const page of store().replicated.journalPlaces(topic)) {
      expect(page).to.not.have.length(0);
      places.push(...page);
    }
    return places.toSorted((a, b) => a.at.offset - b.at.offset);
  };

  it('gives where each journal was written last, also of the empty id, and none of a purged one', async () => {
    const topic = given.randomTopic();
    for (const [index, id] of ['', '\0', 'b', 'ä-😀', 'gone'].entries()) {
      const handle = await store().replicated.open({ topic, id });
      await handle.append(given.append(index, [1]), given.nowMs);
      if (id === 'gone') await handle.purge(given.purge(9), given.nowMs);
      if (id === 'b') await handle.append(given.append(7, [2]), given.nowMs);
    }
    expect(await placesOf(topic)).to.deep.equal([
      { id: '', at: given.place(0) },
      { id: '\0', at: given.place(1) },
      { id: 'ä-😀', at: given.place(3) },
      { id: 'b', at: given.place(7) },
    ]);
    expect(await placesOf(given.randomTopic())).to.deep.equal([]);
  });

  it('gives each of many once', async () => {
    const topic = given.randomTopic();
    const all = given.numbers(0, 1_202);
    for (let from = 0; from < all.length; from += 100) {
      const appended = all.slice(from, from + 100).map(async (at) => {
        const handle = await store().replicated.open({ topic, id: `j${at}` });
        await handle.append(given.append(at, [1]), given.nowMs);
      });
      await Promise.all(appended);
    }
    const expected = all.map((at) => ({ id: `j${at}`, at: given.place(at) }));
    expect(await placesOf(topic)).to.deep.equal(expected);
  });
}

const everything = { index: 0, of: 1 };

async function expired(
  store: Store,
  topic: Topic,
  {
    from = '2024-02-28',
    to = '2024-03-05',
    share = everything,
  }: { readonly from?: string; readonly to?: string; readonly share?: typeof everything } = {},
): Promise<ExpiredJournal[]> {
  const found: ExpiredJournal[] = [];
  for await (const page of store().replicated.expired({ topic, share, from, to })) {
    expect(page).to.not.have.length(0);
    found.push(...page);
  }
  return found.toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

async function journal(
  store: Store,
  topic: Topic,
  { id, offset, days }: { readonly id: string; readonly offset: number; readonly days?: number },
) {
  const handle = await store().replicated.open(Key.of(topic, id));
  const expireAfter = days === undefined ? undefined : expiringAfter(days);
  await handle.append(given.append(offset, [1, 3], expireAfter), given.nowMs);
  return handle;
}

function describeSelection(store: Store): void {
  it('gives the journals whose day lies in the range, both ends included, where their rows stand', async () => {
    const topic = given.randomTopic();
    for (const days of [1, 2, 3, 4])
      await journal(store, topic, { id: `d${days}`, offset: days, days });
    await journal(store, topic, { id: 'for ever', offset: 9 });
    await journal(store, given.randomTopic(), { id: 'other', offset: 2, days: 2 });
    const range = { from: '2024-03-01', to: '2024-03-02' };
    expect(await expired(store, topic, range)).to.deep.equal([
      { id: 'd2', at: given.place(2), expireOn: '2024-03-01' },
      { id: 'd3', at: given.place(3), expireOn: '2024-03-02' },
    ]);
  });

  it('gives nothing for a range without days', async () => {
    const topic = given.randomTopic();
    await journal(store, topic, { id: 'd1', offset: 1, days: 1 });
    const range = { from: '2024-03-01', to: '2024-02-29' };
    expect(await expired(store, topic, range)).to.deep.equal([]);
  });

  it('follows appends, deletes and purges of the journal', async () => {
    const topic = given.randomTopic();
    const ids = ['extended', 'lasting', 'purged', 'shortened'] as const;
    for (const id of ids) {
      const handle = await journal(store, topic, { id, offset: 1, days: 1 });
      const later = given.nowMs + dayMs;
      if (id === 'extended') await handle.append(given.append(2, [4], expiringAfter(1)), later);
      if (id === 'lasting') await handle.append(given.append(2, [4]), later);
      if (id === 'purged') await handle.purge(given.purge(2), later);
      if (id === 'shortened') await handle.delete(given.deletion(2, 3), later);
    }
    expect(await expired(store, topic)).to.deep.equal([
      { id: 'extended', at: given.place(2), expireOn: '2024-03-01' },
      { id: 'shortened', at: given.place(2), expireOn: '2024-02-29' },
    ]);
  });
}

function describeShares(store: Store): void {
  it('puts every journal of one day into exactly one share, in pages', async () => {
    const topic = given.randomTopic();
    const ids = given.numbers(1, 150).map((number) => `id ${String(number).padStart(3, '0')}`);
    await Promise.all(ids.map((id) => journal(store, topic, { id, offset: 1, days: 1 })));
    const days = { from: '2024-02-29', to: '2024-02-29' };
    for (const count of [1, 7]) {
      const shares = given.numbers(0, count - 1).map((index) => ({ index, of: count }));
      const found = await Promise.all(
        shares.map((share) => expired(store, topic, { ...days, share })),
      );
      const listed = found.flat().map(({ id }) => id);
      expect(listed.toSorted(), `${count} shares`).to.deep.equal(ids);
      expect(found.filter((share) => share.length > 0).length).to.equal(count);
    }
  });
}

function describeProgress(store: Store): void {
  it('remembers how far each partition of a topic was purged, and nothing at first', async () => {
    const [topic, other] = [given.randomTopic(), given.randomTopic()];
    const { partition } = given.place(0, 2);
    const until = (of: Topic) => store().replicated.expiredUntil(of, partition);
    expect(await until(topic)).to.equal(undefined);
    for (const day of ['2024-02-28', '2024-02-29']) {
      await store().replicated.saveExpiredUntil({ topic, partition, day }, given.nowMs);
      expect(await until(topic)).to.equal(day);
    }
    expect(await until(other)).to.equal(undefined);
    expect(await store().replicated.expiredUntil(topic, given.place(0, 1).partition)).to.equal(
      undefined,
    );
  });
}
