import { expect } from 'chai';
import { recordIdOf } from '../../../../src/codec/record/record-id.ts';
import { DataIntegrityError } from '../../../../src/model/errors.ts';
import type { JournalPointer } from '../../../../src/model/journal-pointer.ts';
import { Key } from '../../../../src/model/key.ts';
import { Topic } from '../../../../src/model/position.ts';
import { SeqNr } from '../../../../src/model/seq-nr.ts';
import { CassandraJournalRows } from '../../../../src/stores/cassandra/apply-row-change.ts';
import { SegmentNr } from '../../../../src/stores/cassandra/segment.ts';
import type { CassandraSession } from '../../../../src/stores/cassandra/session-types.ts';
import { journalStatements } from '../../../../src/stores/cassandra/tables/journal-table.ts';
import { metaJournalStatements } from '../../../../src/stores/cassandra/tables/metajournal-table.ts';
import { pointerStatements } from '../../../../src/stores/cassandra/tables/pointer-table.ts';
import { settingStatements } from '../../../../src/stores/cassandra/tables/setting-table.ts';
import { tenureStatements } from '../../../../src/stores/cassandra/tables/tenure-table.ts';
import { wakeUpStatements } from '../../../../src/stores/cassandra/tables/wake-up-table.ts';
import { WriteClocks } from '../../../../src/stores/cassandra/write-clock.ts';
import { KeyJournal } from '../../../../src/stores/key-journal.ts';
import * as given from '../../../contract/replicated-store.ts';
import { rangesOf } from '../../../support/journal/ranges.ts';

const tables = {
  journal: journalStatements('journal'),
  metaJournal: metaJournalStatements('metajournal'),
  pointer: pointerStatements('pointer2'),
  setting: settingStatements('setting'),
  tenures: tenureStatements('journal'),
  wakeUps: wakeUpStatements('journal'),
};
const names = new Map(
  Object.entries(tables).flatMap(([table, statements]) =>
    Object.entries(statements).map(([name, cql]) => [cql as string, `${table}.${name}`]),
  ),
);

interface Stored extends Partial<JournalPointer> {
  readonly clearedTo?: number;
  readonly writtenMicros?: number;
}

const clocks = new WriteClocks();
const timestamps: number[] = [];

/** Remembers the statements in their order, a batch as one with its number of rows. */
function open(segmentSize: number, stored?: Stored) {
  const sent: string[] = [];
  const values: unknown[][] = [];
  const session = {
    write: async (cql: string, params: unknown[], timestamp: number) => {
      sent.push(names.get(cql) ?? cql);
      values.push(params);
      timestamps.push(timestamp);
    },
    writeBatch: async (cql: string, rows: readonly unknown[], timestamp: number) => {
      sent.push(`${names.get(cql)} × ${rows.length}`);
      timestamps.push(timestamp);
    },
  } as unknown as CassandraSession;
  const { clearedTo, writtenMicros = 0, ...pointer } = stored ?? {};
  const head: JournalPointer = {
    at: given.place(1),
    segmentSize,
    seqNr: given.seqNr(8),
    deleteTo: undefined,
    expiry: undefined,
    recordId: undefined,
    ...pointer,
  };
  const key = Key.of('topic', 'id');
  const [segment] = SegmentNr.ofId(key.id);
  const created = [given.nowMs, '2024-01-01', 'maker'] as const;
  const row =
    stored === undefined ? undefined : { pointer: head, clearedTo, created, writtenMicros };
  const deps = { session, tables, clocks, segmentSize };
  const rows = new CassandraJournalRows(deps, { key, segment, row });
  const wakeUps = {
    load: async () => {},
    offset: async () => undefined,
    save: () => Promise.resolve(),
  };
  return {
    sent,
    values,
    journal: new KeyJournal(rows, { topic: key.topic, segmentSize, wakeUps }),
  };
}

