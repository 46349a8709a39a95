import {
  judgeLast,
  judgeNumbers,
  type LastFacts,
  type NumberFacts,
} from '../../history/judge-cut.ts';
import type { EventRecord } from '../../model/event.ts';
import type { JournalPointer } from '../../model/journal-pointer.ts';
import type { Offset, Partition } from '../../model/position.ts';
import { SeqNr } from '../../model/seq-nr.ts';
import type { StoredEvent } from '../../ports/eventual-journal.ts';
import { onConflict } from '../conflicts.ts';
import { type Attempt, type EventAttempt, firstWanted, type Outcome } from './attempt.ts';

/**
 * The event rows as of R, from the first number wanted that is not deleted. Answers the last number
 * stored as of the cut; `undefined` when nothing was stored that an append of the head could
 * conflict with.
 *
 * @throws {StoreUnavailableError} retryable
 * @throws {DataIntegrityError} conflicting rows, or a hole between two events, as the settings say
 * @throws {CodecError} a row cannot be decoded
 */
export async function* deliverRows(
  attempt: EventAttempt,
  row: JournalPointer,
): AsyncGenerator<readonly EventRecord[], Outcome> {
  const { deps, head, lastStored, from } = attempt;
  const { deleteTo } = head.fold(lastStored);
  const first = firstWanted(from, row.deleteTo, deleteTo);
  let lastRow: Outcome;
  if (first !== undefined) {
    const firstLive = firstWanted(SeqNr.min, row.deleteTo, deleteTo) ?? first;
    lastRow = yield* deliverPages(attempt, row, first, firstLive);
    if (lastRow === 'torn') return 'torn';
  }
  // With a replicator of the JVM system the row may owe its number to a record that loses; the rows
  // kept do not.
  const isUnique = deps.settings.dataIntegrity.seqNrUniqueness;
  const known = isUnique ? (lastStored ?? lastRow) : (lastRow ?? lastStored);
  return known ?? (await lastByRows(attempt, row, 'events'));
}

/** The rows from `first` on. Answers the last number that they hold. */
async function* deliverPages(
  attempt: EventAttempt,
  row: JournalPointer,
  first: SeqNr,
  firstLive: SeqNr,
): AsyncGenerator<readonly EventRecord[], Outcome> {
  const { lastStored, order, deadline } = attempt;
  order.expect(first);
  let lastRow: SeqNr | undefined;
  for await (const rows of rowsFrom(attempt, row, first, firstLive)) {
    deadline.progress();
    lastRow = rows.at(-1)?.event.seqNr;
    const page = notBefore(first, rows);
    if (page.length === 0) continue;
    const missing = order.missingFrom(page);
    if (missing !== undefined && (await isTorn(attempt, row, missing, page))) return 'torn';
    yield order.pass(page);
  }
  // Rows below the first number wanted count too: the last number may be taken from them.
  const highest = lastStored ?? row.seqNr;
  const isShort = order.lacks(highest) || (lastRow ?? highest) < highest;
  return isShort && (await isTorn(attempt, row, 'last', [])) ? 'torn' : lastRow;
}

/** The ascending rows from number `first` on. */
function notBefore(first: SeqNr, rows: readonly EventRecord[]): readonly EventRecord[] {
  const isWhole = rows[0] === undefined || rows[0].event.seqNr >= first;
  return isWhole ? rows : rows.filter(({ event }) => event.seqNr >= first);
}

/** Rows are missing: because somebody deletes from or purges the journal? */
async function isTorn(
  attempt: EventAttempt,
  row: JournalPointer,
  missing: 'first' | 'between' | 'last',
  page: readonly EventRecord[],
): Promise<boolean> {
  const { head, lastStored, looks } = attempt;
  const again = missing === 'first' && looks.beginsAgain(page) ? 'first again' : missing;
  const facts: NumberFacts = { part: 'rows', missing: again, rowAgain: 'unread' };
  const verdict = judgeNumbers(facts);
  if (verdict !== 'look at the row again') return verdict === 'torn';
  const now = await rowAgain(attempt, row);
  const known = Math.max(row.deleteTo ?? 0, head.fold(lastStored).deleteTo ?? 0);
  const isSame = now !== undefined && (now.deleteTo ?? 0) <= known;
  return judgeNumbers({ ...facts, rowAgain: isSame ? 'unchanged' : 'changed' }) === 'torn';
}

/** The row, read once more; `undefined` when its generation is over. */
async function rowAgain(
  { deps, key, deadline }: Attempt,
  { recordId }: JournalPointer,
): Promise<JournalPointer | undefined> {
  const now = await deps.eventual.pointer(key, { signal: deadline.signal });
  return now?.recordId === recordId ? now : undefined;
}

