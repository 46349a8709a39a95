import { expect } from 'chai';
import { Key } from '../../src/model/key.ts';
import { Offset, type Topic } from '../../src/model/position.ts';
import {
  rebuildOf,
  type WakeUp,
  type WakeUpChange,
  type WakeUpEntry,
  type WakeUpReason,
} from '../../src/model/wake-up.ts';
import type { KnownWakeUps, ReplicatedJournal } from '../../src/ports/replicated-journal.ts';
import * as given from './replicated-store.ts';

/** Both sides of a store, and another process that writes it. */
export interface WakeUpStore
  extends Pick<given.ReplicatedStore, 'eventual' | 'replicated' | 'another'> {}

type Store = () => WakeUpStore;

export const { partition } = given.place(0, 3);
export const latest = 8.64e15;

export function wakeUp(dueMs: number, offset: number, reason: WakeUpReason = 'time'): WakeUp {
  return { dueMs, reason, offset: Offset.of(offset) };
}

export const removal = (offset: number): WakeUpChange => ({
  type: 'remove',
  offset: Offset.of(offset),
});
export const set = (...of: Parameters<typeof wakeUp>): WakeUpChange => ({
  type: 'set',
  wakeUp: wakeUp(...of),
});

export function known(topic: Topic, upTo: number, isFirst = false): KnownWakeUps {
  return { topic, partition, upTo: Offset.of(upTo), isFirst };
}

/** What is due up to a time, as a client reads it. */
export async function dueOf(
  { eventual }: Pick<WakeUpStore, 'eventual'>,
  topic: Topic,
  toMs = latest,
): Promise<WakeUpEntry[]> {
  const found: WakeUpEntry[] = [];
  for await (const entry of eventual.wakeUps.due({ topic, partition, toMs })) found.push(entry);
  return found;
}

/** Changes the wake-up of one journal, opened anew each time. */
export async function change(
  replicated: ReplicatedJournal,
  [topic, id]: readonly [Topic, string],
  to: WakeUpChange,
  nowMs = given.nowMs,
): Promise<void> {
  const journal = await replicated.open(Key.of(topic, id));
  await journal.saveWakeUp(to, { partition, nowMs });
}

/**
 * What journals wait for, as the replicator stores it and a client finds it
 * (docs/format.md#wake-ups).
 */
