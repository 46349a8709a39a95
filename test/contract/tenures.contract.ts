import { expect } from 'chai';
import { NotSetUpError } from '../../src/model/errors.ts';
import { Offset, type Topic } from '../../src/model/position.ts';
import type { LastTenure, OpenedTenure } from '../../src/model/tenure.ts';
import type { KnownTenures } from '../../src/ports/replicated-journal.ts';
import { nextTurn } from '../../src/runtime/waiting.ts';
import * as given from './replicated-store.ts';

/** Both sides of a store that may have no tables of tenures. */
export interface TenureStore
  extends Pick<given.ReplicatedStore, 'eventual' | 'replicated' | 'another'> {}

type Store = () => TenureStore;

const { partition } = given.place(0, 3);

export function opening(offset: number, details: Partial<OpenedTenure> = {}): OpenedTenure {
  return { scope: '', holder: 'holder', address: undefined, offset: Offset.of(offset), ...details };
}

/** Marks of partition 3, and that all up to `upTo` are known with them. */
export function known(
  topic: Topic,
  upTo: number,
  openings: readonly OpenedTenure[] = [],
): KnownTenures {
  return { topic, partition, openings, upTo: Offset.of(upTo) };
}

/** What both sides of the store say of partition 3. */
export async function lastOf(
  { eventual, replicated }: TenureStore,
  topic: Topic,
  upTo: number,
  scope = '',
): Promise<LastTenure> {
  const place = { topic, partition, scope };
  const last = await eventual.lastTenure(place, Offset.of(upTo));
  expect(await replicated.lastTenure(place, Offset.of(upTo))).to.equal(last);
  return last;
}

/** Opening marks of tenures, and how far they are known (docs/format.md#tables). */
export function tenuresContract(store: Store): void {
  const save = (tenures: KnownTenures) => store().replicated.saveTenures(tenures, given.nowMs);
  const upTo = (topic: Topic) => store().replicated.tenuresUpTo(topic, partition);
  const last = (topic: Topic, ...rest: [upTo: number, scope?: string]) =>
    lastOf(store(), topic, ...rest);

  it('knows nothing of a partition whose marks nobody keeps', async () => {
    const topic = given.randomTopic();
    expect(await upTo(topic)).to.equal(undefined);
    expect(await last(topic, 0)).to.equal('unknown');
    await given.moveTo(store().replicated, topic, given.place(9, 3));
    expect(await upTo(topic)).to.equal(undefined);
    expect(await last(topic, 9)).to.equal('unknown');
  });

  it('knows that there is no mark, as far as the marks are known', async () => {
    const topic = given.randomTopic();
    for (const to of [0, 9]) {
      await save(known(topic, to));
      expect(await upTo(topic)).to.equal(to);
      expect(await last(topic, to)).to.equal(undefined);
      expect(await last(topic, to + 1)).to.equal('unknown');
    }
    expect(await last(topic, 0)).to.equal(undefined);
  });

  it('finds the last mark at or before an offset', async () => {
    const topic = given.randomTopic();
    await save(known(topic, 5, [opening(1), opening(3)]));
    await save(known(topic, 20, [opening(7), opening(11)]));
    const found = await Promise.all(
      [0, 1, 2, 3, 6, 7, 10, 11, 20, 21].map((at) => last(topic, at)),
    );
    expect(found).to.deep.equal([undefined, 1, 1, 3, 3, 7, 7, 11, 11, 'unknown']);
  });

  it('takes any offset and any scope for what it is', async () => {
    const topic = given.randomTopic();
    const scopes = ['', 'a', 'A', 'é', 'e\u0301', '\u{1f600}', '\0', '\\0', "'", 'x'.repeat(500)];
    const highest = Number.MAX_SAFE_INTEGER - scopes.length;
    const marks = scopes.map((scope, index) =>
      opening(highest + index, { scope, holder: scope, address: scope }),
    );
    await save(known(topic, highest + scopes.length, marks));
    for (const { scope, offset } of marks) {
      expect(await last(topic, highest + scopes.length, scope), scope).to.equal(offset);
      expect(await last(topic, offset - 1, scope), scope).to.equal(undefined);
    }
    expect(await last(topic, highest, 'b')).to.equal(undefined);
  });

  it('keeps topics and partitions apart', async () => {
    const [topic, other] = [given.randomTopic(), given.randomTopic()];
    const elsewhere = given.place(0, 4).partition;
    await save(known(topic, 9, [opening(4)]));
    await save({ ...known(topic, 7, [opening(6)]), partition: elsewhere });
    await save(known(other, 8));
    expect(await upTo(topic)).to.equal(9);
    expect(await store().replicated.tenuresUpTo(topic, elsewhere)).to.equal(7);
    const place = { topic, partition: elsewhere, scope: '' };
    expect(await store().eventual.lastTenure(place, Offset.of(7))).to.equal(6);
    expect(await last(topic, 9)).to.equal(4);
    expect(await last(other, 8)).to.equal(undefined);
  });

  it('takes a mark again that is stored, as after an answer that was lost', async () => {
    const topic = given.randomTopic();
    const marks = [opening(2, { address: 'here:1' }), opening(5, { scope: 'b' })];
    for (const again of [marks, marks, [...marks, opening(6)], [...marks, ...marks]]) {
      await save(known(topic, 8, again));
      expect(await upTo(topic)).to.equal(8);
    }
    expect(await last(topic, 5)).to.equal(2);
    expect(await last(topic, 8)).to.equal(6);
    expect(await last(topic, 8, 'b')).to.equal(5);
  });

  it('never goes back by a late call of a replicator that was replaced', async () => {
    const topic = given.randomTopic();
    await save(known(topic, 9, [opening(4), opening(8)]));
    for (const late of [known(topic, 5, [opening(4)]), known(topic, 8), known(topic, 0)]) {
      await save(late);
      expect(await upTo(topic)).to.equal(9);
      expect(await last(topic, 9)).to.equal(8);
    }
    await save(known(topic, 10));
    expect(await upTo(topic)).to.equal(10);
  });

  it('goes as far as the furthest of calls that are made at once, by two processes', async () => {
    const other = await store().another?.();
    try {
      const topic = given.randomTopic();
      const ends = [3, 9, 1, 12, 7, 11, 2, 5];
      const saved = ends.map((end, index) => {
        const writer = (index % 2 === 0 ? other : undefined) ?? store().replicated;
        return writer.saveTenures(known(topic, end, [opening(end)]), given.nowMs);
      });
      await Promise.all(saved);
      expect(await upTo(topic)).to.equal(12);
      expect(await last(topic, 12)).to.equal(12);
      expect(await last(topic, 10)).to.equal(9);
    } finally {
      await other?.[Symbol.asyncDispose]();
    }
  });

  it('shows no reader that marks are known before it shows the marks', async () => {
    const topic = given.randomTopic();
    for (let end = 0; end < 20; end++) {
      let isSaved = false;
      const saving = save(known(topic, end, [opening(end)])).finally(() => {
        isSaved = true;
      });
      let found: LastTenure = 'unknown';
      while (found === 'unknown' && !isSaved) {
        await nextTurn();
        found = await store().eventual.lastTenure({ topic, partition, scope: '' }, Offset.of(end));
      }
      if (found !== 'unknown') expect(found).to.equal(end);
      await saving;
    }
  });

  it('keeps many marks at once', async () => {
    const topic = given.randomTopic();
    const marks = given.numbers(0, 199).map((at) => opening(at, { scope: `scope ${at % 7}` }));
    await save(known(topic, 199, marks));
    for (const scope of given.numbers(0, 6)) {
      expect(await last(topic, 199, `scope ${scope}`)).to.equal(
        given.numbers(0, 199).findLast((at) => at % 7 === scope),
      );
    }
  });
}

