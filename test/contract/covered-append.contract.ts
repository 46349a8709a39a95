import { expect } from 'chai';
import type { ReplicatedAppend } from '../../src/model/replicated-batch.ts';
import { SeqNr } from '../../src/model/seq-nr.ts';
import * as given from './replicated-store.ts';

/**
 * An append whose events a delete of the same poll covers. A crash between the two may leave it at
 * that: the next poll may end at the append, and R with it (docs/format.md#replication).
 */
export function describeCoveredAppend(store: () => given.ReplicatedStore): void {
  const covered = (
    append: ReplicatedAppend,
    first: number,
    deleteTo: number,
  ): ReplicatedAppend => ({
    ...append,
    ranges: [{ at: given.place(first), from: SeqNr.min, to: SeqNr.min }, ...append.ranges],
    deleteTo: SeqNr.of(deleteTo),
  });
  const newKey = () => given.newKey(given.randomTopic());

  it('leaves the journal as the delete after it will, at its own offset', async () => {
    const key = newKey();
    const handle = await store().replicated.open(key);
    await handle.append(given.append(1, [1, 3]), given.nowMs);
    await handle.append(covered(given.append(4, [6, 8]), 3, 6), given.nowMs);
    expect(await given.state(store(), key)).to.deep.equal({ seqNr: 8, deleteTo: 6, offset: 4 });
    expect(await given.visible(store(), key)).to.deep.equal([7, 8]);
  });

  it('is followed by the delete, also of another process, and then nothing is left behind', async () => {
    const key = newKey();
    const handle = await store().replicated.open(key);
    await handle.append(given.append(1, [1, 3]), given.nowMs);
    await handle.append(covered(given.append(4, [4, 8]), 3, 6), given.nowMs);
    const next = await store().replicated.open(key);
    expect(await next.append(given.append(4, [4, 8]), given.nowMs)).to.equal(false);
    expect(await next.delete(given.deletion(5, 6), given.nowMs)).to.equal(true);
    expect(await given.state(store(), key)).to.deep.equal({ seqNr: 8, deleteTo: 6, offset: 5 });
    expect(await given.stored(store(), key, { to: 10 })).to.deep.equal([7, 8]);
  });

  it('deletes no more than there is, and nothing less than before', async () => {
    const key = newKey();
    const handle = await store().replicated.open(key);
    await handle.append(given.append(1, [1, 5]), given.nowMs);
    await handle.delete(given.deletion(2, 4), given.nowMs);
    await handle.append(covered(given.append(4, [6, 6]), 4, 2), given.nowMs);
    expect(await given.visible(store(), key)).to.deep.equal([5, 6]);
    await handle.append(covered(given.append(6, [7, 9]), 6, 900), given.nowMs);
    expect(await given.state(store(), key)).to.deep.equal({ seqNr: 9, deleteTo: 9, offset: 6 });
  });

  it('begins a generation at the oldest append that it stands for', async () => {
    const [key, other] = [newKey(), newKey()];
    const handle = await store().replicated.open({ ...key });
    await handle.append(covered(given.append(4, [3, 4]), 2, 2), given.nowMs);
    const whole = await store().replicated.open({ ...other, topic: key.topic });
    await whole.append(
      given.batch([
        [2, [1, 2]],
        [4, [3, 4]],
      ]),
      given.nowMs,
    );
    const ids = await Promise.all(
      [key, { ...other, topic: key.topic }].map((it) => store().eventual.pointer(it)),
    );
    expect(ids[0]?.recordId).to.equal(ids[1]?.recordId);
    expect(await given.visible(store(), key)).to.deep.equal([3, 4]);
  });
}