export function wakeUpsContract(store: Store): void {
  const until = (topic: Topic) => store().eventual.wakeUps.until({ topic, partition });
  const save = (known: KnownWakeUps) => store().replicated.saveWakeUps(known, given.nowMs);
  const due = (topic: Topic, toMs?: number) => dueOf(store(), topic, toMs);
  const changed = (topic: Topic, id: string, to: WakeUpChange) =>
    change(store().replicated, [topic, id], to);
  /** A process that has claimed partition 3; `undefined` where a store can be open only once. */
  const owner = async (topic: Topic) => {
    const process = await store().another?.();
    if (process !== undefined) await claim(process, topic);
    return process;
  };
  const claim = async (replicated: ReplicatedJournal, topic: Topic, at = 0): Promise<void> => {
    await replicated.claim(topic, partition, { nowMs: given.nowMs + at });
    await replicated.wakeUpsUpTo(topic, partition);
  };

  it('knows nothing of a partition whose wake-ups nobody keeps', async () => {
    const topic = given.randomTopic();
    expect(await until(topic)).to.equal(undefined);
    expect(await store().replicated.wakeUpsUpTo(topic, partition)).to.equal(undefined);
    expect(await due(topic)).to.deep.equal([]);
  });

  it('says how far they are complete, of each partition', async () => {
    const [topic, other] = [given.randomTopic(), given.randomTopic()];
    for (const upTo of [0, 7, Number.MAX_SAFE_INTEGER]) {
      await save(known(topic, upTo));
      expect(await until(topic)).to.equal(upTo);
      expect(await store().replicated.wakeUpsUpTo(topic, partition)).to.equal(upTo);
    }
    const elsewhere = given.place(0, 4).partition;
    await save({ ...known(topic, 5), partition: elsewhere });
    expect(await store().eventual.wakeUps.until({ topic, partition: elsewhere })).to.equal(5);
    expect(await until(topic)).to.equal(Number.MAX_SAFE_INTEGER);
    expect(await until(other)).to.equal(undefined);
  });

  it('gives those that are due up to a time, inclusive, in the order of time', async () => {
    const topic = given.randomTopic();
    const times = [5, 3_600_000, 7, 7, 600_000, 599_999, 0, 86_400_000, 600_001, 7_777_777];
    for (const [index, time] of times.entries()) {
      await changed(topic, `j${index}`, set(time, index));
    }
    for (const toMs of [-1, 0, 6, 7, 599_999, 600_000, 7_777_777, latest]) {
      const found = (await due(topic, toMs)).map(({ dueMs }) => dueMs);
      const expected = times.filter((time) => time <= toMs).toSorted((a, b) => a - b);
      expect(found, `up to ${toMs}`).to.deep.equal(expected);
    }
  });

  it('gives many, each once, in the order of time', async () => {
    const topic = given.randomTopic();
    const random = (index: number) => (index * 7_919) % 1_201;
    const ids = given.numbers(0, 1_200);
    for (let from = 0; from < ids.length; from += 100) {
      const some = ids.slice(from, from + 100);
      await Promise.all(some.map((at) => changed(topic, `j${at}`, set(random(at) * 2_000, at))));
    }
    const found = await due(topic);
    expect(found.map(({ dueMs }) => dueMs)).to.deep.equal(ids.map((place) => place * 2_000));
    for (const { id, dueMs, offset } of found) {
      expect(id).to.equal(`j${offset}`);
      expect(dueMs).to.equal(random(offset) * 2_000);
    }
  });

  it('gives back why, where and when, of any journal', async () => {
    const topic = given.randomTopic();
    const ids = ['', 'a', 'A', 'é', 'e\u0301', '\u{1f600}', '\0', '\\0', "'", 'x'.repeat(1_000)];
    const reasons = ['time', 'now', 'unknown'] as const;
    const entries = ids.map((id, index) => {
      const details = [latest - index, Number.MAX_SAFE_INTEGER - index] as const;
      return { id, ...wakeUp(...details, reasons[index % 3]) };
    });
    for (const { id, ...of } of entries) await changed(topic, id, { type: 'set', wakeUp: of });
    expect(await due(topic)).to.deep.equal(entries.toReversed());
  });

  it('keeps topics and partitions apart', async () => {
    const [topic, other] = [given.randomTopic(), given.randomTopic()];
    await changed(topic, 'j', set(5, 1));
    const elsewhere = given.place(0, 4).partition;
    const journal = await store().replicated.open(Key.of(other, 'j'));
    await journal.saveWakeUp(set(6, 2), { partition: elsewhere, nowMs: given.nowMs });
    expect(await due(topic)).to.deep.equal([{ id: 'j', ...wakeUp(5, 1) }]);
    expect(await due(other)).to.deep.equal([]);
  });

  for (const handle of ['kept open', 'opened anew each time']) {
    it(`has one of each journal, the last one, by a journal that is ${handle}`, async () => {
      const topic = given.randomTopic();
      const key = Key.of(topic, 'j');
      const kept = await store().replicated.open(key);
      const changes = [
        set(50, 1),
        set(5_000_000, 2),
        set(40, 3),
        set(40, 4, 'now'),
        removal(5),
        removal(5),
        set(40, 6),
        set(9_000_000, 7),
        removal(8),
        set(9_000_000, 9, 'unknown'),
      ];
      for (const to of changes) {
        const journal = handle === 'kept open' ? kept : await store().replicated.open(key);
        await journal.saveWakeUp(to, { partition, nowMs: given.nowMs });
        const expected = to.type === 'set' ? [{ id: 'j', ...to.wakeUp }] : [];
        expect(await due(topic)).to.deep.equal(expected);
      }
    });
  }

  it('says where the one of a journal comes from, kept open or not', async () => {
    const topic = given.randomTopic();
    const key = Key.of(topic, 'j');
    const kept = await store().replicated.open(key);
    const offsets = async () => {
      const anew = await store().replicated.open(key);
      return Promise.all([kept, anew].map((journal) => journal.wakeUpOffset(partition)));
    };
    expect(await offsets()).to.deep.equal([undefined, undefined]);
    for (const to of [set(50, 0), set(7_000_000, Number.MAX_SAFE_INTEGER), removal(3)]) {
      await kept.saveWakeUp(to, { partition, nowMs: given.nowMs });
      const offset = to.type === 'set' ? to.wakeUp.offset : undefined;
      expect(await offsets()).to.deep.equal([offset, offset]);
      expect(await kept.wakeUpOffset(given.place(0, 4).partition)).to.equal(undefined);
    }
  });

  it('keeps requests to rebuild them apart from how far they are complete', async () => {
    const topic = given.randomTopic();
    const { replicated } = store();
    await replicated.saveWakeUps(known(rebuildOf(topic), 7), given.nowMs);
    expect(await replicated.wakeUpsUpTo(topic, partition)).to.equal(undefined);
    expect(await replicated.wakeUpsUpTo(rebuildOf(topic), partition)).to.equal(7);
    expect(await until(rebuildOf(topic))).to.equal(7);
    await given.moveTo(replicated, topic, given.place(0, 3));
    await save(known(topic, 3));
    expect(await until(rebuildOf(topic))).to.equal(7);
    expect(await until(topic)).to.equal(3);
  });

  it('takes a change again, as after an answer that was lost', async () => {
    const topic = given.randomTopic();
    for (const to of [set(50, 1), set(50, 1), set(70, 2), set(70, 2)])
      await changed(topic, 'j', to);
    expect(await due(topic)).to.deep.equal([{ id: 'j', ...wakeUp(70, 2) }]);
    for (const _ of [1, 2]) await changed(topic, 'j', removal(3));
    expect(await due(topic)).to.deep.equal([]);
  });

  for (const replicated of [undefined, 3]) {
    const where = replicated === undefined ? 'nothing is replicated' : 'R is 3';
    it(`brings nothing back by a late call of a replicator that was replaced, where ${where}`, async () => {
      const topic = given.randomTopic();
      if (replicated !== undefined) {
        await given.moveTo(store().replicated, topic, given.place(replicated, 3));
      }
      await using old = await owner(topic);
      await using next = await owner(topic);
      if (old === undefined || next === undefined) return;
      const late = async (): Promise<void> => {
        await change(old, [topic, 'removed'], set(5, 1));
        await change(old, [topic, 'moved'], set(6, 2));
        await change(old, [topic, 'kept'], removal(3));
        await old.saveWakeUps(known(topic, 4), given.nowMs);
      };
      // Where nothing is replicated both may apply the first record: R tells them apart.
      if (replicated !== undefined) await late();
      await claim(next, topic, 1);
      await change(next, [topic, 'removed'], removal(9), given.nowMs + 1);
      await change(next, [topic, 'moved'], set(7_000_000, 9), given.nowMs + 1);
      await change(next, [topic, 'kept'], set(8_000_000, 9), given.nowMs + 1);
      await next.saveWakeUps(known(topic, 9), given.nowMs + 1);
      if (replicated === undefined) await given.moveTo(next, topic, given.place(9, 3));
      await late();
      expect(await due(topic)).to.deep.equal([
        { id: 'moved', ...wakeUp(7_000_000, 9) },
        { id: 'kept', ...wakeUp(8_000_000, 9) },
      ]);
      expect(await until(topic)).to.equal(9);
    });
  }

  for (const call of ['loadWakeUp', 'wakeUpOffset'] as const) {
    it(`goes on from what ${call} has read, above the time of a writer whose clock was ahead`, async () => {
      const topic = given.randomTopic();
      await given.moveTo(store().replicated, topic, given.place(0, 3));
      await using old = await owner(topic);
      if (old === undefined) return;
      await change(old, [topic, 'j'], set(50, 1), given.nowMs + 60_000);
      await using next = await owner(topic);
      if (next === undefined) return;
      const journal = await next.open(Key.of(topic, 'j'));
      await journal[call](partition);
      await journal.saveWakeUp(set(7_000_000, 2), { partition, nowMs: given.nowMs });
      expect(await due(topic)).to.deep.equal([{ id: 'j', ...wakeUp(7_000_000, 2) }]);
    });
  }

  it('removes what belongs to an earlier topic of that name with the first call, and nothing else', async () => {
    const topic = given.randomTopic();
    const elsewhere = given.place(0, 4).partition;
    await changed(topic, 'old', set(5, 70));
    await changed(topic, 'as old as the first', set(5, 0));
    await changed(topic, 'of both', set(4_000_000, 80));
    await save(known(topic, 90));
    await save({ ...known(topic, 90), partition: elsewhere });
    await claim(store().replicated, topic, 1);
    await change(store().replicated, [topic, 'of both'], set(6, 0), given.nowMs + 1);
    await store().replicated.saveWakeUps(known(topic, 0, true), given.nowMs + 1);
    expect(await due(topic)).to.deep.equal([{ id: 'of both', ...wakeUp(6, 0) }]);
    expect(await until(topic)).to.equal(0);
    expect(await store().eventual.wakeUps.until({ topic, partition: elsewhere })).to.equal(90);
  });

  it('reads no further when the loop is left, and ends with the reason of a signal', async () => {
    const topic = given.randomTopic();
    for (const at of given.numbers(1, 30)) await changed(topic, `j${at}`, set(at * 500_000, at));
    for await (const { id } of store().eventual.wakeUps.due({ topic, partition, toMs: latest })) {
      expect(id).to.equal('j1');
      break;
    }
    const reason = new Error('enough');
    const signal = AbortSignal.abort(reason);
    const range = { topic, partition, toMs: latest };
    const entries = store().eventual.wakeUps.due(range, { signal })[Symbol.asyncIterator]();
    const ended: unknown = await entries.next().catch((error: unknown) => error);
    expect(ended).to.equal(reason);
  });
}

