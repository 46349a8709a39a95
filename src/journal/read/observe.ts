import { Head } from '../../history/head.ts';
import type { AfterEnd, Cut, ReadView } from '../../history/read-view.ts';
import { Tenures } from '../../history/tenures.ts';
import type { ActionHeader, ActionRecord } from '../../model/action.ts';
import { DataIntegrityError } from '../../model/errors.ts';
import type { JournalPointer } from '../../model/journal-pointer.ts';
import type { Key } from '../../model/key.ts';
import { Offset, type PartitionOffset } from '../../model/position.ts';
import { SeqNr } from '../../model/seq-nr.ts';
import type { ActionRange } from '../../ports/action-consumer.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import type { ProgressDeadline } from '../../runtime/progress-deadline.ts';
import { settleBoth } from '../../runtime/waiting.ts';
import type { HeadCache } from '../head-cache/head-cache.ts';
import type { OffsetRange } from '../head-cache/offset-ranges.ts';
import type { JournalDeps } from '../journal-deps.ts';
import { learnTenures } from '../learn-tenures.ts';
import { endByMarker, type ReadEnd } from './ends.ts';

/** What journals are read with. */
export interface ReadDeps extends JournalDeps {
  /** How a read finds its end; by a marker unless given. */
  readonly readEnd?: ReadEnd | undefined;
  /**
   * Knows what is not replicated yet, without reading the log; what a read gives is the same
   * without.
   */
  readonly headCache?: HeadCache | undefined;
}

/** A broker that became leader a moment ago may not show yet what was acknowledged. */
const graceMs = 2_000;
const pauseMs = 100;

/**
 * Looks at a journal: the end, then R, then the head and the store's row side by side. If R were
 * read after a row, records that are replicated in between would be in neither part. So R is read
 * before any row.
 *
 * @param isAgain what an earlier look found was torn. The head cache may still hold what the store
 *   has moved on from, so R and the head are read anew
 * @throws {LogUnavailableError} {@link StoreUnavailableError} {@link DeadlineExceededError}
 *   retryable
 * @throws {DataIntegrityError} the log lacks records, or the row is damaged
 */
export async function observe(
  deps: ReadDeps,
  key: Key,
  deadline: ProgressDeadline,
  isAgain: boolean,
): Promise<ReadView> {
  const { signal } = deadline;
  const readEnd = deps.readEnd ?? endByMarker(deps);
  const end = await readEnd.find(key, { signal });
  const unread = await findHead(
    { ...deps, headCache: isAgain ? undefined : deps.headCache },
    key,
    end,
    signal,
  );
  const { cut, head } = unread;
  const { replicated } = cut;
  if (replicated !== undefined && replicated >= end.offset) {
    await checkLogReaches(deps, key, { end, replicated }, deadline);
  }
  // After a purge that the cache has seen, the store has nothing to add. Before anything of the
  // partition is replicated, it may have: a key that has moved has its events from another one.
  const [, row] = await settleBoth(
    readHead(deps, key, unread, deadline),
    head.purged ? Promise.resolve(undefined) : readRow(deps, key, { signal }),
  );
  deadline.progress();
  if (row !== undefined) readEnd.check(key, row, cut.end);
  return { cut, head, row };
}

/** A head of which some records may still have to be read from the log. */
interface UnreadHead extends Pick<ReadView, 'cut' | 'head'> {
  readonly ranges: readonly OffsetRange[];
  /** Records in the ranges that do not count; `undefined` where nobody has judged them. */
  readonly voids: ReadonlySet<Offset> | undefined;
}

/**
 * R, and where the records after it are: folded by the head cache, in ranges of the log that the
 * cache names, or, when the cache does not know, anywhere after R.
 */
async function findHead(
  { headCache, eventual }: ReadDeps,
  key: Key,
  end: PartitionOffset,
  signal: AbortSignal,
): Promise<UnreadHead> {
  // The cache may have seen more of the log than was asked for: then the read ends there.
  const found = await headCache?.lookup(key, end, { signal });
  if (found === undefined) {
    const replicated = await eventual.offset(key.topic, end.partition, { signal });
    const from = firstAfter(replicated);
    const ranges = from < end.offset ? [{ from, to: end.offset }] : [];
    return { cut: { end, replicated }, head: new Head(), ranges, voids: undefined };
  }
  const { ranges, voids } = found.type === 'held' ? nothingUnread : found;
  for (const _range of ranges) headCache?.fetched();
  return { cut: found.cut, head: found.head, ranges, voids };
}

function firstAfter(replicated: Offset | undefined): Offset {
  return replicated === undefined ? Offset.min : Offset.next(replicated);
}

const nothingUnread = { ranges: [], voids: undefined };