describe('The rows of a journal in Cassandra', () => {
  it('stores event rows before the row of the journal, segments in ascending order', async () => {
    const { sent, journal } = open(3);
    await journal.append(given.append(5, [2, 7]), given.nowMs);
    expect(sent).to.deep.equal([
      'journal.insert × 2',
      'journal.insert × 3',
      'journal.insert',
      'metaJournal.insert',
    ]);
  });

  it('cuts a batch at 200 rows', async () => {
    const { sent, journal } = open(10_000, {});
    await journal.append(given.append(5, [9, 459]), given.nowMs);
    expect(sent).to.deep.equal([
      'journal.insert × 200',
      'journal.insert × 200',
      'journal.insert × 51',
      'metaJournal.insert',
    ]);
  });

  it('cuts a batch at 128 KiB, and never splits an event', async () => {
    const { sent, journal } = open(10_000, {});
    const sizes = [50_000, 50_000, 50_000, 300_000, 10];
    const [first, ...rest] = sizes.map((size, index) =>
      given.eventRecord(9 + index, 5, { payload: { type: 'text', value: 'x'.repeat(size) } }),
    );
    if (first === undefined) throw new Error('there is a first');
    await journal.append(
      {
        at: given.place(5),
        ranges: rangesOf([first, ...rest]),
        events: [first, ...rest],
        expireAfter: undefined,
      },
      given.nowMs,
    );
    expect(sent).to.deep.equal([
      'journal.insert × 2',
      'journal.insert',
      'journal.insert',
      'journal.insert',
      'metaJournal.insert',
    ]);
  });

  describeDeletes();
  describeCoveredAppends();
  describePurges();
  describeExpiries();
  describeTimestamps();
});

function describeDeletes(): void {
  it('deletes in two phases: what is deleted, the rows, the offset', async () => {
    const { sent, values, journal } = open(3, {});
    await journal.delete(given.deletion(5, 5), given.nowMs);
    expect(sent).to.deep.equal([
      'metaJournal.insert',
      'journal.deleteSegment',
      'journal.deleteTo',
      'metaJournal.updateCleared',
    ]);
    const offsets = [values[0]?.[4], values[3]?.[1]];
    expect(offsets).to.deep.equal([1, 5]);
  });

  it('deletes only what is new, whoever made the deletes before', async () => {
    for (const stored of [
      { deleteTo: given.seqNr(4) },
      { clearedTo: 4, deleteTo: given.seqNr(4) },
    ]) {
      const { sent, journal } = open(3, stored);
      await journal.delete(given.deletion(6, 7), given.nowMs);
      await journal.delete(given.deletion(7, 2), given.nowMs);
      expect(sent).to.deep.equal([
        'metaJournal.insert',
        'journal.deleteSegment',
        'journal.deleteTo',
        'metaJournal.updateCleared',
        'metaJournal.updateSeqNr',
      ]);
    }
  });

  it('deletes all that an interrupted delete may have left, however much', async () => {
    const stored = { clearedTo: 10, deleteTo: given.seqNr(900), seqNr: given.seqNr(1_000) };
    for (const to of [900, 850, 902]) {
      const { sent, journal } = open(2, stored);
      await journal.delete(given.deletion(5, to), given.nowMs);
      const segments = sent.filter((name) => name.startsWith('journal.'));
      expect(segments).to.have.length(to === 902 ? 446 : 445);
    }
  });

  it('keeps what an interrupted delete left in the row while the next one is under way', async () => {
    const stored = { clearedTo: 2, deleteTo: given.seqNr(5) };
    const { values, journal } = open(3, stored);
    await journal.delete(given.deletion(5, 7), given.nowMs);
    expect(values[0]?.slice(4, 8)).to.deep.equal([1, 3, 8, 7]);
    expect(values[0]?.at(-1)).to.equal('{"clearedTo":2}');
    expect(values.at(-1)?.slice(0, 4)).to.deep.equal([0, 5, given.nowMs, null]);
  });
}