/** A store that lacks the tables of tenures, until somebody makes them. */
export interface StoreWithoutTenures extends TenureStore, AsyncDisposable {
  makeTables(): Promise<void>;
}

/** A program on a store of the JVM system, or of an earlier version, that nobody has set up since. */
export function withoutTenureTablesContract(
  name: string,
  open: () => Promise<StoreWithoutTenures>,
): void {
  describe(`a store without tables of tenures: ${name}`, function () {
    this.timeout(60_000);
    let store: StoreWithoutTenures;
    before(async () => {
      store = await open();
    });
    after(() => store[Symbol.asyncDispose]());
    const upTo = (topic: Topic) => store.replicated.tenuresUpTo(topic, partition);

    it('replicates as ever, and knows nothing of tenures', async () => {
      const topic = given.randomTopic();
      await store.replicated.saveTenures(known(topic, 5), given.nowMs);
      await given.moveTo(store.replicated, topic, given.place(5, 3));
      expect(await store.eventual.offset(topic, partition)).to.equal(5);
      expect(await upTo(topic)).to.equal(undefined);
      expect(await lastOf(store, topic, 5)).to.equal('unknown');
    });

    it('refuses opening marks, each time, and says which they are and what makes the tables', async () => {
      const topic = given.randomTopic();
      for (const _ of [1, 2]) {
        const saving = store.replicated.saveTenures(known(topic, 5, [opening(4)]), given.nowMs);
        const error: unknown = await saving.catch((failure: unknown) => failure);
        expect(error).to.be.instanceOf(NotSetUpError);
        expect((error as Error).message)
          .to.contain(`${topic}:3 at 4`)
          .and.contain('"kafka-journal setup"');
      }
    });

    it('keeps them without a new start once somebody has made the tables: marks at once, else in a minute', async () => {
      const topic = given.randomTopic();
      const { replicated } = store;
      await replicated.saveTenures(known(topic, 1), given.nowMs + 60_000);
      await store.makeTables();
      await replicated.saveTenures(known(topic, 2), given.nowMs + 119_999);
      expect(await upTo(topic)).to.equal(undefined);
      await replicated.saveTenures(known(topic, 3), given.nowMs + 120_000);
      expect(await upTo(topic)).to.equal(3);
      await replicated.saveTenures(known(topic, 4, [opening(4)]), given.nowMs);
      expect(await lastOf(store, topic, 4)).to.equal(4);
    });
  });
}