/** Adds the key's records of the ranges to the head, in one pass: those that count. */
async function readHead(
  deps: ReadDeps,
  key: Key,
  { cut, head, ranges, voids }: UnreadHead,
  deadline: ProgressDeadline,
): Promise<void> {
  const { signal } = deadline;
  const { partition } = cut.end;
  for (const range of ranges) {
    const wanted = { key, partition, ...range };
    if (voids === undefined) {
      const counting = readCounting(deps, wanted, cut.replicated, deadline);
      for await (const records of counting) for (const record of records) head.add(record);
      continue;
    }
    for await (const records of deps.consumer.read(wanted, { signal })) {
      deadline.progress();
      for (const record of records) {
        if (isOfKey(record, key) && !voids.has(record.at.offset)) head.add(record);
      }
    }
  }
}

const isOfKey = ({ action }: ActionRecord, key: Key): boolean => action.key.id === key.id;

/** The key's records that count. The range begins after R, where all tenures can be asked for. */
async function* readCounting(
  { consumer, eventual }: ReadDeps,
  range: ActionRange,
  replicated: Offset | undefined,
  deadline: ProgressDeadline,
): AsyncGenerator<readonly ActionRecord[]> {
  const { signal } = deadline;
  const { key, partition } = range;
  const after = { tenures: new Tenures(), replicated };
  for await (const records of consumer.read(range, { signal })) {
    deadline.progress();
    await learnTenures(eventual, { topic: key.topic, partition }, after, { records, signal });
    yield records.filter(
      (record) => after.tenures.judge(record) === 'counts' && isOfKey(record, key),
    );
  }
}

/**
 * All deleted up to 2^63-1 is what a raw delete of an old version left; an event cannot have that
 * number.
 */
async function readRow(
  { eventual }: ReadDeps,
  key: Key,
  options: CallOptions,
): Promise<JournalPointer | undefined> {
  const row = await eventual.pointer(key, options);
  if (row === undefined || row.seqNr !== SeqNr.max || row.deleteTo === SeqNr.max) return row;
  const { topic, id } = key;
  throw new DataIntegrityError(
    `the row of ${topic}:${id} in metajournal names 2^63-1 as the last event's number, which no event can have: purge ` +
      'the journal, or correct the column seq_nr',
    { place: { topic, id, ...row.at, seqNr: row.seqNr } },
  );
}

/**
 * A replicated offset at or after the end of a read is usual: the replicator went on while we read.
 * At or after the end of the log it means that the topic was made anew, or that the log lost what
 * it had acknowledged. Then new records would pass for replicated ones, and be missing from every
 * read (docs/format.md#reading).
 */
async function checkLogReaches(
  { consumer, clock }: ReadDeps,
  { topic, id }: Key,
  { end: { partition }, replicated: offset }: Cut & { readonly replicated: Offset },
  { signal }: ProgressDeadline,
): Promise<void> {
  const giveUpMs = clock.steadyMs() + graceMs;
  for (;;) {
    const end = await consumer.endOffset(topic, partition, { signal });
    if (end > offset) return;
    if (clock.steadyMs() >= giveUpMs) {
      throw new DataIntegrityError(
        `offset ${offset} is replicated, but the log ends at ${end}: the topic was made anew, or ` +
          'the log lost records',
        { place: { topic, partition, offset, id } },
      );
    }
    await clock.sleep(pauseMs, { signal });
  }
}

/**
 * Looks through the records between the end and the end of the log as of now for what may have
 * hidden the events that the row hides: a purge, or a delete that reaches as far, and counts.
 *
 * @throws {LogUnavailableError} {@link StoreUnavailableError} {@link DeadlineExceededError}
 *   retryable
 */
export async function lookAfterEnd(
  deps: ReadDeps,
  key: Key,
  { cut: { end, replicated }, row }: ReadView,
  deadline: ProgressDeadline,
): Promise<AfterEnd> {
  const { signal } = deadline;
  const { partition } = end;
  const hidden = row?.deleteTo ?? 0;
  const mayHide = ({ action: { header }, at }: ActionRecord): boolean =>
    at.offset >= from &&
    (header.type === 'purge' || (header.type === 'delete' && header.to >= hidden));
  // What is replicated by now is part of this read, whatever its end is.
  const from = Offset.of(Math.max(end.offset, firstAfter(replicated)));
  const to = await deps.consumer.endOffset(key.topic, partition, { signal });
  if (from >= to) return 'no reason';
  let found: ActionHeader | undefined;
  for await (const records of deps.consumer.read({ key, partition, from, to }, { signal })) {
    deadline.progress();
    found = records.find(mayHide)?.action.header;
    if (found !== undefined) break;
  }
  if (found === undefined) return 'no reason';
  const needsTenure = found.type !== 'mark' && found.tenure !== undefined;
  if (!needsTenure) return 'reason';
  // Whether it counts depends on all opening marks after R.
  const range = { key, partition, from: firstAfter(replicated), to };
  for await (const records of readCounting(deps, range, replicated, deadline)) {
    if (records.some(mayHide)) return 'reason';
  }
  return 'no reason';
}
