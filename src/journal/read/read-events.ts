import { eventRecordsOf } from '../../codec/record/events-codec.ts';
import type { HeadFold } from '../../history/head.ts';
import type { EventRecord } from '../../model/event.ts';
import type { JournalPointer } from '../../model/journal-pointer.ts';
import type { Key } from '../../model/key.ts';
import { SeqNr } from '../../model/seq-nr.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import type { ProgressDeadline } from '../../runtime/progress-deadline.ts';
import type { JournalParts } from '../journal-parts.ts';
import { beginningOfRecord } from './beginning-of-record.ts';
import { DeliveryOrder } from './delivery-order.ts';
import { lastStoredByEvents } from './last-stored.ts';
import { readStored } from './read-stored.ts';
import { reportConflicts } from './report-conflicts.ts';
import { LeadingGap, Looks, type Snapshot, torn } from './snapshot.ts';
import { readDeadline, takeSnapshot } from './take-snapshot.ts';

/** Events given out at once from the log's part. */
const headBatchEvents = 500;

/**
 * Everything acknowledged for the key before this call and not deleted, from `from` on: ascending,
 * each number once. Returns the highest number of the journal as of the same moment.
 *
 * The replicated offset is a clean cut: the store contributes exactly the state as of it, the log
 * everything after it, so nothing that a replicator does between two statements can be seen.
 */
export async function* readEvents(
  parts: JournalParts,
  request: { readonly key: Key; readonly from: SeqNr },
  options?: CallOptions,
): AsyncGenerator<readonly EventRecord[], SeqNr | undefined> {
  const deadline = readDeadline(parts, request.key, options);
  try {
    const gap = new LeadingGap();
    for (const looks = new Looks(parts, request.key); ; ) {
      const order = new DeliveryOrder(parts, request.key);
      try {
        const { isAgain } = looks;
        const snapshot = await takeSnapshot(parts, request.key, { deadline, isAgain });
        const read: Read = { parts, ...request, snapshot, order, deadline, gap };
        return yield* unhurried(deliver(read), deadline);
      } catch (error) {
        if (order.started) throw looks.tornError(error);
        await looks.again(error, deadline.signal);
      }
    }
  } finally {
    deadline.dispose();
  }
}

/**
 * The time that the caller takes over a batch does not count as silence of log or store. Between two batches the
 * read's signal is looked at: what is left may be in memory, and wait for nothing that would.
 */
async function* unhurried<T, R>(
  batches: AsyncGenerator<T, R>,
  deadline: ProgressDeadline,
): AsyncGenerator<T, R> {
  let ended = false;
  try {
    for (;;) {
      const step = await batches.next();
      ended = step.done === true;
      if (step.done) return step.value;
      deadline.pause();
      yield step.value;
      deadline.signal.throwIfAborted();
      deadline.progress();
    }
  } finally {
    if (!ended) await batches.return(undefined as R);
  }
}

interface Read {
  readonly parts: JournalParts;
  readonly key: Key;
  readonly from: SeqNr;
  readonly snapshot: Snapshot;
  readonly order: DeliveryOrder;
  readonly deadline: ProgressDeadline;
  /** Of this look and the ones before. */
  readonly gap: LeadingGap;
}

async function* deliver(read: Read): AsyncGenerator<readonly EventRecord[], SeqNr | undefined> {
  const { head, pointer } = read.snapshot;
  const lastStored = pointer === undefined ? undefined : yield* deliverRows(read, pointer);
  const fold = head.fold(lastStored);
  const first = firstWanted(read.from, fold.deleteTo, pointer?.deleteTo);
  if (first !== undefined) yield* deliverHead(read, fold, first);
  return fold.last ?? lastUntold(read);
}

/** Nothing tells the last number as of the cut: all is deleted, and the row lies behind the end. */
function lastUntold({ snapshot }: Read): undefined {
  if (snapshot.pointer !== undefined) throw torn;
}

/** Answers the last number stored as of the cut; `undefined` when the rows do not tell it. */
async function* deliverRows(
  read: Read,
  pointer: JournalPointer,
): AsyncGenerator<readonly EventRecord[], SeqNr | undefined> {
  const { head, lastStored } = read.snapshot;
  const { deleteTo } = head.fold(lastStored);
  const first = firstWanted(read.from, pointer.deleteTo, deleteTo);
  if (first === undefined) return lastStored ?? (await lastByEvents(read));
  read.order.expect(first);
  const firstLive = firstWanted(SeqNr.min, pointer.deleteTo, deleteTo);
  const lastRow = yield* deliverStored(read, { pointer, first, firstLive });
  // With a replicator of the JVM system the row may owe its number to a record that loses; the rows kept do not.
  const known = isUnique(read) ? (lastStored ?? lastRow) : (lastRow ?? lastStored);
  return known ?? (await lastByEvents(read));
}