/**
 * The last number stored as of the cut, where the row does not say it: it was written after the
 * cut. Then we look at the event rows from the first number of the head's first append on.
 * `undefined` when there are none, so that what was stored ends before it.
 *
 * If a replicator removed event rows since the row was read, their numbers would look free. Before
 * it removes any, it makes the journal's row hide them. So the row is read once more, after the
 * event rows.
 *
 * @throws {StoreUnavailableError} retryable
 * @throws {DataIntegrityError} conflicting rows, as the settings say
 */
export async function lastByRows(
  attempt: Attempt,
  row: JournalPointer,
  wanted: 'events' | 'number',
): Promise<Outcome> {
  const known = await lastFound(attempt, row);
  return judgeLast({ wanted, append: known.append }) === 'torn' ? 'torn' : known.last;
}

/** A last number stored as of the cut, and what became of the head's first append. */
interface LastFound {
  readonly append: LastFacts['append'];
  readonly last: SeqNr | undefined;
}

async function lastFound(attempt: Attempt, row: JournalPointer): Promise<LastFound> {
  const from = attempt.head.firstAppend?.action.header.range.from;
  if (from === undefined) return { append: 'none', last: undefined };
  // A raw delete of an old version left 2^63-1: there are no rows to look for.
  if (row.seqNr === SeqNr.max) return { append: 'free', last: row.seqNr };
  let last: SeqNr | undefined;
  for await (const rows of readStored(attempt, row, { from })) last = rows.at(-1)?.event.seqNr;
  const now = await rowAgain(attempt, row);
  if (now === undefined) return { append: 'hidden', last };
  return lastBefore(attempt, now, { from, last });
}

/** What the event rows from the head's first append on have shown. */
interface RowsFound {
  /** First number of the append. */
  readonly from: SeqNr;
  /** The last number found. */
  readonly last: SeqNr | undefined;
}

function lastBefore(
  { cut: { end }, head }: Attempt,
  { at, deleteTo, seqNr }: JournalPointer,
  { from, last }: RowsFound,
): LastFound {
  if (deleteTo === undefined || deleteTo < Math.max(from, last ?? 0)) {
    return { append: 'free', last };
  }
  // Rows of the JVM system may be deleted beyond their last number.
  const hidden = SeqNr.lesserOf(deleteTo, seqNr);
  const isDeletedByHead = (head.fold(last).deleteTo ?? 0) >= hidden;
  // A record after the end may have given the row a number that the head would give it too.
  if (!isDeletedByHead || at.offset >= end.offset) return { append: 'hidden', last };
  // The row is the state after the record at its offset: which last number before the head leads
  // to it?
  const leadsToRow = (before: SeqNr | undefined): boolean =>
    head.fold(before, at.offset).last === seqNr;
  if (leadsToRow(last)) return { append: 'took', last };
  return leadsToRow(hidden) ? { append: 'lost', last: hidden } : { append: 'hidden', last };
}

/** How much further back each look for the beginning of a record goes than the one before. */
const widening = 16;

/**
 * The rows from `first` on, after some before it, so that a conflict shows: which of two records
 * loses shows only where both begin, and a record that holds `first` in its middle may have lost at
 * its beginning. Without `seq-nr-uniqueness` all rows have to be compared.
 *
 * Most records are short. So the read begins a little before `first`, and mostly shows the
 * beginning of the record without a round trip of its own. Nothing is given out before that is
 * found.
 */
async function* rowsFrom(
  attempt: EventAttempt,
  row: JournalPointer,
  first: SeqNr,
  firstLive: SeqNr,
): AsyncGenerator<readonly EventRecord[], void> {
  const isUnique = attempt.deps.settings.dataIntegrity.seqNrUniqueness;
  const from = isUnique ? SeqNr.of(Math.max(firstLive, first - widening)) : firstLive;
  let held: EventRecord[] | undefined = from === firstLive ? undefined : [];
  for await (const rows of readStored(attempt, row, { from })) {
    if (held === undefined) {
      yield rows;
      continue;
    }
    held.push(...rows);
    if ((held.at(-1)?.event.seqNr ?? 0) < first) continue;
    await findBeginning(attempt, row, held, { first, firstLive });
    yield held;
    held = undefined;
  }
  if (held === undefined) return;
  await findBeginning(attempt, row, held, { first, firstLive });
  if (held.length > 0) yield held;
}

/**
 * Compares the rows before those that are held, back to one of another record than that of `first`;
 * to `firstLive`, the first number that is not deleted, when all of them are of the same record.
 *
 * @throws {DataIntegrityError} two of them conflict
 */
