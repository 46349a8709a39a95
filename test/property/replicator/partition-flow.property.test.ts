import { expect } from 'chai';
import fc from 'fast-check';
import { FencedError, StoreUnavailableError } from '../../../src/model/errors.ts';
import type { LogRecord } from '../../../src/model/log-record.ts';
import { Offset } from '../../../src/model/position.ts';
import { flowOver } from '../../support/replicator/flow-over.ts';
import { MemoryReplicatedJournal } from '../../support/replicator/memory-replicated-journal.ts';
import {
  append,
  deleteTo,
  logRecord,
  mark,
  type Step,
  topic,
} from '../../support/replicator/records.ts';

const ids = ['a', 'b', 'c'] as const;
const choice = fc.record({
  id: fc.constantFrom(...ids),
  what: fc.constantFrom('append', 'append', 'append', 'delete', 'mark' as const),
  size: fc.integer({ min: 1, max: 4 }),
});

type Choice = typeof choice extends fc.Arbitrary<infer T> ? T : never;

/** Three journals in one partition, each written as its one writer would. */
function logOf(choices: readonly Choice[]): readonly LogRecord[] {
  const last = new Map<string, number>();
  return choices.map(({ id, what, size }, offset) =>
    logRecord(id, offset, stepOf(id, { what, size }, last)),
  );
}

function stepOf(id: string, { what, size }: Omit<Choice, 'id'>, last: Map<string, number>): Step {
  const seqNr = last.get(id) ?? 0;
  if (what === 'delete') return deleteTo(size);
  if (what !== 'append') return mark;
  last.set(id, seqNr + size);
  return append(seqNr + 1, seqNr + size);
}

/** What readers see; offsets of rows may differ, they only guard repeats. */
function visible(store: MemoryReplicatedJournal) {
  const journals = [...store.journals].filter(([, { pointer }]) => pointer !== undefined);
  const rows = journals.map(([key, { pointer, events }]) => ({
    key,
    seqNr: pointer?.seqNr,
    deleteTo: pointer?.deleteTo,
    live: [...events.values()].toSorted((x, y) => x.seqNr - y.seqNr || x.offset - y.offset),
  }));
  return rows.toSorted((x, y) => (x.key < y.key ? -1 : 1));
}

async function sequential(records: readonly LogRecord[]): Promise<MemoryReplicatedJournal> {
  const store = new MemoryReplicatedJournal();
  const flow = await flowOver(store);
  for (const record of records) {
    const batch = { records: [record], nextOffset: Offset.next(record.offset) };
    await flow.replicate(batch, new AbortController().signal);
  }
  return store;
}

/** Owners come and go: each takes some polls, the store fails at random, the last call of an owner is cut off. */
async function turbulent(
  records: readonly LogRecord[],
  owners: readonly Owner[],
  fails: readonly boolean[],
) {
  const store = new MemoryReplicatedJournal();
  let calls = 0;
  // Noted, not thrown: the flow would take it for the store's failure and try again.
  const early: string[] = [];
  store.before = ({ name, offset = -1 }) => {
    if (fails[calls++] === true) throw new StoreUnavailableError('injected');
    if (name === 'saveOffset') early.push(...notStored(store, records.slice(0, offset + 1)));
  };
  for (const { polls, size, cutAfter } of [...owners, patient]) {
    const flow = await flowOver(store);
    const leaving = new AbortController();
    for (let poll = 0; poll < polls; poll++) {
      const from = (store.offsets.get(`${topic}/0`) ?? -1) + 1;
      const batch = records.slice(from, from + size);
      const last = batch.at(-1);
      if (last === undefined) break;
      if (poll === polls - 1 && cutAfter !== undefined)
        setImmediate(() => leaving.abort(new Error('revoked')));
      const nextOffset = Offset.next(last.offset);
      await flow.replicate({ records: batch, nextOffset }, leaving.signal);
    }
    await flow.close(cutAfter === 'lost' ? 'lost' : 'given up');
  }
  expect(early).to.deep.equal([]);
  return store;
}

interface Owner {
  readonly polls: number;
  readonly size: number;
  readonly cutAfter: 'revoked' | 'lost' | undefined;
}

const owner: fc.Arbitrary<Owner> = fc.record({
  polls: fc.integer({ min: 1, max: 3 }),
  size: fc.integer({ min: 1, max: 8 }),
  cutAfter: fc.constantFrom('revoked', 'lost', undefined),
});
const patient: Owner = { polls: 100, size: 5, cutAfter: undefined };