function describeCoveredAppends(): void {
  const covered = (from: number, to: number, deleteTo: number) => ({
    ...given.append(5, [from, to]),
    ranges: [
      { at: given.place(3), from: given.seqNr(1), to: given.seqNr(1) },
      { at: given.place(5), from: given.seqNr(from), to: given.seqNr(to) },
    ] as const,
    deleteTo: given.seqNr(deleteTo),
  });

  it('hides with an append what the delete after it covers, and stores none of it', async () => {
    const { sent, values, journal } = open(3, {});
    await journal.append(covered(9, 12, 10), given.nowMs);
    await journal.delete(given.deletion(6, 10), given.nowMs);
    expect(sent).to.deep.equal([
      'journal.insert × 2',
      'metaJournal.insert',
      ...Array(3).fill('journal.deleteSegment'),
      'journal.deleteTo',
      'metaJournal.updateCleared',
    ]);
    expect(values[0]?.slice(4, 8)).to.deep.equal([5, 3, 12, 10]);
    expect(values[0]?.at(-1)).to.equal('{"clearedTo":0}');
  });

  it('reaches no further than the append, however far the delete asks', async () => {
    const { journal } = open(3, {});
    await journal.append(covered(9, 12, 900), given.nowMs);
    expect(journal.pointer).to.include({ seqNr: 12, deleteTo: 12 });
  });

  it('begins a journal at the oldest append, whose events may be left out', async () => {
    const { sent, values, journal } = open(3);
    await journal.append(covered(2, 4, 2), given.nowMs);
    expect(sent).to.deep.equal(['journal.insert', 'journal.insert', 'metaJournal.insert']);
    expect(journal.pointer).to.include({ seqNr: 4, deleteTo: 2 });
    expect(journal.pointer?.recordId).to.equal(recordIdOf(Topic.of('topic'), given.place(3)));
    // Of an attempt that was cut short there may be rows of any event.
    expect(values.at(-1)?.at(-1)).to.equal('{"clearedTo":0}');
  });
}

function describePurges(): void {
  it("removes a journal that only an old version's delete to 2^63-1 made, without walking there", async () => {
    const { sent, journal } = open(3, { seqNr: SeqNr.max, deleteTo: SeqNr.max });
    expect(await journal.purge(given.purge(5), given.nowMs)).to.equal(true);
    expect(sent.length).to.be.below(5);
    expect(sent.at(-1)).to.equal('metaJournal.delete');
  });

  it('walks to no number that no journal reaches, be it to delete or to purge, and names the row', async () => {
    const { sent, journal } = open(3, { seqNr: given.seqNr(2 ** 53 - 2) });
    const calls = [
      () => journal.delete(given.deletion(5, SeqNr.max), given.nowMs),
      () => journal.purge(given.purge(5), given.nowMs),
    ];
    for (const call of calls) {
      const error = await call().catch((cause: unknown) => cause);
      expect(error).to.be.instanceOf(DataIntegrityError);
      expect(String(error)).to.include('topic:id').and.include('seq_nr');
    }
    expect(sent).to.deep.equal([]);
  });

  it('purges every segment, whatever was deleted before, and the row last', async () => {
    const { sent, journal } = open(3, { deleteTo: given.seqNr(8) });
    await journal.purge(given.purge(5), given.nowMs);
    expect(sent).to.deep.equal([...Array(4).fill('journal.deleteSegment'), 'metaJournal.delete']);
  });

  it('keeps the range in the row until all segments are gone', async () => {
    const { sent, values, journal } = open(3, { deleteTo: given.seqNr(4) });
    await journal.purge(given.purge(5), given.nowMs);
    expect(sent.slice(0, 2)).to.deep.equal(['metaJournal.insert', 'journal.deleteSegment']);
    expect(values[0]?.slice(4, 8)).to.deep.equal([1, 3, 8, 8]);
    expect(values[0]?.at(-1)).to.equal('{"clearedTo":4,"purgingAt":5}');
  });

  it('purges from the first event that may be left, even beyond 100,000 segments', async () => {
    const stored = {
      seqNr: given.seqNr(300_000),
      deleteTo: given.seqNr(300_000),
      clearedTo: 20_000,
    };
    const { sent, journal } = open(2, stored);
    await journal.purge(given.purge(5), given.nowMs);
    expect(sent).to.have.length(150_000 - 10_000 + 1 + 1);
  });

  it('clears what an interrupted append may have left in front of it (V7)', async () => {
    const fresh = open(3);
    await fresh.journal.purge(given.purge(5, { upTo: 7 }), given.nowMs);
    expect(fresh.sent).to.deep.equal([
      'metaJournal.delete',
      ...Array(3).fill('journal.deleteSegment'),
    ]);
    const grown = open(3, {});
    await grown.journal.purge(given.purge(5, { upTo: 30 }), given.nowMs);
    expect(grown.sent.filter((name) => name === 'journal.deleteSegment')).to.have.length(11);
    const none = open(3);
    await none.journal.purge(given.purge(5), given.nowMs);
    expect(none.sent).to.deep.equal(['metaJournal.delete']);
  });
}

