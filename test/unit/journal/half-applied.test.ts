import { expect } from 'chai';
import { eventRecordsOf } from '../../../src/codec/record/events-codec.ts';
import { recordIdOf } from '../../../src/codec/record/record-id.ts';
import type { ReadDeps } from '../../../src/journal/read/observe.ts';
import { Action } from '../../../src/model/action.ts';
import { DataIntegrityError } from '../../../src/model/errors.ts';
import type { JournalPointer } from '../../../src/model/journal-pointer.ts';
import { Offset, Partition } from '../../../src/model/position.ts';
import { SeqNr } from '../../../src/model/seq-nr.ts';
import type { EventualJournal, StoredEvent } from '../../../src/ports/eventual-journal.ts';
import { recordsOf } from '../../support/journal/replicate.ts';
import { at, CountingWorld, eventsFrom, readAll } from './counting-world.ts';

/** What a store shows while a replicator is between two of its statements. */
interface Stored {
  /** Replicated offset. */
  readonly replicated?: number;
  /** The journal's row: its offset, its last number, its deletes. */
  readonly row?: { readonly at: number; readonly seqNr: number; readonly deleteTo?: number };
  /** Offset of the append that created the row, if not the first; null = a delete did. */
  readonly createdAt?: number | null;
  /** Events whose rows are there: offset of the record → numbers. */
  readonly events?: Readonly<Record<number, readonly number[]>>;
}

async function storeOf(world: CountingWorld, stored: () => Stored): Promise<EventualJournal> {
  const records = await recordsOf(world.store.consumer, world.key(), Partition.of(0));
  const { createdAt = 0 } = stored();
  const recordId = createdAt === null ? undefined : recordIdOf(world.topic, at(createdAt));
  const rows = (): StoredEvent[] =>
    records
      .filter(({ action }) => Action.isAppend(action))
      .flatMap((record) => eventRecordsOf(record as Parameters<typeof eventRecordsOf>[0]))
      .filter(({ event, record }) => stored().events?.[record.at.offset]?.includes(event.seqNr))
      .map((row) => ({ ...row, recordId }))
      .sort((a, b) => a.event.seqNr - b.event.seqNr);
  return {
    async offset() {
      const { replicated } = stored();
      return replicated === undefined ? undefined : Offset.of(replicated);
    },
    lastTenure: (place, upTo) => world.lastTenure(place, upTo),
    async pointer(): Promise<JournalPointer | undefined> {
      const { row } = stored();
      if (row === undefined) return undefined;
      const deleteTo = row.deleteTo === undefined ? undefined : SeqNr.of(row.deleteTo);
      const seqNr = SeqNr.of(row.seqNr);
      return { at: at(row.at), segmentSize: 3, seqNr, deleteTo, expiry: undefined, recordId };
    },
    async *read(_key, { from, to }) {
      const page = rows().filter(({ event }) => event.seqNr >= from && event.seqNr <= to);
      if (page.length > 0) yield page;
    },
    async *ids() {},
    [Symbol.asyncDispose]: async () => {},
  };
}