/** A program on a store that lacks the tables of wake-ups, until somebody makes them. */
export function withoutWakeUpTablesContract(
  name: string,
  open: () => Promise<WakeUpStore & AsyncDisposable & { makeTables(): Promise<void> }>,
): void {
  it(`keeps no wake-ups without tables, nor with them before it claims a partition again: ${name}`, async () => {
    await using store = await open();
    const topic = given.randomTopic();
    const { replicated, eventual } = store;
    const until = () => eventual.wakeUps.until({ topic, partition });
    await replicated.claim(topic, partition, { nowMs: given.nowMs });
    expect(await replicated.wakeUpsUpTo(topic, partition)).to.equal(undefined);
    await change(replicated, [topic, 'missing'], set(5, 0));
    expect(await replicated.saveWakeUps(known(topic, 0, true), given.nowMs)).to.equal(false);
    expect(await until()).to.equal(undefined);
    expect(await dueOf(store, topic)).to.deep.equal([]);
    await store.makeTables();
    await change(replicated, [topic, 'j'], set(6, 1));
    expect(await replicated.saveWakeUps(known(topic, 1), given.nowMs)).to.equal(false);
    expect(await until()).to.equal(undefined);
    await given.moveTo(replicated, topic, given.place(1, 3));
    expect(await replicated.wakeUpsUpTo(topic, partition)).to.equal(undefined);
    await change(replicated, [topic, 'j'], set(7, 2));
    expect(await replicated.saveWakeUps(known(topic, 2), given.nowMs)).to.equal(true);
    expect(await until()).to.equal(2);
    expect(await dueOf(store, topic)).to.deep.equal([{ id: 'j', ...wakeUp(7, 2) }]);
  });
}