function describeExpiries(): void {
  const expiry = { after: given.days(1), on: '2024-02-29' };

  it('removes an expiry with the change of the row, never without it', async () => {
    const { sent, values, journal } = open(10, { expiry });
    await journal.append(given.append(5, [9]), given.nowMs);
    expect(sent).to.deep.equal(['journal.insert', 'metaJournal.insert']);
    expect(values[1]?.slice(11, 13)).to.deep.equal([null, null]);
  });

  it('says of an expiry what it knows once, so that a late write of a former owner loses', async () => {
    const { sent, journal } = open(10, {});
    await journal.append(given.append(5, [9]), given.nowMs);
    await journal.append(given.append(6, [10]), given.nowMs);
    await journal.append(given.append(7, [11], given.days(1)), given.nowMs);
    await journal.append(given.append(8, [12], given.days(1)), given.nowMs);
    const updates = sent.filter((name) => name.startsWith('metaJournal'));
    expect(updates).to.deep.equal([
      'metaJournal.insert',
      'metaJournal.updateSeqNr',
      'metaJournal.updateExpiry',
      'metaJournal.updateSeqNr',
    ]);
  });

  it('writes a row that it found again when all is applied, once: others may still send older rows', async () => {
    const { sent, journal } = open(10, {});
    expect(await journal.append(given.append(1, [8]), given.nowMs)).to.equal(false);
    expect(await journal.delete(given.deletion(1, 2), given.nowMs)).to.equal(false);
    expect(await journal.purge(given.purge(0), given.nowMs)).to.equal(false);
    expect(sent).to.deep.equal(['metaJournal.insert']);
  });

  it('writes a row whole at its first change, as it was made: a late removal leaves nothing of it', async () => {
    const { values, journal } = open(10, { expiry });
    await journal.append(given.append(5, [9], given.days(1)), given.nowMs);
    await journal.delete(given.deletion(6, 3), given.nowMs);
    const [whole = []] = values.slice(1, 2);
    expect(whole.slice(8, 11)).to.deep.equal([given.nowMs, '2024-01-01', given.nowMs]);
    expect(whole.slice(13)).to.deep.equal([null, 'maker', null]);
  });

  it('creates a row with nulls in place of what an earlier try may have set', async () => {
    const { values, journal } = open(10);
    await journal.append(given.append(5, [1]), given.nowMs);
    const [row = []] = values.slice(-1);
    expect([row[7], row[11], row[12]]).to.deep.equal([null, null, null]);
  });
}

function describeTimestamps(): void {
  const of = async (run: () => Promise<unknown>): Promise<readonly number[]> => {
    timestamps.length = 0;
    await run();
    return [...timestamps];
  };

  it('ascend from the time the ownership was checked, not from the time of the statement (ADR 29)', async () => {
    const nowMs = given.nowMs + 1_000_000;
    const { journal } = open(3, {});
    const written = await of(async () => {
      await journal.append(given.append(5, [9, 20]), nowMs);
      await journal.delete(given.deletion(6, 4), nowMs);
      await journal.purge(given.purge(7), nowMs);
      await journal.append(given.append(8, [1]), nowMs);
    });
    expect(written[0]).to.equal(nowMs * 1000);
    expect(written.at(-1)).to.be.below((nowMs + 1) * 1000);
    expect(written).to.deep.equal(written.toSorted((a, b) => a - b));
  });

  it('put rows that come after a purge above its deletes', async () => {
    const { journal } = open(3, {});
    const purged = await of(() => journal.purge(given.purge(7), given.nowMs));
    const inserted = await of(() => journal.append(given.append(8, [1]), given.nowMs));
    expect(Math.min(...inserted)).to.be.above(Math.max(...purged));
  });

  it('lie above the last change of the row, when its writer had a faster clock', async () => {
    const { journal } = open(3, { writtenMicros: (given.nowMs + 9_000_000) * 1000 });
    const written = await of(() => journal.append(given.append(5, [9]), given.nowMs));
    expect(Math.min(...written)).to.be.above((given.nowMs + 9_000_000) * 1000);
  });
}
