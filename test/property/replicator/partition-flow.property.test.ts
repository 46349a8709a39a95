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
  opens,
  type Step,
  topic,
  under,
} from '../../support/replicator/records.ts';

const place = `${topic}/0`;
const ids = ['a', 'b', 'c'] as const;
const choice = fc.record({
  id: fc.constantFrom(...ids),
  what: fc.constantFrom('append', 'append', 'append', 'delete', 'mark', 'open', 'open' as const),
  size: fc.integer({ min: 1, max: 4 }),
  scope: fc.constantFrom('', 'other'),
  /** Under the last tenure of the scope, an earlier one, or none. */
  back: fc.constantFrom(0, 0, 1, 2, undefined),
});

type Choice = typeof choice extends fc.Arbitrary<infer T> ? T : never;

/** A log, and the log that it is to journals: without tenures, and a mark for each void action. */
interface Log {
  readonly records: readonly LogRecord[];
  readonly plain: readonly LogRecord[];
  readonly opened: readonly number[];
}

/**
 * Three journals in one partition, each written as its one writer would, or by one that lost it.
 */
function logOf(choices: readonly Choice[]): Log {
  const last = new Map<string, number>();
  const opened = new Map<string, number[]>();
  const steps = choices.map(({ id, what, size, scope, back }, offset) => {
    const marks = opened.get(scope) ?? [];
    if (what === 'open') {
      opened.set(scope, [...marks, offset]);
      return { id, step: opens(scope), plain: mark };
    }
    const of = back === undefined || what === 'mark' ? undefined : marks.at(-1 - back);
    const isVoid = of !== undefined && of !== marks.at(-1);
    const step = stepOf(id, { what, size }, isVoid ? new Map(last) : last);
    return {
      id,
      step: of === undefined ? step : under(of, step, scope),
      plain: isVoid ? mark : step,
    };
  });
  return {
    records: steps.map(({ id, step }, offset) => logRecord(id, offset, step)),
    plain: steps.map(({ id, plain }, offset) => logRecord(id, offset, plain)),
    opened: [...opened.values()].flat(),
  };
}

function stepOf(
  id: string,
  { what, size }: Pick<Choice, 'what' | 'size'>,
  last: Map<string, number>,
): Step {
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

/**
 * Owners come and go: each takes some polls, the store fails at random, the last call of an owner
 * is cut off.
 */
async function turbulent(log: Log, owners: readonly Owner[], fails: readonly boolean[]) {
  const store = new MemoryReplicatedJournal();
  let calls = 0;
  // Noted, not thrown: the flow would take it for the store's failure and try again.
  const early: string[] = [];
  store.before = ({ name, offset = -1 }) => {
    if (fails[calls++] === true) throw new StoreUnavailableError('injected');
    if (name !== 'saveOffset') return;
    early.push(
      ...notStored(store, log.plain.slice(0, offset + 1)),
      ...notCopied(store, log, offset),
    );
  };
  for (const { polls, size, cutAfter, forgotten } of [...owners, patient]) {
    if (forgotten > 0) forget(store, forgotten);
    const flow = await flowOver(store);
    const leaving = new AbortController();
    let from = flow.from ?? 0;
    for (let poll = 0; poll < polls; poll++) {
      const batch = log.records.slice(from, from + size);
      const last = batch.at(-1);
      if (last === undefined) break;
      if (poll === polls - 1 && cutAfter !== undefined)
        setImmediate(() => leaving.abort(new Error('revoked')));
      const nextOffset = Offset.next(last.offset);
      await flow.replicate({ records: batch, nextOffset }, leaving.signal);
      from = nextOffset;
    }
    await flow.close(cutAfter === 'lost' ? 'lost' : 'given up');
  }
  expect(early).to.deep.equal([]);
  return store;
}

/** What is not known of tenures although R is about to move over it. */
function notCopied(store: MemoryReplicatedJournal, { opened }: Log, offset: number): string[] {
  const isKnown = (store.tenuresKnown.get(place) ?? -1) >= offset;
  const missing = opened.filter((mark) => mark <= offset && !store.tenures.get(place)?.has(mark));
  return [...(isKnown ? [] : [`W at ${offset}`]), ...missing.map((mark) => `opening mark ${mark}`)];
}

/** As if a replicator that copies no opening marks had made the last moves of R. */
function forget(store: MemoryReplicatedJournal, moves: number): void {
  const [replicated, known] = [store.offsets.get(place), store.tenuresKnown.get(place)];
  if (replicated === undefined || known === undefined) return;
  const upTo = Math.min(known, Math.max(0, replicated - moves));
  store.tenuresKnown.set(place, upTo);
  for (const mark of store.tenures.get(place)?.keys() ?? []) {
    if (mark > upTo) store.tenures.get(place)?.delete(mark);
  }
}

interface Owner {
  readonly polls: number;
  readonly size: number;
  readonly cutAfter: 'revoked' | 'lost' | undefined;
  readonly forgotten: number;
}

const owner: fc.Arbitrary<Owner> = fc.record({
  polls: fc.integer({ min: 1, max: 3 }),
  size: fc.integer({ min: 1, max: 8 }),
  cutAfter: fc.constantFrom('revoked', 'lost', undefined),
  forgotten: fc.constantFrom(0, 0, 1, 3, 9),
});
const patient: Owner = { polls: 100, size: 5, cutAfter: undefined, forgotten: 0 };

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
  it('leaves each journal as its records that count leave it one by one, and never moves its offset early or back', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(choice, { minLength: 1, maxLength: 20 }),
        fc.array(owner, { maxLength: 5 }),
        fc.array(fc.boolean(), { maxLength: 60 }),
        async (choices, owners, fails) => {
          const log = logOf(choices);
          const store = await turbulent(log, owners, fails);
          expect(visible(store)).to.deep.equal(visible(await sequential(log.plain)));
          const saved = store.calls
            .filter(({ name }) => name === 'saveOffset')
            .map(({ offset }) => offset);
          expect(saved).to.deep.equal(saved.toSorted((x = 0, y = 0) => x - y));
          expect(store.offsets.get(place)).to.equal(choices.length - 1);
          expect(notCopied(store, log, choices.length - 1)).to.deep.equal([]);
        },
      ),
      { numRuns: 300 },
    );
  });
});

/** Owners who each believe to be the only one: every one goes on from where it was itself. */
async function contested(records: readonly LogRecord[], turns: readonly Turn[]) {
  const store = new MemoryReplicatedJournal();
  const offset = (): number => store.offsets.get(place) ?? -1;
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

/**
 * Who moved the offset last has the partition; a first move, of one record, may be made by several.
 */
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
          const ends = await contested(logOf(choices).records, turns);
          for (const { moved } of ends) expect(moved[1]).to.be.at.least(moved[0]);
          expectFenced(ends);
        },
      ),
      { numRuns: 300 },
    );
  });
});