/** I8: the appends that are missing in the store, also where a delete has removed their events. */
function notStored(store: MemoryReplicatedJournal, records: readonly LogRecord[]): string[] {
  return records.flatMap(({ key, offset, headers }) => {
    const header = JSON.parse(Buffer.from(headers[0]?.[1] ?? []).toString()) as {
      append?: { range: { to: number } };
    };
    const to = header.append?.range.to ?? 0;
    const stored = store.journals.get(`${topic}:${Buffer.from(key ?? []).toString()}`);
    return to > (stored?.pointer?.seqNr ?? 0) ? [`append at ${offset}`] : [];
  });
}

describe('PartitionFlow, under failures and changes of owner (I8, I9, I10)', () => {
  it('leaves each journal as its records one by one leave it, and never moves its offset early or back', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(choice, { minLength: 1, maxLength: 20 }),
        fc.array(owner, { maxLength: 5 }),
        fc.array(fc.boolean(), { maxLength: 60 }),
        async (choices, owners, fails) => {
          const records = logOf(choices);
          const store = await turbulent(records, owners, fails);
          expect(visible(store)).to.deep.equal(visible(await sequential(records)));
          const saved = store.calls
            .filter(({ name }) => name === 'saveOffset')
            .map(({ offset }) => offset);
          expect(saved).to.deep.equal(saved.toSorted((x = 0, y = 0) => x - y));
          expect(store.offsets.get(`${topic}/0`)).to.equal(records.length - 1);
        },
      ),
      { numRuns: 300 },
    );
  });
});

/** Owners who each believe to be the only one: every one goes on from where it was itself. */
async function contested(records: readonly LogRecord[], turns: readonly Turn[]) {
  const store = new MemoryReplicatedJournal();
  const offset = (): number => store.offsets.get(`${topic}/0`) ?? -1;
  const flows = [0, 1, 2].map(() => flowOver(new MemoryReplicatedJournal(store)));
  const owners = (await Promise.all(flows)).map((flow) => ({ flow, from: 0, isFenced: false }));
  const ends: { who: number; moved: readonly [number, number]; wasFenced: boolean }[] = [];
  for (const { who, size } of turns) {
    const owned = owners[who];
    if (owned === undefined || owned.isFenced) continue;
    const batch = records.slice(owned.from, owned.from + size);
    const last = batch.at(-1);
    if (last === undefined) continue;
    owned.from += batch.length;
    const before = offset();
    const polled = { records: batch, nextOffset: Offset.next(last.offset) };
    await owned.flow.replicate(polled, new AbortController().signal).catch((error: unknown) => {
      if (!(error instanceof FencedError)) throw error;
      owned.isFenced = true;
    });
    ends.push({ who, moved: [before, offset()], wasFenced: owned.isFenced });
  }
  return ends;
}

/** Who moved the offset last has the partition; a first move, of one record, may be made by several. */
function expectFenced(ends: Awaited<ReturnType<typeof contested>>): void {
  let holder: number | undefined;
  const moved = new Set<number>();
  for (const {
    who,
    moved: [before, after],
    wasFenced,
  } of ends) {
    const isFirstMove = !moved.has(who) && before <= 0;
    expect(wasFenced, `owner ${who} at ${before}`).to.equal(holder !== who && !isFirstMove);
    if (wasFenced) expect(after).to.equal(before);
    else holder = who;
    moved.add(who);
  }
}

interface Turn {
  readonly who: number;
  readonly size: number;
}

const turn: fc.Arbitrary<Turn> = fc.record({
  who: fc.integer({ min: 0, max: 2 }),
  size: fc.integer({ min: 1, max: 5 }),
});

describe('PartitionFlow, with several owners at once (I10)', () => {
  it('never moves the offset back, and fences each owner behind whose back it was moved', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(choice, { minLength: 5, maxLength: 20 }),
        fc.array(turn, { minLength: 2, maxLength: 12 }),
        async (choices, turns) => {
          const ends = await contested(logOf(choices), turns);
          for (const { moved } of ends) expect(moved[1]).to.be.at.least(moved[0]);
          expectFenced(ends);
        },
      ),
      { numRuns: 300 },
    );
  });
});
