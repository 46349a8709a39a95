import { expect } from 'chai';
import { FencedError, JournalError } from '../../src/model/errors.ts';
import type { Offset } from '../../src/model/position.ts';
import type { ReplicatedJournal } from '../../src/ports/replicated-journal.ts';
import * as given from './replicated-store.ts';

type Store = () => ReplicatedJournal;

/**
 * How far a partition is replicated, as every store keeps it: it moves by compare-and-set, so of two
 * owners one learns that it is none (D.7.5-8, I8, I10).
 */
export function replicatedOffsetContract(store: Store): void {
  const { partition } = given.place(0, 3);
  const topicAt = async (offset?: number) => {
    const topic = given.randomTopic();
    if (offset !== undefined) {
      await store().saveOffset(given.move(topic, given.place(offset, 3), undefined), given.nowMs);
    }
    return topic;
  };
  const refused = async (move: ReturnType<typeof given.move>): Promise<unknown> =>
    store()
      .saveOffset(move, given.nowMs)
      .then(
        () => undefined,
        (error: unknown) => error,
      );

  it('knows no offset before the first was saved, then the last one saved (G.9-2)', async () => {
    const topic = await topicAt();
    expect(await store().offset(topic, partition)).to.equal(undefined);
    let after: Offset | undefined;
    for (const offset of [0, 1, 100]) {
      await store().saveOffset(given.move(topic, given.place(offset, 3), after), given.nowMs);
      after = await store().offset(topic, partition);
      expect(after).to.equal(offset);
    }
  });

  it('stores nothing when the offset stands elsewhere, further or not: another process owns it', async () => {
    const topic = await topicAt(9);
    for (const after of [undefined, 0, 8, 10]) {
      const error = await refused(given.move(topic, given.place(20, 3), after));
      expect(error, String(after)).to.be.instanceOf(FencedError);
      expect(error).to.have.property('message').that.contains(`${topic}:3`);
      expect(await store().offset(topic, partition)).to.equal(9);
    }
  });

  it('stores nothing for a partition without offset when one was expected', async () => {
    const topic = await topicAt();
    const error = await refused(given.move(topic, given.place(20, 3), 5));
    expect(error).to.be.instanceOf(FencedError);
    expect(await store().offset(topic, partition)).to.equal(undefined);
  });

  it('accepts a move again whose answer was lost', async () => {
    const topic = await topicAt(9);
    const move = given.move(topic, given.place(12, 3), 9);
    for (const _ of [1, 2]) await store().saveOffset(move, given.nowMs);
    const first = given.move(await topicAt(), given.place(0, 3), undefined);
    for (const _ of [1, 2]) await store().saveOffset(first, given.nowMs);
    expect(await store().offset(topic, partition)).to.equal(12);
    expect(await store().offset(first.topic, partition)).to.equal(0);
  });

  it('never moves a replicated offset back (I10)', async () => {
    const topic = await topicAt(9);
    const error = await refused(given.move(topic, given.place(8, 3), 9));
    expect(error).to.be.instanceOf(JournalError);
    expect(await store().offset(topic, partition)).to.equal(9);
  });

  it('lets one of two owners win who move at the same moment', async () => {
    const topic = await topicAt(9);
    const moves = [11, 12, 13, 14].map((to) => refused(given.move(topic, given.place(to, 3), 9)));
    const outcomes = await Promise.all(moves);
    expect(outcomes.filter((error) => error === undefined)).to.have.length(1);
    const winner = 11 + outcomes.indexOf(undefined);
    expect(outcomes.filter((error) => error instanceof FencedError)).to.have.length(3);
    expect(await store().offset(topic, partition)).to.equal(winner);
  });

  it('keeps partitions and topics apart', async () => {
    const [topic, other] = [await topicAt(9), await topicAt(4)];
    await store().saveOffset(given.move(topic, given.place(1, 0), undefined), given.nowMs);
    expect(await store().offset(topic, partition)).to.equal(9);
    expect(await store().offset(topic, given.place(0, 0).partition)).to.equal(1);
    expect(await store().offset(other, partition)).to.equal(4);
  });
}

/** Topics that anything was replicated from. */
export function replicatedTopicsContract(store: Store): void {
  it('lists each topic once that an offset was saved for (G.9-1)', async () => {
    const topics = [given.randomTopic(), given.randomTopic()];
    for (const topic of topics) {
      for (const partition of [0, 1]) {
        const move = given.move(topic, given.place(1, partition), undefined);
        await store().saveOffset(move, given.nowMs);
      }
    }
    const listed = await store().topics();
    expect(listed.filter((topic) => topics.includes(topic)).sort()).to.deep.equal(topics.sort());
  });
}
