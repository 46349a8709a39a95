import { expect } from 'chai';
import { StoreUnavailableError } from '../../../../src/model/errors.ts';
import { Offset } from '../../../../src/model/position.ts';
import { flowOver } from '../../../support/replicator/flow-over.ts';
import { MemoryReplicatedJournal } from '../../../support/replicator/memory-replicated-journal.ts';
import { append, logRecord, openingOf, opens, under } from '../../../support/replicator/records.ts';

const place = 'journal/0';
const old = (offset: number) => ({ ...openingOf(''), offset: Offset.of(offset) });
const down = new StoreUnavailableError('no host answers');

describe('PartitionTenures, when the process dies', () => {
  const log = [
    logRecord('a', 0, append(1)),
    logRecord('a', 1, opens()),
    logRecord('a', 2, under(1, append(2))),
    logRecord('b', 3, opens('other')),
    logRecord('b', 4, opens()),
    logRecord('a', 5, under(1, append(3))),
    logRecord('a', 6, under(4, append(3))),
    logRecord('b', 7, under(3, append(1), 'other')),
  ];

  /** One process that dies before its call number `death`, in polls of `size`; answers its calls. */
  async function replicate(store: MemoryReplicatedJournal, size: number, death = Infinity) {
    const dying = new AbortController();
    let calls = 0;
    store.before = () => {
      if (calls++ < death) return;
      dying.abort(new Error('the process is dead'));
      throw down;
    };
    const flow = await flowOver(store).catch(() => undefined);
    for (let from = flow?.from ?? 0; from < log.length && !dying.signal.aborted; from += size) {
      const records = log.slice(from, from + size);
      const nextOffset = Offset.of(from + records.length);
      await flow?.replicate({ records, nextOffset }, dying.signal);
    }
    return calls;
  }

  /** The first record is replicated, and nobody kept opening marks. */
  async function replicatedByOlderVersion(): Promise<MemoryReplicatedJournal> {
    const store = new MemoryReplicatedJournal();
    const flow = await flowOver(store);
    const records = log.slice(0, 1);
    await flow.replicate({ records, nextOffset: Offset.of(1) }, new AbortController().signal);
    store.tenuresKnown.delete(place);
    return store;
  }

  it('before any of its calls, leaves R where all opening marks are stored, and the next one goes on (I26)', async () => {
    const starts = { new: new MemoryReplicatedJournal(), old: await replicatedByOlderVersion() };
    for (const [[name, start], size] of Object.entries(starts).flatMap((entry) =>
      [1, 3, 8].map((records) => [entry, records] as const),
    )) {
      const all = await replicate(new MemoryReplicatedJournal(start), size);
      for (let death = 0; death < all; death++) {
        const store = new MemoryReplicatedJournal(start);
        if (name === 'new') {
          // Of an earlier topic of that name.
          store.tenuresKnown.set(place, 90);
          store.tenures.set(place, new Map([2, 6, 70].map((offset) => [offset, old(offset)])));
        }
        await replicate(store, size, death);
        const at = `a ${name} partition, polls of ${size}, dead before call ${death}`;
        const stored = store.offsets.get(place) ?? -1;
        const marks = [...(store.tenures.get(place)?.keys() ?? [])];
        const begun = start.offsets.get(place) ?? -1;
        expect(store.tenuresKnown.get(place) ?? begun, at).to.be.at.least(stored);
        if (stored >= 0) expect(marks, at).not.to.include.members([70]);
        expect(marks, at).to.include.members([1, 3, 4].filter((mark) => mark <= stored));
        const next = new MemoryReplicatedJournal(store);
        await replicate(next, size);
        expect([...(next.journals.get('journal:a')?.events.keys() ?? [])], at).to.deep.equal([
          '1@0',
          '2@2',
          '3@6',
        ]);
        expect(next.seqNrs('journal:b'), at).to.deep.equal([1]);
        const known = [next.tenuresKnown.get(place), next.offsets.get(place)];
        expect([known, [...(next.tenures.get(place)?.keys() ?? [])]], at).to.deep.equal([
          [7, 7],
          [1, 3, 4],
        ]);
      }
    }
  });
});
