import { expect } from 'chai';
import { recordIdOf } from '../../../src/codec/record/record-id.ts';
import { type Batch, collapse } from '../../../src/history/batch.ts';
import { Head } from '../../../src/history/head.ts';
import { CachedHead } from '../../../src/journal/head-cache/cached-head.ts';
import type { ActionRecord } from '../../../src/model/action.ts';
import type { JournalPointer } from '../../../src/model/journal-pointer.ts';
import { Offset } from '../../../src/model/position.ts';
import { SeqNr } from '../../../src/model/seq-nr.ts';
import * as given from '../../contract/replicated-store.ts';
import { type Truth, TruthLine } from '../../simulation/truth.ts';
import { expectSame } from '../../support/expect-same.ts';
import { append, deletion, mark, purge, recordKey } from '../../support/journal/action-records.ts';
import {
  applyAppend,
  applyDelete,
  applyPurge,
  type StoredJournal,
} from '../../support/replicator/memory-replicated-journal.ts';

const longest = 5;

/** By the offset of a generation's first append. */
const recordIds = Array.from({ length: longest }, (_, offset) =>
  recordIdOf(recordKey.topic, given.place(offset)),
);

/** What may come next, given what the journal is; `undefined` = the same as another one. */
const deeds: readonly ((at: number, truth: Truth) => ActionRecord | undefined)[] = [
  (at, { last = 0 }) => append(at, [last + 1, last + 2]),
  // Begins at a number that is taken and reaches above it; of a new life, begins above 1.
  (at, { last }) => append(at, last === undefined ? [3, 4] : [last, last + 1]),
  (at) => deletion(at, 1),
  (at) => deletion(at, 9),
  (at) => purge(at),
  (at, { lastAction }) => (lastAction === undefined ? undefined : purge(at, lastAction)),
  // The last action but one as a rule: something came in between.
  (at, { lastAction = 0 }) => purge(at, lastAction > 0 ? lastAction - 1 : at),
  (at) => mark(at),
];

/**
 * A history, and what it means by the definition (docs/format.md#reading), after any of its
 * records.
 */
class History {
  readonly records: readonly ActionRecord[];
  readonly #line = new TruthLine();

  constructor(records: readonly ActionRecord[]) {
    this.records = records;
    for (const record of records) this.#line.add(record);
  }

  get length(): number {
    return this.records.length;
  }

  get text(): string {
    const texts = this.records.map(({ action: { header }, at }) => {
      const { type } = header;
      if (type === 'append') return `append@${at.offset} ${header.range.from}..${header.range.to}`;
      if (type === 'delete') return `delete@${at.offset} to ${header.to}`;
      if (type === 'purge') return `purge@${at.offset} only at ${header.onlyAt}`;
      return `mark@${at.offset}`;
    });
    return texts.join(', ');
  }

  /** After the records below `end`. */
  at(end: number): Truth {
    return this.#line.at(end);
  }

  /** Appends of the generation that `end` belongs to, oldest first. */
  appendsOf(end: number): readonly ActionRecord[] {
    const { generation } = this.at(end);
    return this.records.filter(
      ({ action, at: { offset } }) =>
        offset < end &&
        action.header.type === 'append' &&
        this.at(offset + 1).generation === generation,
    );
  }

  /** The journal's row once the records below `end` are replicated (docs/format.md#replication). */
  pointerAt(end: number): JournalPointer | undefined {
    const { lastAction = 0, first, last, deleteTo } = this.at(end);
    const [oldest] = this.appendsOf(end);
    if (oldest === undefined || first === undefined || last === undefined) return undefined;
    const gone = Math.max(first - 1, deleteTo);
    return {
      at: given.place(lastAction),
      segmentSize: 10,
      seqNr: SeqNr.of(last),
      deleteTo: gone === 0 ? undefined : SeqNr.of(gone),
      expiry: undefined,
      recordId: recordIds[oldest.at.offset],
    };
  }

  /** That row with the rows of events. */
  storedAt(end: number): StoredJournal {
    const pointer = this.pointerAt(end);
    const events: StoredJournal['events'] = new Map();
    if (pointer === undefined) return { pointer, events };
    const { losers } = this.at(end);
    const gone = pointer.deleteTo ?? 0;
    for (const { action, at } of this.appendsOf(end)) {
      if (action.header.type !== 'append') continue;
      const { from, to } = action.header.range;
      const isLoser = losers.some(({ offset }) => offset === at.offset);
      // Of one that loses, the events up to the last number of its time, which show the conflict.
      const kept = isLoser ? Math.min(to, this.at(at.offset + 1).last ?? 0) : to;
      for (let seqNr: number = from; seqNr <= kept; seqNr++) {
        if (seqNr > gone) events.set(`${seqNr}@${at.offset}`, { seqNr, offset: at.offset });
      }
    }
    return { pointer, events };
  }
}

function forEachHistory(check: (history: History) => void): number {
  let count = 0;
  const grow = (records: readonly ActionRecord[]): void => {
    const history = new History(records);
    count += 1;
    check(history);
    if (records.length === longest) return;
    const truth = history.at(records.length);
    for (const deed of deeds) {
      const next = deed(records.length, truth);
      if (next !== undefined) grow([...records, next]);
    }
  };
  grow([]);
  return count;
}

