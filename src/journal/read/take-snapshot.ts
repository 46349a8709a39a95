import { recordIdOf } from '../../codec/record/record-id.ts';
import type { Head } from '../../history/head.ts';
import { DataIntegrityError, DeadlineExceededError } from '../../model/errors.ts';
import type { JournalPointer } from '../../model/journal-pointer.ts';
import type { Key } from '../../model/key.ts';
import type { Topic } from '../../model/position.ts';
import { SeqNr } from '../../model/seq-nr.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import { settleBoth } from '../../runtime/concurrency.ts';
import { ProgressDeadline } from '../../runtime/progress-deadline.ts';
import type { JournalParts } from '../journal-parts.ts';
import { checkLogReaches, checkNotPurgedBehind } from './check-log.ts';
import type { Cut } from './cut.ts';
import { endByMarker } from './end-by-marker.ts';
import { lastStoredByRow } from './last-stored.ts';
import { findHead, type UnreadHead } from './read-head.ts';
import { type Snapshot, torn } from './snapshot.ts';

interface Stored {
  readonly cut: Cut;
  readonly row: JournalPointer | undefined;
}

export function readDeadline(
  parts: JournalParts,
  key: Key,
  options: CallOptions | undefined,
): ProgressDeadline {
  const limitMs = parts.settings.readTimeoutMs;
  const onExpiry = (): Error =>
    new DeadlineExceededError(`reading ${key.topic}:${key.id} made no progress for ${limitMs} ms`);
  return new ProgressDeadline(limitMs, onExpiry, options?.signal);
}

/**
 * The end, then the replicated offset, then the log's part and the store's row side by side.
 *
 * @param isAgain an attempt before was torn: what the head cache holds may be what the store has moved on
 * from, so the log is read from the replicated offset of this moment
 * @throws {@link torn} another process purges the journal at the moment
 */
export async function takeSnapshot(
  parts: JournalParts,
  key: Key,
  { deadline, isAgain }: { readonly deadline: ProgressDeadline; readonly isAgain: boolean },
): Promise<Snapshot> {
  const { signal } = deadline;
  const readEnd = parts.readEnd ?? endByMarker(parts);
  const end = await readEnd.find(key, { signal });
  const headCache = isAgain ? undefined : parts.headCache;
  const unread = await findHead({ ...parts, headCache }, { key, end }, { signal });
  const { cut } = unread;
  await checkLogReaches(parts, { key, end, replicated: cut.replicated }, deadline);
  const [head, row] = await settleBoth(
    readHead(unread, deadline),
    readRow(parts, { key, unread }, { signal }),
  );
  deadline.progress();
  if (row !== undefined) readEnd.check(key, row, cut.end);
  if (head.conditions.length > 0) head.settlePurge(isPurged(head, key.topic, { cut, row }));
  const pointer = head.purged ? undefined : row;
  const snapshot = { cut, head, pointer, lastStored: lastStoredByRow(cut, pointer, head) };
  if (isTornBehindEnd(snapshot)) throw torn;
  if (pointer !== undefined && looksPurged(snapshot)) {
    await checkNotPurgedBehind(parts, { key, end: cut.end, row: pointer.at.offset }, deadline);
  }
  parts.headCache?.writers.read(key, cut.end);
  return snapshot;
}

/** The journal's row; `undefined` too when the store has nothing to add. */
async function readRow(
  { eventual }: JournalParts,
  { key, unread }: { readonly key: Key; readonly unread: UnreadHead },
  options: CallOptions,
): Promise<JournalPointer | undefined> {
  if (unread.cut.replicated === undefined || unread.storeIsDead) return undefined;
  const row = await eventual.pointer(key, options);
  if (row !== undefined) checkNumber(key, row);
  return row;
}

/** All deleted up to 2^63-1 is what a raw delete of an old version left; an event cannot have that number. */
function checkNumber({ topic, id }: Key, { at, seqNr, deleteTo }: JournalPointer): void {
  if (seqNr !== SeqNr.max || deleteTo === SeqNr.max) return;
  throw new DataIntegrityError(
    `the row of ${topic}:${id} in metajournal names 2^63-1 as the last event's number, which no event can have: purge ` +
      'the journal, or correct the column seq_nr',
    { place: { topic, id, ...at, seqNr } },
  );
}

async function readHead(unread: UnreadHead, deadline: ProgressDeadline): Promise<Head> {
  const onProgress = (): void => deadline.progress();
  return await unread.read({ signal: deadline.signal, onProgress });
}

/**
 * Whether a conditional purge in front of the head counts: if nothing happened to the journal since the
 * action that it names. A row that ran ahead of the cut tells by its generation: was it begun by the head?
 */
function isPurged(head: Head, topic: Topic, { cut, row }: Stored): boolean {
  if (row === undefined || row.at.partition !== cut.end.partition) return false;
  if (row.at.offset <= (cut.replicated ?? -1)) return head.conditions.includes(row.at.offset);
  if (row.recordId === undefined) throw torn;
  const first = head.firstAppend?.at;
  return first !== undefined && row.recordId === recordIdOf(topic, first);
}

/** The row tells of what lies behind the end, as a fresh end would not. */
function isTornBehindEnd(snapshot: Snapshot): boolean {
  return isPurgedBehind(snapshot) || hidesHead(snapshot);
}

/** A purge behind the end is under way. */
function isPurgedBehind({ cut: { end }, pointer }: Snapshot): boolean {
  const { at, purgingAt } = pointer ?? {};
  return purgingAt !== undefined && at?.partition === end.partition && purgingAt >= end.offset;
}

/**
 * The row lies behind the end and hides events that the head keeps: a delete that lies there too, or a new life
 * of the journal, which begins where that of the head had not ended.
 */
function hidesHead({ cut: { end }, head, pointer, lastStored }: Snapshot): boolean {
  const { at, deleteTo: hidden } = pointer ?? {};
  if (hidden === undefined || at?.partition !== end.partition || at.offset < end.offset)
    return false;
  const { appends, deleteTo = 0 } = head.fold(lastStored);
  return appends.some(({ action: { header } }) => {
    const { from, to } = header.range;
    return from <= hidden && hidden > deleteTo && to > deleteTo;
  });
}

/**
 * The row says that all is deleted, and nothing in the head explains it: a delete that was replicated
 * long ago, or a purge behind the end that is going on at this moment.
 */
function looksPurged({ head, pointer, lastStored }: Snapshot): boolean {
  if (pointer?.deleteTo === undefined || pointer.deleteTo < pointer.seqNr) return false;
  return (head.fold(lastStored).deleteTo ?? 0) < pointer.deleteTo;
}