function lastByEvents({ parts, key, snapshot, deadline }: Read): Promise<SeqNr | undefined> {
  return lastStoredByEvents(parts, { key, snapshot }, { signal: deadline.signal });
}

function isUnique({ parts }: Read): boolean {
  return parts.settings.dataIntegrity.seqNrUniqueness;
}

/** The first number that is neither below `from` nor deleted; `undefined` when all are deleted. */
function firstWanted(from: SeqNr, ...deleteTo: (SeqNr | undefined)[]): SeqNr | undefined {
  let first: SeqNr | undefined = from;
  for (const to of deleteTo) {
    if (to === undefined || first === undefined || to < first) continue;
    first = SeqNr.next(to);
  }
  return first;
}

interface StoredRows {
  readonly pointer: JournalPointer;
  /** First number to give out. */
  readonly first: SeqNr;
  /** First number that is not deleted. */
  readonly firstLive: SeqNr | undefined;
}

/** Answers the last number that the rows hold, as of the cut. */
async function* deliverStored(
  read: Read,
  { pointer, first, firstLive = first }: StoredRows,
): AsyncGenerator<readonly EventRecord[], SeqNr | undefined> {
  const { parts, key, snapshot, order, deadline } = read;
  const { signal } = deadline;
  // Which of two conflicting records loses shows only where both begin.
  const stored = { key, cut: snapshot.cut, pointer };
  const from = isUnique(read)
    ? await beginningOfRecord(parts, { ...stored, first, firstLive }, { signal })
    : firstLive;
  const part = { ...stored, from };
  let last: SeqNr | undefined;
  for await (const rows of readStored(parts, part, { signal })) {
    deadline.progress();
    last = rows.at(-1)?.event.seqNr;
    const page = from === first ? rows : rows.filter(({ event }) => event.seqNr >= first);
    if (page.length === 0) continue;
    if (!order.follows(page)) {
      restartAtLeadingGap(read, page);
      await checkNotTorn(read, pointer);
      order.report(page);
    }
    order.delivered(page);
    yield page;
  }
  if (isShort(read, pointer, last)) await checkNotTorn(read, pointer);
  return last;
}

/** Rows end early. Those below the first number wanted count too: the last number may be taken from them. */
function isShort(
  { order, snapshot }: Read,
  pointer: JournalPointer,
  last: SeqNr | undefined,
): boolean {
  const highest = snapshot.lastStored ?? pointer.seqNr;
  return order.isBehind(highest) || (last !== undefined && last < highest);
}

/**
 * Events in front are missing although the store had a state: was the journal purged between the
 * look at the replicated offset and the look at its row? A gap that stays is accepted.
 */
function restartAtLeadingGap({ order, gap }: Read, page: readonly EventRecord[]): void {
  if (order.isLeadingGap(page) && !gap.stays(page)) throw torn;
}

/** Rows are missing: because the journal was deleted or purged while they were read? */
async function checkNotTorn(
  { parts, key, snapshot, deadline }: Read,
  was: JournalPointer,
): Promise<void> {
  const now = await parts.eventual.pointer(key, { signal: deadline.signal });
  const known = snapshot.head.fold(snapshot.lastStored).deleteTo ?? 0;
  const same =
    now !== undefined &&
    now.recordId === was.recordId &&
    (now.deleteTo ?? 0) <= Math.max(was.deleteTo ?? 0, known);
  if (!same) throw torn;
}

async function* deliverHead(
  read: Read,
  fold: HeadFold,
  from: SeqNr,
): AsyncGenerator<readonly EventRecord[], void> {
  const { parts, key, order, snapshot } = read;
  const { pointer } = snapshot;
  await reportConflicts(parts, key, { fold, pointer, signal: read.deadline.signal });
  if (pointer === undefined) order.expect(from);
  const isWhole = snapshot.head.purged || snapshot.cut.replicated === undefined;
  for (const batch of headBatches(fold, from)) {
    if (!isWhole) restartAtLeadingGap(read, batch);
    yield order.pass(batch);
  }
}

function* headBatches(fold: HeadFold, from: SeqNr): Generator<readonly EventRecord[]> {
  let batch: EventRecord[] = [];
  for (const append of fold.appends) {
    if (append.action.header.range.to < from) continue;
    for (const record of eventRecordsOf(append)) {
      if (record.event.seqNr >= from) batch.push(record);
    }
    if (batch.length < headBatchEvents) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