function apply(stored: StoredJournal, batch: Batch): void {
  if (batch.type === 'delete') applyDelete(stored, batch);
  else if (batch.type === 'purge') applyPurge(stored, batch);
  else {
    const [range, ...ranges] = batch.ranges;
    const [event, ...events] = batch.records.flatMap(({ action, at }) => {
      const { from, to } = action.header.range;
      const numbers = Array.from({ length: to - from + 1 }, (_, index) => from + index);
      return numbers.map((number) => given.eventRecord(number, at.offset));
    });
    if (range === undefined || event === undefined) throw new Error('an append holds events');
    applyAppend(stored, {
      at: batch.at,
      ranges: [range, ...ranges],
      events: [event, ...events],
      expireAfter: undefined,
      deleteTo: batch.deleteTo,
    });
  }
}

/**
 * Everything that anybody depends on; rows of events that the journal's row calls deleted nobody
 * sees.
 */
function visible({ pointer, events }: StoredJournal): unknown {
  const live = [...events.entries()].filter(([, { seqNr }]) => seqNr > (pointer?.deleteTo ?? 0));
  return { pointer, live: live.map(([name]) => name).toSorted() };
}

/**
 * What a reader makes of the head of the records from `replicated` on, and of the store as of then.
 */
function readOf(history: History, replicated: number, head: Head): unknown {
  const pointer = history.pointerAt(replicated);
  if (head.conditions.length > 0) {
    head.settlePurge(pointer !== undefined && head.conditions.includes(pointer.at.offset));
  }
  const isAlive = pointer !== undefined && !head.purged;
  const fold = head.fold(isAlive ? pointer.seqNr : undefined);
  const deleteTo = Math.max(fold.deleteTo ?? 0, (isAlive && pointer.deleteTo) || 0);
  const stored = isAlive ? history.at(replicated).events : [];
  const appended = fold.appends.flatMap(({ action, at: { offset } }) => {
    const { from, to } = action.header.range;
    return Array.from({ length: to - from + 1 }, (_, index) => ({ seqNr: from + index, offset }));
  });
  return {
    last: fold.last,
    events: [...stored, ...appended].filter(({ seqNr }) => seqNr > deleteTo),
    losers: fold.conflicts.map(({ loser }) => loser.at.offset),
    // A purge of nothing leaves nothing to tell apart.
    isPurged: pointer !== undefined && head.purged,
  };
}

function truthOf(history: History, replicated: number): unknown {
  const truth = history.at(history.length);
  const pointer = history.pointerAt(replicated);
  const unreplicated = truth.losers.filter(({ offset }) => offset >= replicated);
  return {
    last: truth.last,
    events: truth.events,
    losers: unreplicated.map(({ offset }) => offset),
    isPurged: pointer !== undefined && history.at(replicated).generation !== truth.generation,
  };
}

function headOf(records: readonly ActionRecord[], head = new Head()): Head {
  for (const record of records) head.add(record);
  return head;
}

function cachedHeadOf(records: readonly ActionRecord[]): CachedHead {
  const cached = new CachedHead(Offset.min, -1);
  for (const record of records) {
    if (record.action.header.type !== 'mark') cached.add(record, 1);
  }
  return cached;
}

describe(`every history of up to ${longest} actions on one journal`, function () {
  this.timeout(120_000);

  it('is applied to a row as it is defined, wherever a poll begins (I11)', () => {
    const count = forEachHistory((history) => {
      const expected = visible(history.storedAt(history.length));
      for (let from = 0; from < history.length; from++) {
        const stored = history.storedAt(from);
        for (const batch of collapse(history.records.slice(from))) apply(stored, batch);
        expectSame(visible(stored), expected, () => `${history.text}; polled from ${from}`);
      }
    });
    expect(count).to.be.above(20_000);
  });

  it('is read from a head as it is defined, wherever the log takes over from the store', () => {
    forEachHistory((history) => {
      for (let from = 0; from <= history.length; from++) {
        const read = readOf(history, from, headOf(history.records.slice(from)));
        expectSame(read, truthOf(history, from), () => `${history.text}; head from ${from}`);
      }
    });
  });

  it('is read from the head cache as from the log, with its records or where they lie (I16)', () => {
    forEachHistory((history) => {
      const held = cachedHeadOf(history.records);
      const released = cachedHeadOf(history.records);
      released.release();
      for (let from = 0; from <= history.length; from++) {
        const replicated = from === 0 ? undefined : Offset.of(from - 1);
        const place = (): string => `${history.text}; head from ${from}`;
        const truth = truthOf(history, from);
        expectSame(readOf(history, from, held.headAt(replicated)), truth, place);
        if (released.isHeld) continue;
        const named = history.records.filter(({ at: { offset } }) =>
          released.rangesAt(replicated).some((range) => range.from <= offset && offset < range.to),
        );
        const head = headOf(named, released.headAt(replicated));
        expectSame(readOf(history, from, head), truth, place);
      }
    });
  });

  it('gives a writer only certain conflicts, wherever the head cache began to look (ADR 17)', () => {
    forEachHistory((history) => {
      const { losers, last = 0 } = history.at(history.length);
      for (let from = 0; from < history.length; from++) {
        const { conflict, highestClaim } = cachedHeadOf(history.records.slice(from));
        const claimed = highestClaim?.from ?? 0;
        const isCertain =
          conflict === undefined ||
          losers.some(({ offset }) => offset === conflict.loser.at.offset);
        if (claimed <= last && isCertain) continue;
        expect.fail(`${history.text}; seen from ${from}: ${claimed}, ${conflict?.loser.at.offset}`);
      }
    });
  });
});
