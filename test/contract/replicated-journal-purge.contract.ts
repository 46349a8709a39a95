import { expect } from 'chai';
import * as given from './replicated-store.ts';

type Store = () => given.ReplicatedStore;

/** Purge, and what follows it; part of `replicatedJournalContract`. */
export function describePurge(store: Store): void {
  const written = async () => {
    const key = given.newKey(given.randomTopic());
    const handle = await store().replicated.open(key);
    await handle.append(given.append(1, [1, 8]), given.nowMs);
    return { key, handle };
  };
  describeRemoval(store, written);
  describeNextLife(store, written);
  describeCondition(store, written);
}

type Written = () => Promise<{
  readonly key: ReturnType<typeof given.newKey>;
  readonly handle: Awaited<ReturnType<given.ReplicatedStore['replicated']['open']>>;
}>;

function describeRemoval(store: Store, written: Written): void {
  for (const deleteTo of [undefined, 1, 4, 7, 8]) {
    it(`removes the row and every event of a journal deleted to ${deleteTo ?? 'nothing'}`, async () => {
      const { key, handle } = await written();
      if (deleteTo !== undefined) await handle.delete(given.deletion(2, deleteTo), given.nowMs);
      expect(await handle.purge(given.purge(3), given.nowMs)).to.equal(true);
      expect(handle.pointer).to.equal(undefined);
      expect(await store().eventual.pointer(key)).to.equal(undefined);
      expect(await given.stored(store(), key, { to: 20 })).to.deep.equal([]);
    });
  }

  it('removes the events of all segments of a journal that was never truncated', async () => {
    const size = store().segmentSize;
    const key = given.newKey(given.randomTopic());
    const handle = await store().replicated.open(key);
    const spread = [1, size, size + 1, 3 * size, 4 * size + 1];
    await handle.append(given.batch([[1, [...new Set(spread)]]]), given.nowMs);
    await handle.purge(given.purge(2), given.nowMs);
    expect(await given.stored(store(), key, { to: 6 * size })).to.deep.equal([]);
  });

  it('is applied at the offset of the row itself, so that a broken one can be repeated', async () => {
    const { key, handle } = await written();
    expect(await handle.purge(given.purge(1), given.nowMs)).to.equal(true);
    expect(await store().eventual.pointer(key)).to.equal(undefined);
  });

  it('changes nothing where no journal is', async () => {
    const { key, handle } = await written();
    await handle.purge(given.purge(2), given.nowMs);
    expect(await handle.purge(given.purge(2), given.nowMs)).to.equal(false);
    expect(await (await store().replicated.open(key)).purge(given.purge(3), given.nowMs)).to.equal(
      false,
    );
    expect(await store().eventual.pointer(key)).to.equal(undefined);
  });

  it('below the offset of the row is ignored', async () => {
    const { key, handle } = await written();
    expect(await handle.purge(given.purge(0), given.nowMs)).to.equal(false);
    expect(await given.visible(store(), key)).to.deep.equal(given.numbers(1, 8));
  });

  it('leaves the neighbours alone', async () => {
    const topic = given.randomTopic();
    const keys = [given.newKey(topic), given.newKey(topic)] as const;
    for (const key of keys) {
      await (await store().replicated.open(key)).append(given.append(1, [1, 3]), given.nowMs);
    }
    await (await store().replicated.open(keys[0])).purge(given.purge(2), given.nowMs);
    expect(await given.visible(store(), keys[1])).to.deep.equal([1, 2, 3]);
  });
}

