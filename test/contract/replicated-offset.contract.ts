import { expect } from 'chai';
import { FencedError, JournalError } from '../../src/model/errors.ts';
import type { Topic } from '../../src/model/position.ts';
import type { ReplicatedJournal } from '../../src/ports/replicated-journal.ts';
import * as given from './replicated-store.ts';

type Store = () => given.ReplicatedStore;

const { partition } = given.place(0, 3);

/** What a move ended with; `undefined` = it was stored. */
async function moved(
  store: ReplicatedJournal,
  ...move: Parameters<typeof given.move>
): Promise<unknown> {
  return await store.saveOffset(given.move(...move), given.nowMs).then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** A new topic, whose partition 3 this process has claimed and replicated up to `offset`. */
async function topicAt({ replicated }: given.ReplicatedStore, offset?: number): Promise<Topic> {
  const topic = given.randomTopic();
  if (offset === undefined) await replicated.claim(topic, partition, { nowMs: given.nowMs });
  else await given.moveTo(replicated, topic, given.place(offset, 3));
  return topic;
}

/**
 * How far a partition is replicated, as every store keeps it: it moves by compare-and-set, so of
 * two owners one learns that it is none (I8, I10).
 */
export function replicatedOffsetContract(store: Store): void {
  const stands = (topic: Topic) => store().eventual.offset(topic, partition);

  it('claims a partition without an offset, then tells the last one saved', async () => {
    const { replicated } = store();
    const topic = await topicAt(store());
    let after: number | undefined;
    for (const offset of [0, 1, 100]) {
      expect(await moved(replicated, topic, given.place(offset, 3), after)).to.equal(undefined);
      expect(await stands(topic)).to.equal(offset);
      after = offset;
    }
    expect(await replicated.claim(topic, partition, { nowMs: given.nowMs })).to.equal(100);
  });

  it('stores nothing when the offset stands elsewhere, further or not: another process owns it', async () => {
    const topic = await topicAt(store(), 9);
    for (const after of [undefined, 0, 8, 10]) {
      const error = await moved(store().replicated, topic, given.place(20, 3), after);
      expect(error, String(after)).to.be.instanceOf(FencedError);
      expect(error).to.have.property('message').that.contains(`${topic}:3`);
      expect(await stands(topic)).to.equal(9);
    }
  });

  it('stores nothing for a partition without offset when one was expected', async () => {
    const topic = await topicAt(store());
    const error = await moved(store().replicated, topic, given.place(20, 3), 5);
    expect(error).to.be.instanceOf(FencedError);
    expect(await stands(topic)).to.equal(undefined);
  });

  it('stores nothing for a partition that was not claimed', async () => {
    const topic = given.randomTopic();
    const error = await moved(store().replicated, topic, given.place(0, 3), undefined);
    expect(error).to.be.instanceOf(FencedError);
    expect(await stands(topic)).to.equal(undefined);
  });

  it('accepts a move again whose answer was lost, and the next one after it', async () => {
    const { replicated } = store();
    const topic = await topicAt(store());
    const moves = [
      [0, undefined],
      [12, 0],
      [20, 12],
    ] as const;
    for (const [to, after] of moves) {
      for (const _ of [1, 2]) {
        expect(await moved(replicated, topic, given.place(to, 3), after)).to.equal(undefined);
      }
    }
    expect(await stands(topic)).to.equal(20);
  });

  it('never moves a replicated offset back (I10)', async () => {
    const topic = await topicAt(store(), 9);
    const error = await moved(store().replicated, topic, given.place(8, 3), 9);
    expect(error).to.be.instanceOf(JournalError);
    expect(await stands(topic)).to.equal(9);
  });

  it('keeps partitions and topics apart', async () => {
    const [topic, other] = [await topicAt(store(), 9), await topicAt(store(), 4)];
    await given.moveTo(store().replicated, topic, given.place(1, 0));
    expect(await moved(store().replicated, topic, given.place(10, 3), 9)).to.equal(undefined);
    expect(await stands(topic)).to.equal(10);
    expect(await store().eventual.offset(topic, given.place(0, 0).partition)).to.equal(1);
    expect(await stands(other)).to.equal(4);
  });
}

/** What a claim takes from the owner before (ADR 29). */
export function replicatedClaimContract(store: Store): void {
  const stands = (topic: Topic) => store().eventual.offset(topic, partition);
  const claim = (journal: ReplicatedJournal, topic: Topic) =>
    journal.claim(topic, partition, { nowMs: given.nowMs });
  let next: ReplicatedJournal;
  before(async () => {
    const { another } = store();
    if (another === undefined) throw new Error('this store has no other process');
    next = await another();
  });
  after(() => next[Symbol.asyncDispose]());

  it('refuses a move that was under way before a claim, although the offset is the same', async () => {
    const topic = await topicAt(store(), 9);
    expect(await claim(next, topic)).to.equal(9);
    const late = await moved(store().replicated, topic, given.place(11, 3), 9);
    expect(late).to.be.instanceOf(FencedError);
    expect(await stands(topic)).to.equal(9);
    expect(await moved(next, topic, given.place(10, 3), 9)).to.equal(undefined);
  });

  it('gives the partition back to who claims it again', async () => {
    const topic = await topicAt(store(), 9);
    await claim(next, topic);
    expect(await claim(store().replicated, topic)).to.equal(9);
    expect(await moved(next, topic, given.place(11, 3), 9)).to.be.instanceOf(FencedError);
    expect(await moved(store().replicated, topic, given.place(12, 3), 9)).to.equal(undefined);
  });

  it('leaves one owner, when two processes claim at the same moment', async () => {
    const owners = [store().replicated, next];
    const topic = await topicAt(store(), 9);
    for (let offset = 9; offset < 19; offset++) {
      await Promise.all(owners.map((owner) => claim(owner, topic)));
      const to = given.place(offset + 1, 3);
      const outcomes = await Promise.all(owners.map((owner) => moved(owner, topic, to, offset)));
      expect(outcomes.filter((error) => error === undefined)).to.have.length(1);
      expect(outcomes.filter((error) => error instanceof FencedError)).to.have.length(1);
    }
  });

  for (const replicated of [undefined, 4]) {
    const where = replicated === undefined ? 'nothing is replicated' : `R is ${replicated}`;
    it(`lets a late append begin no journal that was purged since, where ${where}`, async () => {
      const topic = await topicAt(store(), replicated);
      const key = given.newKey(topic);
      const append = given.recordOf(given.eventRecord(1, 5, { record: { at: given.place(5, 3) } }));
      const late = await store().replicated.open(key);
      await claim(next, topic);
      const journal = await next.open(key);
      await journal.append(append, given.nowMs + 1);
      await moved(next, topic, append.at, replicated);
      await journal.purge({ ...given.purge(6), at: given.place(6, 3) }, given.nowMs + 1);
      await moved(next, topic, given.place(6, 3), 5);
      await late.append(append, given.nowMs).catch(() => {});
      expect(await store().eventual.pointer(key)).to.equal(undefined);
      expect(await given.stored(store(), key, { to: 1 })).to.deep.equal([]);
    });
  }

  it('shares the first move of two owners, and the later of them goes on', async () => {
    const topic = await topicAt(store());
    expect(await claim(next, topic)).to.equal(undefined);
    const first = given.place(7, 3);
    expect(await moved(store().replicated, topic, first, undefined)).to.equal(undefined);
    expect(await moved(next, topic, first, undefined)).to.equal(undefined);
    const error = await moved(store().replicated, topic, given.place(9, 3), 7);
    expect(error).to.be.instanceOf(FencedError);
    expect(await moved(next, topic, given.place(8, 3), 7)).to.equal(undefined);
    expect(await stands(topic)).to.equal(8);
  });

  it('refuses a first move to elsewhere than the one that was stored', async () => {
    const topic = await topicAt(store());
    await claim(next, topic);
    expect(await moved(store().replicated, topic, given.place(7, 3), undefined)).to.equal(
      undefined,
    );
    for (const offset of [6, 8]) {
      const error = await moved(next, topic, given.place(offset, 3), undefined);
      expect(error).to.be.instanceOf(FencedError);
    }
    expect(await moved(store().replicated, topic, given.place(8, 3), 7)).to.equal(undefined);
    expect(await stands(topic)).to.equal(8);
  });
}

/** Topics that anything was replicated from. */
export function replicatedTopicsContract(store: () => ReplicatedJournal): void {
  it('lists each topic once that an offset was saved for', async () => {
    const topics = [given.randomTopic(), given.randomTopic()];
    for (const topic of topics) {
      for (const partition of [0, 1]) await given.moveTo(store(), topic, given.place(1, partition));
    }
    const listed = await store().topics();
    expect(listed.filter((topic) => topics.includes(topic)).sort()).to.deep.equal(topics.sort());
  });
}
