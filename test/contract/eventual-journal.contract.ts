import { expect } from 'chai';
import type { Key } from '../../src/model/key.ts';
import { SeqNr } from '../../src/model/seq-nr.ts';
import type { ReplicatedKeyJournal } from '../../src/ports/replicated-journal.ts';
import { describeReading } from './eventual-journal-reading.contract.ts';
import * as given from './replicated-store.ts';

type Store = () => given.ReplicatedStore;

/**
 * What every replicated store shows a reader of what the replicator wrote.
 * Run it once for each segment size worth testing: `open` decides.
 */
export function eventualJournalContract(name: string, open: given.OpenReplicatedStore): void {
  describe(`eventual journal: ${name}`, function () {
    this.timeout(20_000);
    let opened: given.ReplicatedStore;
    before(async () => {
      opened = await open();
    });
    after(() => opened[Symbol.asyncDispose]());
    const store = () => opened;
    for (const first of [1, 5, 10]) {
      for (const size of [0, 1, 2, 5, 10]) {
        for (const how of ['in one batch', 'one by one'] as const) {
          describeHistory(store, { first, size, how });
        }
      }
    }
    describeDeleteOnNothing(store);
    describeOffsets(store);
    describeReading(store);
  });
}

interface History {
  readonly first: number;
  readonly size: number;
  readonly how: 'in one batch' | 'one by one';
}

/** One journal and the next free offset of its partition. */
class Journal {
  readonly key: Key;
  private readonly store: Store;
  private handle: ReplicatedKeyJournal | undefined;
  private offset = 100;

  constructor(store: Store, key: Key) {
    this.store = store;
    this.key = key;
  }

  private async open(): Promise<ReplicatedKeyJournal> {
    this.handle ??= await this.store().replicated.open(this.key);
    return this.handle;
  }

  async append(from: number, to: number, how: History['how']): Promise<number> {
    const handle = await this.open();
    const cuts =
      how === 'in one batch' ? [given.numbers(from, to)] : given.numbers(from, to).map((n) => [n]);
    for (const numbers of cuts) {
      if (numbers.length > 0)
        await handle.append(given.batch([[++this.offset, numbers]]), given.nowMs);
    }
    return this.offset;
  }

  async delete(to: number): Promise<number> {
    await (await this.open()).delete(given.deletion(++this.offset, to), given.nowMs);
    return this.offset;
  }
}

function describeHistory(store: Store, { first, size, how }: History): void {
  const topic = given.randomTopic();
  const last = first + size - 1;
  const all = given.numbers(first, last);
  const written = async () => {
    const journal = new Journal(store, given.newKey(topic));
    await journal.append(first, last, how);
    return journal;
  };

  describe(`${size} events from ${first} ${how}`, () => {
    it('gives every event that was appended', async () => {
      const { key } = await written();
      expect(await given.visible(store(), key)).to.deep.equal(all);
    });

    for (const more of [1, 5]) {
      it(`gives the events of an append of ${more} that follows`, async () => {
        const journal = await written();
        await journal.append(last + 1, last + more, how);
        expect(await given.visible(store(), journal.key)).to.deep.equal(
          given.numbers(first, last + more),
        );
      });
    }

    it('shows the last number, and no row before the first append', async () => {
      const { key } = await written();
      const expected =
        size === 0 ? undefined : { seqNr: last, deleteTo: first === 1 ? undefined : first - 1 };
      const { offset: _, ...rest } = (await given.state(store(), key)) ?? { offset: 0 };
      expect(rest).to.deep.equal(expected ?? {});
    });

    if (size > 0) describeShortened(store, { written, first, last, how });
  });
}

interface Written {
  readonly written: () => Promise<Journal>;
  readonly first: number;
  readonly last: number;
  readonly how: History['how'];
}

