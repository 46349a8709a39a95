import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import fc from 'fast-check';
import { StoreUnavailableError } from '../../../src/model/errors.ts';
import type { Key } from '../../../src/model/key.ts';
import type { LogRecord } from '../../../src/model/log-record.ts';
import { Offset } from '../../../src/model/position.ts';
import type { ReplicatedKeyJournal } from '../../../src/ports/replicated-journal.ts';
import { flowOver } from '../../support/replicator/flow-over.ts';
import { MemoryReplicatedJournal } from '../../support/replicator/memory-replicated-journal.ts';
import {
  append,
  deleteTo,
  logRecord,
  mark,
  partition0,
  purge,
  type Step,
  topic,
} from '../../support/replicator/records.ts';
import { seed } from '../codec/seed.ts';

const ids = ['a', 'b', 'c', 'd'] as const;
type Id = (typeof ids)[number];

const choice = fc.record({
  id: fc.constantFrom(...ids),
  what: fc.constantFrom('append', 'append', 'append', 'append', 'delete', 'purge', 'mark'),
  size: fc.integer({ min: 1, max: 3 }),
});
type Choice = typeof choice extends fc.Arbitrary<infer T> ? T : never;

const choices = fc.array(choice, { minLength: 1, maxLength: 30 });
/** A purge may wait until R has passed the records before it, of whichever key. */
const withoutPurges = choices.map((all) => all.filter(({ what }) => what !== 'purge'));
const pollSizes = fc.array(fc.integer({ min: 1, max: 10 }), { minLength: 1, maxLength: 10 });
const keysInFlight = fc.integer({ min: 2, max: 5 });
const runs = { seed, numRuns: 300 };

/** Notes each write that changed a journal. */
class WatchedStore extends MemoryReplicatedJournal {
  readonly applied = new Map<string, string[]>();

  constructor() {
    super();
    // A partition of which nothing is replicated would have a first round of one record.
    this.offsets.set(`${topic}/${partition0}`, 0);
  }

  override async open(key: Key): Promise<ReplicatedKeyJournal> {
    const journal = await super.open(key);
    const note = async (write: string, done: Promise<boolean>): Promise<boolean> => {
      const changed = await done;
      if (changed) this.appliedOf(key.id).push(write);
      return changed;
    };
    return {
      get pointer() {
        return journal.pointer;
      },
      loadWakeUp: (partition) => journal.loadWakeUp(partition),
      saveWakeUp: (change, time) => journal.saveWakeUp(change, time),
      wakeUpOffset: (partition) => journal.wakeUpOffset(partition),
      append: (batch, nowMs) => note(`append@${batch.at.offset}`, journal.append(batch, nowMs)),
      delete: (batch, nowMs) => note(`delete@${batch.at.offset}`, journal.delete(batch, nowMs)),
      purge: (batch, nowMs) => note(`purge@${batch.at.offset}`, journal.purge(batch, nowMs)),
    };
  }

  appliedOf(id: string): string[] {
    const applied = this.applied.get(id) ?? [];
    this.applied.set(id, applied);
    return applied;
  }
}

