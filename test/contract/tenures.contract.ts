import { expect } from 'chai';
import { NotSetUpError } from '../../src/model/errors.ts';
import { Offset, type Topic } from '../../src/model/position.ts';
import type { LastTenure, OpenedTenure } from '../../src/model/tenure.ts';
import {
  type KnownTenures,
  keptTenureMs,
  type ReplicatedJournal,
} from '../../src/ports/replicated-journal.ts';
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

  const claim = async (replicated: ReplicatedJournal, topic: Topic, at = 0): Promise<void> => {
    await replicated.claim(topic, partition, { nowMs: given.nowMs + at });
    await replicated.tenuresUpTo(topic, partition);
  };
  /** A process that has claimed partition 3; `undefined` where a store can be open only once. */
  const owner = async (topic: Topic, replicated: number | undefined) => {
    const process = await store().another?.();
    if (process === undefined) return undefined;
    if (replicated !== undefined) await given.moveTo(process, topic, given.place(replicated, 3));
    await claim(process, topic);
    return process;
  };

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

  for (const replicated of [undefined, 3]) {
    const where = replicated === undefined ? 'nothing is replicated' : 'R is 3';
    it(`never goes back by a late call of a replicator that was replaced, where ${where}`, async () => {
      const topic = given.randomTopic();
      await using old = await owner(topic, replicated);
      await using next = await owner(topic, undefined);
      if (old === undefined || next === undefined) return;
      const late = [known(topic, 5, [opening(4)]), known(topic, 8), known(topic, 0)];
      const [first] = late;
      if (first !== undefined) await old.saveTenures(first, given.nowMs);
      await claim(next, topic);
      await next.saveTenures(known(topic, 9, [opening(4), opening(8)]), given.nowMs + 1);
      for (const call of late) {
        await old.saveTenures(call, given.nowMs);
        expect(await upTo(topic)).to.equal(9);
        expect(await last(topic, 9)).to.equal(8);
        expect(await last(topic, 7)).to.equal(4);
      }
      await next.saveTenures(known(topic, 10), given.nowMs + 2);
      expect(await upTo(topic)).to.equal(10);
    });
  }

  describe('of a topic made anew', () => {
    it('are removed with the first call, of all scopes', async () => {
      const topic = given.randomTopic();
      const next = store().replicated;
      await save(known(topic, 90, [opening(0, { scope: 'a' }), opening(70), opening(80)]));
      await claim(next, topic);
      const first = { ...known(topic, 0, [opening(0)]), isFirst: true };
      for (const _ of [1, 2]) {
        await next.saveTenures(first, given.nowMs);
        expect(await upTo(topic)).to.equal(0);
        expect(await last(topic, 0)).to.equal(0);
        expect(await last(topic, 0, 'a')).to.equal(undefined);
      }
      await given.moveTo(next, topic, given.place(0, 3));
      await next.saveTenures(known(topic, 99), given.nowMs);
      expect(await last(topic, 99)).to.equal(0);
      expect(await last(topic, 99, 'a')).to.equal(undefined);
    });

    it('are removed also when the first call has no marks, and no others with them', async () => {
      const topic = given.randomTopic();
      const elsewhere = given.place(0, 4).partition;
      await save(known(topic, 90, [opening(70)]));
      await save({ ...known(topic, 90, [opening(70)]), partition: elsewhere });
      const next = store().replicated;
      await claim(next, topic);
      await next.saveTenures({ ...known(topic, 0), isFirst: true }, given.nowMs);
      expect(await upTo(topic)).to.equal(0);
      await next.saveTenures(known(topic, 99), given.nowMs);
      expect(await last(topic, 99)).to.equal(undefined);
      const place = { topic, partition: elsewhere, scope: '' };
      expect(await store().eventual.lastTenure(place, Offset.of(90))).to.equal(70);
    });

    it('stay when the first call comes late: another process has stored R, and marks since', async () => {
      const topic = given.randomTopic();
      await using late = await owner(topic, undefined);
      await using other = await owner(topic, undefined);
      if (late === undefined || other === undefined) return;
      const first = { ...known(topic, 0, [opening(0)]), isFirst: true };
      await other.saveTenures(first, given.nowMs + 1);
      await given.moveTo(other, topic, given.place(0, 3));
      await other.saveTenures(known(topic, 9, [opening(5)]), given.nowMs + 2);
      await late.saveTenures(first, given.nowMs);
      expect(await last(topic, 9)).to.equal(5);
      expect(await last(topic, 4)).to.equal(0);
    });

    it('do not come back by a late call of a process that began with the old one', async () => {
      const topic = given.randomTopic();
      await using old = await owner(topic, undefined);
      await using next = await owner(topic, undefined);
      if (old === undefined || next === undefined) return;
      await claim(next, topic, 2);
      await next.saveTenures({ ...known(topic, 0), isFirst: true }, given.nowMs + 3);
      await given.moveTo(next, topic, given.place(0, 3));
      await old.saveTenures(known(topic, 7, [opening(6)]), given.nowMs + 1);
      await next.saveTenures(known(topic, 9), given.nowMs + 4);
      expect(await last(topic, 9)).to.equal(undefined);
    });
  });

  describe('that were superseded', () => {
    const day = keptTenureMs;
    const saveAt = (topic: Topic, at: number, offset: number, scope = '') =>
      store().replicated.saveTenures(
        known(topic, offset, [opening(offset, { scope })]),
        given.nowMs + at,
      );
    const kept = (topic: Topic, upToAll: number) =>
      Promise.all(given.numbers(0, upToAll).map((at) => last(topic, at)));

    it('are kept for a day after the next one of their scope, and removed with a new one then', async () => {
      const topic = given.randomTopic();
      await saveAt(topic, 0, 0);
      await saveAt(topic, 1, 1);
      await saveAt(topic, 2, 2);
      await saveAt(topic, day, 3);
      expect(await kept(topic, 3)).to.deep.equal([0, 1, 2, 3]);
      await saveAt(topic, day + 1, 4);
      expect(await kept(topic, 4)).to.deep.equal([undefined, 1, 2, 3, 4]);
      await saveAt(topic, 2 * day + 1, 5);
      expect(await kept(topic, 5)).to.deep.equal([
        undefined,
        undefined,
        undefined,
        undefined,
        4,
        5,
      ]);
    });

    it('keep the last one of each scope, however old', async () => {
      const topic = given.randomTopic();
      await saveAt(topic, 0, 0, 'quiet');
      await saveAt(topic, 0, 1);
      for (const times of [1, 2, 3, 4]) await saveAt(topic, times * 9 * day, 1 + times);
      expect(await last(topic, 5, 'quiet')).to.equal(0);
      expect(await kept(topic, 5)).to.deep.equal([...Array(4).fill(undefined), 4, 5]);
    });

    it('get fewer however many there were, some with each new one', async () => {
      const topic = given.randomTopic();
      await save(
        known(
          topic,
          249,
          given.numbers(0, 249).map((at) => opening(at)),
        ),
      );
      await saveAt(topic, day, 250);
      expect(await last(topic, 98)).to.equal(undefined);
      expect(await last(topic, 99)).to.equal(99);
      for (const offset of [251, 252]) await saveAt(topic, day, offset);
      expect(await last(topic, 248)).to.equal(undefined);
      expect(await last(topic, 249)).to.equal(249);
    });

    it('are kept for a day after the next one was stored again, before R moved over it', async () => {
      const topic = given.randomTopic();
      await saveAt(topic, 0, 0);
      await saveAt(topic, 0, 1);
      await saveAt(topic, day, 1);
      await saveAt(topic, day + 1, 2);
      expect(await kept(topic, 2)).to.deep.equal([0, 1, 2]);
    });
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

/**
 * A program on a store of the JVM system, or of an earlier version, that nobody has set up since.
 */
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
