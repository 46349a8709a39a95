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

  /**
   * One process that dies before its call number `death`, in polls of `size`; answers its calls.
   */
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

  /** Nothing is replicated; the tables still hold the tenures of an earlier topic of that name. */
  async function withEarlierTopic(): Promise<MemoryReplicatedJournal> {
    const store = new MemoryReplicatedJournal();
    store.tenuresKnown.set(place, 90);
    store.tenures.set(place, new Map([2, 6, 70].map((offset) => [offset, old(offset)])));
    return store;
  }

  const starts = { new: withEarlierTopic, 'once replicated': replicatedByOlderVersion };
  for (const [name, start] of Object.entries(starts)) {
    it(`before any of its calls, leaves R where all opening marks are stored, and the next one goes on: a ${name} partition (I26)`, async () => {
      for (const size of [1, 3, 8]) {
        const all = await replicate(await start(), size);
        for (let death = 0; death < all; death++) {
          const store = await start();
          const begun = store.offsets.get(place) ?? -1;
          await replicate(store, size, death);
          const at = `polls of ${size}, dead before call ${death}`;
          expectAllMarks(store, begun, at);
          const next = new MemoryReplicatedJournal(store);
          await replicate(next, size);
          expectWhole(next, at);
        }
      }
    });
  }

  /** What R has passed is known: the opening marks of this topic, and of no other. */
  function expectAllMarks(store: MemoryReplicatedJournal, begun: number, at: string): void {
    const stored = store.offsets.get(place) ?? -1;
    const marks = [...(store.tenures.get(place)?.keys() ?? [])];
    expect(store.tenuresKnown.get(place) ?? begun, at).to.be.at.least(stored);
    if (stored >= 0) expect(marks, at).not.to.include.members([70]);
    expect(marks, at).to.include.members([1, 3, 4].filter((mark) => mark <= stored));
  }

  function expectWhole(store: MemoryReplicatedJournal, at: string): void {
    const events = [...(store.journals.get('journal:a')?.events.keys() ?? [])];
    expect(events, at).to.deep.equal(['1@0', '2@2', '3@6']);
    expect(store.seqNrs('journal:b'), at).to.deep.equal([1]);
    const known = [store.tenuresKnown.get(place), store.offsets.get(place)];
    expect([known, [...(store.tenures.get(place)?.keys() ?? [])]], at).to.deep.equal([
      [7, 7],
      [1, 3, 4],
    ]);
  }
});