describe(`property: the keys of a partition (I12, seed ${seed})`, function () {
  this.timeout(60_000);

  it('get their records in order, each as if the others were not there, whatever is slow or fails', async () => {
    const troubles = fc.record({
      turns: fc.array(fc.nat({ max: 6 }), { maxLength: 80 }),
      fails: fc.array(fc.nat({ max: 3 }), { maxLength: 80 }),
      broken: fc.subarray([...ids]),
    });
    const law = fc.asyncProperty(choices, pollSizes, keysInFlight, troubles, async (...given) => {
      const [chosen, sizes, inFlight, { turns, fails, broken }] = given;
      const polls = pollsOf(chosen, sizes);
      const store = new WatchedStore();
      let calls = 0;
      store.before = async ({ key }) => {
        const call = calls++;
        for (let left = turns[call] ?? 0; left > 0; left--) await nextTurn();
        const isBroken = broken.some((id) => key === `${topic}:${id}`);
        if (isBroken && fails[call] === 0) throw new StoreUnavailableError('injected');
      };
      await replicate(store, polls, { inFlight });
      for (const id of ids) {
        const applied = store.appliedOf(id);
        const offsets = applied.map((write) => Number(write.split('@')[1]));
        expect(offsets, id).to.deep.equal([...new Set(offsets)].toSorted((x, y) => x - y));
        expect(applied, id).to.deep.equal(await alone(id, polls));
      }
    });
    await fc.assert(law, runs);
  });

  it('do not wait for one whose write takes as long as all others of its poll', async () => {
    const slowId = fc.constantFrom(...ids);
    const given = [withoutPurges, pollSizes, keysInFlight, slowId] as const;
    const law = fc.asyncProperty(...given, async (chosen, sizes, inFlight, slow) => {
      const polls = pollsOf(chosen, sizes);
      const store = new WatchedStore();
      const expected = await appliedAfterEachPoll(polls);
      const waited: string[] = [];
      let poll = 0;
      store.before = async ({ name, key }) => {
        if (name === 'open' || key !== `${topic}:${slow}`) return;
        const due = expected[poll];
        const isDone = (): boolean =>
          ids.every((id) => id === slow || store.appliedOf(id).length === due?.[id]);
        for (let left = 200; left > 0 && !isDone(); left--) await nextTurn();
        // Noted, not thrown: a write that fails is tried again.
        if (!isDone()) waited.push(`poll ${poll}`);
      };
      await replicate(store, polls, { inFlight, onPolled: () => poll++ });
      expect(waited).to.deep.equal([]);
    });
    await fc.assert(law, runs);
  });
});

interface Poll {
  readonly records: readonly LogRecord[];
  readonly nextOffset: Offset;
}

/**
 * Four journals, interleaved by chance, each written as its one writer would; offset 0 was
 * delivered before.
 */
function pollsOf(chosen: readonly Choice[], sizes: readonly number[]): readonly Poll[] {
  const last = new Map<Id, number>();
  const records = chosen.map((one, index) => logRecord(one.id, index + 1, stepOf(one, last)));
  const polls: Poll[] = [];
  for (let from = 0, poll = 0; from < records.length; poll++) {
    const to = from + (sizes[poll % sizes.length] ?? 1);
    const some = records.slice(from, to);
    polls.push({ records: some, nextOffset: Offset.of(1 + Math.min(to, records.length)) });
    from = to;
  }
  return polls;
}

function stepOf({ id, what, size }: Choice, last: Map<Id, number>): Step {
  const seqNr = last.get(id) ?? 0;
  if (what === 'delete' && seqNr > 0) return deleteTo(Math.min(size, seqNr));
  if (what === 'purge') {
    last.delete(id);
    return purge;
  }
  if (what !== 'append') return mark;
  last.set(id, seqNr + size);
  return append(seqNr + 1, seqNr + size);
}

async function replicate(
  store: WatchedStore,
  polls: readonly Poll[],
  { inFlight = 1, onPolled = () => {} }: { inFlight?: number; onPolled?: () => void } = {},
): Promise<void> {
  const flow = await flowOver(store, inFlight);
  for (const poll of polls) {
    await flow.replicate(poll, new AbortController().signal);
    onPolled();
  }
  const end = polls.at(-1)?.nextOffset ?? 1;
  expect(store.offsets.get(`${topic}/${partition0}`)).to.equal(end - 1);
}

/** What is applied of one key when its records are all there are, cut into the same polls. */
async function alone(id: Id, polls: readonly Poll[]): Promise<readonly string[]> {
  const store = new WatchedStore();
  await replicate(store, ofKey(id, polls));
  return store.appliedOf(id);
}

async function appliedAfterEachPoll(
  polls: readonly Poll[],
): Promise<readonly Readonly<Record<string, number>>[]> {
  const store = new WatchedStore();
  const counts: Record<string, number>[] = [];
  const onPolled = (): void => {
    counts.push(Object.fromEntries(ids.map((id) => [id, store.appliedOf(id).length])));
  };
  await replicate(store, polls, { onPolled });
  return counts;
}

function ofKey(id: Id, polls: readonly Poll[]): readonly Poll[] {
  const own = polls.map(({ records, nextOffset }) => ({
    records: records.filter(({ key }) => Buffer.from(key ?? []).toString() === id),
    nextOffset,
  }));
  return own.filter(({ records }) => records.length > 0);
}