async function findBeginning(
  attempt: EventAttempt,
  row: JournalPointer,
  held: readonly EventRecord[],
  { first, firstLive }: { readonly first: SeqNr; readonly firstLive: SeqNr },
): Promise<void> {
  let rows = held.filter(({ event }) => event.seqNr <= first);
  let back = widening;
  while (first - back > firstLive && rows[0]?.record.at.offset === rows.at(-1)?.record.at.offset) {
    back *= widening;
    const from = SeqNr.of(Math.max(firstLive, first - back));
    rows = [];
    for await (const page of readStored(attempt, row, { from, to: first })) rows.push(...page);
  }
}

/** Numbers of rows, both inclusive; to the last one of the journal unless given. */
interface Numbers {
  readonly from: SeqNr;
  readonly to?: SeqNr;
}

/**
 * The stored events as of R, ascending, each number once. Rows after R are left out, whatever the
 * replicator is doing at the moment: the log has them, whole. Rows of another generation are left
 * out too.
 */
async function* readStored(
  attempt: Attempt,
  row: JournalPointer,
  { from, to = row.seqNr }: Numbers,
): AsyncGenerator<readonly EventRecord[], void> {
  if (from > row.seqNr) return;
  const { deps, key, cut, deadline } = attempt;
  const { seqNrUniqueness, correlateEventsWithMeta } = deps.settings.dataIntegrity;
  const { partition } = cut.end;
  const replicated = cut.replicated ?? -1;
  const belongs: Belongs = ({ record: { at }, recordId }) => {
    if (at.partition === partition && at.offset > replicated) return false;
    if (row.recordId === undefined || row.recordId === recordId) return true;
    return recordId === undefined && !correlateEventsWithMeta;
  };
  const range = { from, to: SeqNr.lesserOf(to, row.seqNr), segmentSize: row.segmentSize };
  const pages = deps.eventual.read(key, range, { signal: deadline.signal });
  if (seqNrUniqueness) yield* uniquePages(attempt, pages, belongs);
  else yield* withoutLosers(attempt, pages, belongs);
}

type Pages = AsyncIterable<readonly StoredEvent[]>;
/** Whether an event row belongs to the store's part of the read. */
type Belongs = (stored: StoredEvent) => boolean;

/**
 * The rows that belong, for reads that fail on conflicting ones: the loser may be given out already
 * when it is found. Ascending numbers have ascending offsets unless two writers wrote at once.
 */
async function* uniquePages(
  attempt: Attempt,
  pages: Pages,
  belongs: Belongs,
): AsyncGenerator<readonly EventRecord[], void> {
  let previous: StoredEvent | undefined;
  for await (const page of pages) {
    const kept = page.every(belongs) ? page : page.filter(belongs);
    for (const row of kept) {
      if (previous !== undefined && conflicts(previous, row)) report(attempt, previous, row);
      previous = row;
    }
    if (kept.length > 0) yield kept;
  }
}

function conflicts(a: StoredEvent, b: StoredEvent): boolean {
  if (b.event.seqNr === a.event.seqNr) return true;
  const from = a.record.at;
  const to = b.record.at;
  return to.offset < from.offset && to.partition === from.partition;
}

/**
 * Reads all rows, lets the records take their numbers in offset order, and drops the losers whole.
 */
async function* withoutLosers(
  attempt: Attempt,
  pages: Pages,
  belongs: Belongs,
): AsyncGenerator<readonly EventRecord[], void> {
  // Offsets of two partitions cannot be compared. A key that has moved has its lower numbers in the
  // partition that comes first here.
  const byPartition = new Map<Partition, Map<Offset, StoredEvent[]>>();
  for await (const page of pages) {
    for (const row of page) {
      if (!belongs(row)) continue;
      const { partition, offset } = row.record.at;
      const byOffset = byPartition.get(partition) ?? new Map<Offset, StoredEvent[]>();
      byPartition.set(partition, byOffset);
      const record = byOffset.get(offset);
      if (record === undefined) byOffset.set(offset, [row]);
      else record.push(row);
    }
  }
  const records = [...byPartition.values()].flatMap((byOffset) =>
    [...byOffset].sort(([a], [b]) => a - b),
  );
  const kept: StoredEvent[] = [];
  for (const [, record] of records) {
    const winner = kept.at(-1);
    const first = record[0];
    if (winner !== undefined && first !== undefined && first.event.seqNr <= winner.event.seqNr) {
      report(attempt, winner, first);
    } else kept.push(...record);
  }
  if (kept.length > 0) yield kept;
}

/**
 * Of two conflicting rows of one partition the one with the smaller offset wins, else the first.
 */
function report({ deps, key }: Attempt, a: StoredEvent, b: StoredEvent): void {
  const [at, next] = [a.record.at, b.record.at];
  const isInOrder = at.partition !== next.partition || at.offset <= next.offset;
  const [winner, loser] = isInOrder ? [a, b] : [b, a];
  onConflict(deps, key, {
    winner: winner.record,
    loser: loser.record,
    seqNr: SeqNr.lesserOf(winner.event.seqNr, loser.event.seqNr),
  });
}