function describeShortened(store: Store, { written, first, last, how }: Written): void {
  it('gives the events above each deleted number; a delete keeps the last number and takes its own offset', async () => {
    const { key, ...journal } = await written().then((it) => ({
      key: it.key,
      delete: it.delete.bind(it),
    }));
    for (const to of given.numbers(first, last)) {
      const offset = await journal.delete(to);
      expect(await given.visible(store(), key)).to.deep.equal(given.numbers(to + 1, last));
      expect(await given.state(store(), key)).to.deep.equal({ seqNr: last, deleteTo: to, offset });
    }
  });

  it('goes on after a delete', async () => {
    const journal = await written();
    await journal.delete(first);
    const offset = await journal.append(last + 1, last + 2, how);
    expect(await given.visible(store(), journal.key)).to.deep.equal(
      given.numbers(first + 1, last + 2),
    );
    expect(await given.state(store(), journal.key)).to.deep.equal({
      seqNr: last + 2,
      deleteTo: first,
      offset,
    });
  });

  it('stays empty with its last number when all is deleted twice', async () => {
    const journal = await written();
    for (let time = 1; time <= 2; time++) {
      const offset = await journal.delete(last);
      expect(await given.visible(store(), journal.key)).to.deep.equal([]);
      expect(await given.state(store(), journal.key)).to.deep.equal({
        seqNr: last,
        deleteTo: last,
        offset,
      });
    }
  });

  it('gives the suffix from any number', async () => {
    const { key } = await written();
    for (const from of [1, ...given.numbers(first, last), SeqNr.max]) {
      const expected = given.numbers(Math.max(first, from), last);
      expect(await given.visible(store(), key, from)).to.deep.equal(expected);
    }
  });
}

function describeDeleteOnNothing(store: Store): void {
  for (const to of [1, 2, 5]) {
    it(`counts from 1 when a delete to ${to}, of nothing, is the first action of a journal`, async () => {
      const journal = new Journal(store, given.newKey(given.randomTopic()));
      await journal.delete(to);
      expect(await given.state(store(), journal.key)).to.equal(undefined);

      const appended = await journal.append(1, 1, 'one by one');
      expect(await given.visible(store(), journal.key)).to.deep.equal([1]);
      expect(await given.state(store(), journal.key)).to.deep.equal({
        seqNr: 1,
        deleteTo: undefined,
        offset: appended,
      });
    });
  }

  it('follows appends and deletes that alternate, up to a delete of everything', async () => {
    const journal = new Journal(store, given.newKey(given.randomTopic()));
    const seen: unknown[] = [];
    const look = async (offset: number) => {
      expect((await given.state(store(), journal.key))?.offset).to.equal(offset);
      const { seqNr, deleteTo } = (await given.state(store(), journal.key)) ?? {};
      seen.push([seqNr, deleteTo, await given.visible(store(), journal.key)]);
    };
    await look(await journal.append(1, 1, 'one by one'));
    await look(await journal.append(2, 2, 'one by one'));
    await look(await journal.delete(1));
    await look(await journal.append(3, 3, 'one by one'));
    await look(await journal.delete(3));
    await look(await journal.delete(SeqNr.max));
    expect(seen).to.deep.equal([
      [1, undefined, [1]],
      [2, undefined, [1, 2]],
      [2, 1, [2]],
      [3, 1, [2, 3]],
      [3, 3, []],
      [3, 3, []],
    ]);
  });
}

function describeOffsets(store: Store): void {
  it('knows no offset of a topic nothing was replicated from', async () => {
    const { partition } = given.place(0);
    expect(await store().eventual.offset(given.randomTopic(), partition)).to.equal(undefined);
  });

  it('shows the saved offset of each partition of each topic', async () => {
    const topics = Array.from({ length: 6 }, given.randomTopic);
    for (const [index, topic] of topics.entries()) {
      const at = given.place(index * 7, index);
      await given.moveTo(store().replicated, topic, at);
    }
    for (const [index, topic] of topics.entries()) {
      const { partition, offset } = given.place(index * 7, index);
      expect(await store().eventual.offset(topic, partition)).to.equal(offset);
      expect(await store().eventual.offset(topic, given.place(0, index + 1).partition)).to.equal(
        undefined,
      );
    }
  });
}