function describeNextLife(store: Store, written: Written): void {
  it('lets the numbers start again in a new generation', async () => {
    const { key, handle } = await written();
    const old = handle.pointer?.recordId;
    await handle.purge(given.purge(2), given.nowMs);
    await handle.append(given.append(3, [1, 2]), given.nowMs);
    expect(await given.visible(store(), key)).to.deep.equal([1, 2]);
    expect(await given.stored(store(), key, { to: 20 })).to.deep.equal([1, 2]);
    expect(await given.state(store(), key)).to.deep.equal({
      seqNr: 2,
      deleteTo: undefined,
      offset: 3,
    });
    expect(handle.pointer?.recordId).to.be.a('string').and.not.equal(old);
  });

  it('can be followed by a second life and a second purge', async () => {
    const { key, handle } = await written();
    await handle.purge(given.purge(2), given.nowMs);
    await handle.append(given.append(3, [1, 9]), given.nowMs);
    await handle.delete(given.deletion(4, 3), given.nowMs);
    await handle.purge(given.purge(5), given.nowMs);
    expect(await given.stored(store(), key, { to: 20 })).to.deep.equal([]);
    await handle.append(given.append(6, [1]), given.nowMs);
    expect(await given.visible(store(), key)).to.deep.equal([1]);
  });

  it('is not undone by an older append or delete of the same owner', async () => {
    const { key, handle } = await written();
    await handle.purge(given.purge(5), given.nowMs);
    expect(await handle.append(given.append(4, [1, 8]), given.nowMs)).to.equal(false);
    expect(await handle.delete(given.deletion(4, 3), given.nowMs)).to.equal(false);
    expect(await store().eventual.pointer(key)).to.equal(undefined);
    expect(await given.stored(store(), key, { to: 20 })).to.deep.equal([]);
  });
}

function describeCondition(store: Store, written: Written): void {
  it('only at an offset removes a journal whose last action lies there', async () => {
    const { key, handle } = await written();
    expect(await handle.purge(given.purge(9, { onlyAt: 1 }), given.nowMs)).to.equal(true);
    expect(await store().eventual.pointer(key)).to.equal(undefined);
    expect(await given.stored(store(), key, { to: 20 })).to.deep.equal([]);
  });

  it('only at an offset leaves a journal alone that something happened to since (I19)', async () => {
    const { key, handle } = await written();
    await handle.append(given.append(2, [9], given.days(1)), given.nowMs);
    expect(await handle.purge(given.purge(9, { onlyAt: 1 }), given.nowMs)).to.equal(false);
    await handle.delete(given.deletion(3, 2), given.nowMs);
    for (const onlyAt of [0, 1, 2, 4]) {
      expect(await handle.purge(given.purge(9, { onlyAt }), given.nowMs)).to.equal(false);
    }
    expect(await given.state(store(), key)).to.deep.equal({ seqNr: 9, deleteTo: 2, offset: 3 });
    expect(await given.stored(store(), key, { to: 20 })).to.deep.equal(given.numbers(3, 9));
    expect(await handle.append(given.append(8, [10]), given.nowMs)).to.equal(true);
  });

  it('only at an offset means one of the same partition', async () => {
    const { handle } = await written();
    const elsewhere = { ...given.purge(9, { onlyAt: 1 }), at: given.place(9, 1) };
    expect(await handle.purge(elsewhere, given.nowMs)).to.equal(false);
  });

  it('only at an offset where no journal is changes nothing, nor what comes after it', async () => {
    const key = given.newKey(given.randomTopic());
    const handle = await store().replicated.open(key);
    expect(await handle.purge(given.purge(9, { onlyAt: 1 }), given.nowMs)).to.equal(false);
    expect(await handle.append(given.append(2, [1]), given.nowMs)).to.equal(true);
  });

  it('up to a number is like any other where every append was applied whole', async () => {
    const { key, handle } = await written();
    expect(await handle.purge(given.purge(9, { upTo: 30 }), given.nowMs)).to.equal(true);
    expect(await handle.purge(given.purge(10, { upTo: 30 }), given.nowMs)).to.equal(false);
    await handle.append(given.append(11, [1, 2]), given.nowMs);
    expect(await given.visible(store(), key)).to.deep.equal([1, 2]);
  });
}