describe('A read while a replicator is between two statements', () => {
  let world: CountingWorld;
  beforeEach(async () => {
    world = await CountingWorld.open();
  });
  afterEach(() => world[Symbol.asyncDispose]());

  const append = (from: number, count: number) => world.writer().append(eventsFrom(from, count));
  const remove = (to: number) =>
    world.store.producer.produce({
      key: world.key(),
      timestampMs: 0,
      header: { type: 'delete', to: SeqNr.of(to), origin: undefined, version: undefined },
    });
  const purge = (onlyAt?: number) =>
    world.store.producer.produce({
      key: world.key(),
      timestampMs: 0,
      header: {
        type: 'purge',
        ...(onlyAt === undefined ? {} : { onlyAt: Offset.of(onlyAt) }),
        origin: undefined,
        version: undefined,
      },
    });
  const settings = {
    readTimeoutMs: 10_000,
    dataIntegrity: { seqNrUniqueness: false, correlateEventsWithMeta: true, gaps: 'fail' },
  } as const;
  /** By a miss, and by a head cache over the same store. */
  async function readBoth(stored: () => Stored): Promise<string[]> {
    const eventual = await storeOf(world, stored);
    const changes: Partial<ReadDeps>[] = [
      { eventual },
      { eventual, headCache: world.cache({}, eventual) },
    ];
    const reads: string[] = [];
    for (const change of changes) reads.push(await readAll(world.reader(change)));
    return reads;
  }
  const twice = (text: string): string[] => [text, text];

  it('V1: shows the new generation alone, both events from its record', async () => {
    await append(1, 1);
    await purge();
    await append(1, 2);
    const stored = { replicated: 0, row: { at: 0, seqNr: 1 }, events: { 0: [1] } };
    expect(await readBoth(() => stored)).to.deep.equal(twice('1@2 2@2 last 2'));
  });

  it('V3: takes a record whole from the log whose rows are there in part', async () => {
    await append(1, 3);
    await append(4, 4);
    const stored = { events: { 0: [1, 2, 3], 1: [4, 5, 6] } };
    expect(await readBoth(() => stored)).to.deep.equal(twice('1@0 2@0 3@0 4@1 5@1 6@1 7@1 last 7'));
    // The two reads before left a mark each.
    await append(8, 2);
    expect(await readBoth(() => stored)).to.deep.equal(
      twice('1@0 2@0 3@0 4@1 5@1 6@1 7@1 8@4 9@4 last 9'),
    );
  });

  it('V6: does not miss what a batch left out because a later delete covers it', async () => {
    await append(1, 3);
    await append(4, 1);
    await append(5, 3);
    const stored = {
      replicated: 0,
      row: { at: 2, seqNr: 7 },
      events: { 0: [1, 2, 3], 2: [5, 6, 7] },
    };
    expect(await readBoth(() => stored)).to.deep.equal(twice('1@0 2@0 3@0 4@1 5@2 6@2 7@2 last 7'));
  });

  it('does not take a purge that begins after its end for a delete', async () => {
    await append(1, 5);
    let looks = 0;
    const before = { replicated: 0, row: { at: 0, seqNr: 5 }, events: { 0: [1, 2, 3, 4, 5] } };
    const during = { ...before, row: { at: 0, seqNr: 5, deleteTo: 5 }, events: {} };
    const eventual = await storeOf(world, () => (looks === 0 ? before : during));
    const torn: EventualJournal = {
      ...eventual,
      async pointer(...args) {
        if (looks === 0) await purge();
        looks += 1;
        return await eventual.pointer(...args);
      },
    };
    expect(await readAll(world.reader({ eventual: torn }))).to.equal('last none');
    expect(looks).to.equal(2);
  });

  it('begins again when a purge after its end was begun, also when another owner applies what comes before', async () => {
    await append(1, 3);
    await append(4, 4);
    const row = { at: 1, seqNr: 7, deleteTo: 3 };
    const eventual = await storeOf(world, () => ({
      replicated: 1,
      row,
      events: { 1: [4, 5, 6, 7] },
    }));
    let purgingAt: Offset | undefined;
    const begun: EventualJournal = {
      ...eventual,
      async pointer(...args) {
        purgingAt ??= (await purge()).offset;
        const pointer = await eventual.pointer(...args);
        return pointer && { ...pointer, purgingAt };
      },
    };
    expect(await readAll(world.reader({ eventual: begun }))).to.equal('last none');
  });

  it('does not take the beginning of a new generation after its end for a delete', async () => {
    // A mark, which is all that is replicated.
    await readAll(world.reader({}));
    await append(1, 3);
    await remove(3);
    await append(4, 2);
    let eventual = await storeOf(world, () => ({ replicated: 0 }));
    let isPurged = false;
    const purging: EventualJournal = {
      offset: (...args) => eventual.offset(...args),
      lastTenure: (...args) => eventual.lastTenure(...args),
      async pointer(...args) {
        if (!isPurged) {
          isPurged = true;
          await purge();
          // Of a writer that does not know of the purge; a mark comes before both.
          await append(5, 2);
          const row = { at: 6, seqNr: 6, deleteTo: 4 };
          const begun = { replicated: 6, row, createdAt: 6, events: { 6: [5, 6] } };
          eventual = await storeOf(world, () => begun);
        }
        return await eventual.pointer(...args);
      },
      read: (...args) => eventual.read(...args),
      async *ids() {},
      [Symbol.asyncDispose]: async () => {},
    };
    expect(await readAll(world.reader({ eventual: purging }))).to.equal('5@6 6@6 last 6');
  });

  it('takes all as deleted where nobody purges', async () => {
    await append(1, 5);
    await remove(5);
    const stored = { replicated: 1, row: { at: 1, seqNr: 5, deleteTo: 5 } };
    expect(await readBoth(() => stored)).to.deep.equal(twice('last 5'));
  });

  it('does not take rows that go meanwhile for numbers that were never stored', async () => {
    await append(1, 2);
    const rows = { replicated: 0, row: { at: 0, seqNr: 2 }, events: { 0: [1, 2] } };
    const during = { ...rows, row: { at: 0, seqNr: 2, deleteTo: 2 }, events: { 0: [1] } };
    let isDeleted = false;
    const eventual = await storeOf(world, () => (isDeleted ? during : rows));
    const deleting: EventualJournal = {
      ...eventual,
      async *read(...args) {
        if (!isDeleted) await remove(2);
        isDeleted = true;
        yield* eventual.read(...args);
      },
    };
    const journal = world.reader({ eventual: deleting, settings });
    expect(await readAll(journal, 5)).to.equal('last 2');
  });

  describe('of a journal with a conflicting append, whose winner is deleted', () => {
    const lastNumbers = async (stored: Stored): Promise<unknown[]> => {
      const eventual = await storeOf(world, () => stored);
      const lenient = world.reader({ eventual, settings });
      return [await world.reader({ eventual }).pointer(), await readAll(lenient)];
    };
    const refusal = async (stored: Stored): Promise<string> => {
      const eventual = await storeOf(world, () => stored);
      return await readAll(world.reader({ eventual })).catch((error: Error) => error.message);
    };

    it('takes the last number of a row that is ahead by a delete, and by the append that lost', async () => {
      await append(1, 3);
      await remove(3);
      await append(1, 1);
      const stored = { replicated: 0, row: { at: 2, seqNr: 3, deleteTo: 3 }, events: { 2: [1] } };
      expect(await lastNumbers(stored)).to.deep.equal([3, 'last 3']);
      expect(await refusal(stored))
        .to.include('record at 0:2 by')
        .and.to.include('at 0:0 by');
    });

    it('takes it also while some of the deleted rows are still there', async () => {
      await append(1, 5);
      await append(1, 1);
      await remove(5);
      const row = { at: 2, seqNr: 5, deleteTo: 5 };
      const stored = { replicated: 0, row, events: { 0: [1, 2, 3] } };
      expect(await lastNumbers(stored)).to.deep.equal([5, 'last 5']);
      expect(await refusal(stored))
        .to.include('record at 0:1 by')
        .and.to.include('at 0:0 by');
    });

    it('gives nothing of an append that lost against what a later delete took away', async () => {
      await append(1, 3);
      await append(4, 2);
      await append(4, 3);
      await remove(5);
      const row = { at: 3, seqNr: 5, deleteTo: 5 };
      expect(await lastNumbers({ replicated: 1, row })).to.deep.equal([5, 'last 5']);
      const { offset } = await append(6, 2);
      const later = { at: offset, seqNr: 7, deleteTo: 5 };
      const stored = { replicated: 1, row: later, events: { [offset]: [6, 7] } };
      expect(await lastNumbers(stored)).to.deep.equal([7, `6@${offset} 7@${offset} last 7`]);
    });

    for (const what of ['pointer', 'read'] as const) {
      for (const when of ['before its end', 'after its end'] as const) {
        it(`does not take what a delete ${when} removes meanwhile for free numbers: ${what}`, async () => {
          await append(1, 2);
          // It loses against event 2, so that the next one takes 3 to 5.
          await append(2, 3);
          await append(3, 3);
          let deleted = when === 'before its end' ? await remove(4) : undefined;
          let stored: Stored = { replicated: 0, row: { at: 2, seqNr: 5 }, events: { 0: [1, 2] } };
          let looks = 0;
          const eventual = await storeOf(world, () => stored);
          const deleting: EventualJournal = {
            ...eventual,
            async offset(...args) {
              looks++;
              // The poll that deletes ends before the third look.
              if (looks === 3) stored = { ...stored, replicated: deleted?.offset ?? 0 };
              return await eventual.offset(...args);
            },
            async *read(...args) {
              deleted ??= await remove(4);
              stored = {
                ...stored,
                row: { at: deleted.offset, seqNr: 5, deleteTo: 4 },
                events: {},
              };
              yield* eventual.read(...args);
            },
          };
          const journal = world.reader({ eventual: deleting, settings });
          if (what === 'pointer') expect(await journal.pointer()).to.equal(5);
          else expect(await readAll(journal, 6)).to.equal('last 5');
        });
      }
    }

    for (const what of ['nothing left', '2 rows left', 'the append first']) {
      it(`begins again where a row after its end does not say it: ${what}`, async () => {
        const left = what === '2 rows left' ? [1, 2] : [];
        await append(1, 3);
        if (what === 'the append first') await append(2, 3);
        await remove(3);
        if (what !== 'the append first') await append(2, 3);
        let eventual = await storeOf(world, () => ({ replicated: 0 }));
        let looks = 0;
        const goingOn: EventualJournal = {
          ...eventual,
          offset: (...args) => eventual.offset(...args),
          async pointer(...args) {
            looks++;
            // A mark of the read comes before it.
            const at = looks === 1 ? (await append(4, 1)).offset : 4;
            const row = { at, seqNr: 4, deleteTo: 3 };
            const replicated = looks === 1 ? 0 : at;
            const stored = { replicated, row, events: { 0: left, [at]: [4] } };
            eventual = await storeOf(world, () => stored);
            return await eventual.pointer(...args);
          },
          read: (...args) => eventual.read(...args),
        };
        expect(await readAll(world.reader({ eventual: goingOn }))).to.equal('4@4 last 4');
        expect(looks).to.be.above(1);
      });
    }
  });

  // Such a replicator stores the rows of both records, and the journal's row goes by the later one.
  it('fails, as a replicator of the JVM system stores it, inside a record that lost at its beginning', async () => {
    await append(1, 4);
    await append(2, 40);
    await append(42, 300);
    const numbers = (from: number, to: number): readonly number[] =>
      Array.from({ length: to - from + 1 }, (_, index) => from + index);
    const events = { 0: numbers(1, 4), 1: numbers(2, 41), 2: numbers(42, 341) };
    const stored = { replicated: 2, row: { at: 2, seqNr: 341 }, events };
    const eventual = await storeOf(world, () => stored);
    for (const first of [5, 20, 30, 41]) {
      const read = readAll(world.reader({ eventual }), first);
      const error = await read.catch((cause: unknown) => cause);
      expect(error, `from ${first}`).to.be.instanceOf(DataIntegrityError);
      expect((error as Error).message).to.include('the record at 0:1 by writer');
    }
    // One record before that of the first number is enough.
    expect(await readAll(world.reader({ eventual }), 50)).to.match(/^50@2 .* last 341$/);
  });

  describe('of a conditional purge that nothing of the tail precedes', () => {
    const events = { 0: [1, 2, 3] };
    beforeEach(() => append(1, 3));

    it('shows the purged journal when its row still stands where the purge says', async () => {
      await purge(0);
      const stored = { replicated: 0, row: { at: 0, seqNr: 3 }, events };
      expect(await readBoth(() => stored)).to.deep.equal(twice('last none'));
      await append(1, 1);
      // The two reads before left a mark each.
      expect(await readBoth(() => stored)).to.deep.equal(twice('1@4 last 1'));
    });

    it('shows the living journal when its row had moved on', async () => {
      await remove(1);
      await purge(0);
      await append(4, 1);
      const stored = { replicated: 1, row: { at: 1, seqNr: 3, deleteTo: 1 }, events };
      expect(await readBoth(() => stored)).to.deep.equal(twice('2@0 3@0 4@3 last 4'));
    });

    it('tells by the generation of a row that ran ahead', async () => {
      await purge(0);
      const next = await append(1, 1);
      const row = { at: next.offset, seqNr: 1 };
      const purged = { replicated: 0, row, createdAt: next.offset, events: { [next.offset]: [1] } };
      expect(await readBoth(() => purged)).to.deep.equal(twice('1@2 last 1'));
    });

    it('asks the store again, not the cache, when a row that ran ahead tells no generation', async () => {
      await purge(0);
      await remove(3);
      const row = { at: 2, seqNr: 3, deleteTo: 3 };
      const stale = await storeOf(world, () => ({ replicated: 0, row, createdAt: null }));
      const eventual = await storeOf(world, () => ({ replicated: 2, row, createdAt: null }));
      const headCache = world.cache({}, stale);
      expect(await readAll(world.reader({ eventual, headCache }))).to.equal('last 3');
    });

    it('shows nothing of a journal whose row the purge has removed already', async () => {
      await purge(0);
      expect(await readBoth(() => ({ replicated: 0 }))).to.deep.equal(twice('last none'));
    });
  });
});
