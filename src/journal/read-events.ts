import { eventRecordsOf } from '../codec/events-codec.ts';
import { DeadlineExceededError, StoreUnavailableError } from '../model/errors.ts';
import type { EventRecord } from '../model/event.ts';
import type { JournalPointer } from '../model/journal-pointer.ts';
import type { Key } from '../model/key.ts';
import { SeqNr } from '../model/seq-nr.ts';
import type { CallOptions } from '../ports/call-options.ts';
import { settleBoth } from '../runtime/concurrency.ts';
import { ProgressDeadline } from '../runtime/progress-deadline.ts';
import { appendMarker } from './append-marker.ts';
import { DeliveryOrder } from './delivery-order.ts';
import type { Head, HeadFold } from './head.ts';
import { onConflict } from './integrity.ts';
import type { JournalParts } from './journal-parts.ts';
import { type Cut, readHead } from './read-head.ts';
import { readStored } from './read-stored.ts';

/** Reads that a concurrent delete or purge tore are begun again, at most so often. */
const maxAttempts = 3;

/** Events given out at once from the log's part. */
const headBatchEvents = 500;

/** The state of one journal as of one marker: what the store contributes, and what the log does. */
export interface Snapshot {
  readonly cut: Cut;
  readonly head: Head;
  /** The store's row; `undefined` when the store contributes nothing. */
  readonly pointer: JournalPointer | undefined;
  /** Last number stored as of the cut; `undefined` when only the rows themselves can tell. */
  readonly lastStored: SeqNr | undefined;
}

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
    for (let attempt = 1; ; attempt++) {
      const snapshot = await takeSnapshot(parts, request.key, deadline);
      const order = new DeliveryOrder(parts, request.key);
      const read: Read = { parts, ...request, snapshot, order, deadline };
      try {
        return yield* deliver(read);
      } catch (error) {
        if (error !== torn || order.started || attempt === maxAttempts)
          throw errorOf(error, request.key);
      }
    }
  } finally {
    deadline.dispose();
  }
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

/** Marker, replicated offset, then the log's part and the store's row side by side. */
export async function takeSnapshot(
  parts: JournalParts,
  key: Key,
  deadline: ProgressDeadline,
): Promise<Snapshot> {
  const { signal } = deadline;
  const marker = await appendMarker(parts, { key, id: parts.randomUuid() }, { signal });
  const { partition } = marker.at;
  const cut: Cut = {
    end: marker.at,
    replicated: await parts.eventual.offset(key.topic, partition, { signal }),
  };
  const onProgress = (): void => deadline.progress();
  const [head, row] = await settleBoth(
    readHead(parts, { key, cut }, { signal, onProgress }),
    cut.replicated === undefined
      ? Promise.resolve(undefined)
      : parts.eventual.pointer(key, { signal }),
  );
  deadline.progress();
  const pointer = head.purged ? undefined : row;
  return { cut, head, pointer, lastStored: lastStoredAt(cut, pointer) };
}

/** The row may run ahead of the replicated offset; then it does not tell the number as of the cut. */
function lastStoredAt(
  { end, replicated }: Cut,
  pointer: JournalPointer | undefined,
): SeqNr | undefined {
  if (pointer === undefined || replicated === undefined) return undefined;
  const { at } = pointer;
  return at.partition !== end.partition || at.offset <= replicated ? pointer.seqNr : undefined;
}

interface Read {
  readonly parts: JournalParts;
  readonly key: Key;
  readonly from: SeqNr;
  readonly snapshot: Snapshot;
  readonly order: DeliveryOrder;
  readonly deadline: ProgressDeadline;
}

/** Thrown inside a read when a delete or purge of somebody else went through the rows meanwhile. */
const torn = Symbol('torn');

function errorOf(error: unknown, key: Key): unknown {
  if (error !== torn) return error;
  const name = `${key.topic}:${key.id}`;
  return new StoreUnavailableError(
    `${name} was deleted or purged while it was read; read it again`,
  );
}

async function* deliver(read: Read): AsyncGenerator<readonly EventRecord[], SeqNr | undefined> {
  const { snapshot, from, order } = read;
  const before = snapshot.head.fold(snapshot.lastStored);
  if (snapshot.pointer !== undefined) {
    const pointer = snapshot.pointer;
    const first = firstWanted(from, pointer.deleteTo, before.deleteTo);
    if (first === undefined) return before.last ?? pointer.seqNr;
    order.expect(first);
    yield* deliverStored(read, pointer, first);
  }
  const fold = snapshot.head.fold(snapshot.lastStored ?? order.last);
  const first = firstWanted(from, fold.deleteTo, snapshot.pointer?.deleteTo);
  if (first !== undefined) yield* deliverHead(read, fold, first);
  return fold.last;
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

async function* deliverStored(
  read: Read,
  pointer: JournalPointer,
  from: SeqNr,
): AsyncGenerator<readonly EventRecord[], void> {
  const { parts, key, snapshot, order, deadline } = read;
  const part = { key, cut: snapshot.cut, pointer, from };
  for await (const page of readStored(parts, part, { signal: deadline.signal })) {
    deadline.progress();
    if (!order.follows(page)) {
      await checkNotTorn(read, pointer);
      order.report(page);
    }
    order.delivered(page);
    yield page;
  }
  if (order.isBehind(snapshot.lastStored ?? pointer.seqNr)) await checkNotTorn(read, pointer);
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
  { parts, key, order, snapshot }: Read,
  fold: HeadFold,
  from: SeqNr,
): AsyncGenerator<readonly EventRecord[], void> {
  reportConflicts(parts, key, { fold, pointer: snapshot.pointer });
  if (snapshot.pointer === undefined) order.expect(from);
  let batch: EventRecord[] = [];
  for (const append of fold.appends) {
    if (append.action.header.range.to < from) continue;
    for (const record of eventRecordsOf(append)) {
      if (record.event.seqNr >= from) batch.push(record);
    }
    if (batch.length < headBatchEvents) continue;
    yield order.pass(batch);
    batch = [];
  }
  if (batch.length > 0) yield order.pass(batch);
}

function reportConflicts(
  parts: JournalParts,
  key: Key,
  { fold, pointer }: { readonly fold: HeadFold; readonly pointer: JournalPointer | undefined },
): void {
  for (const { winner, loser } of fold.conflicts) {
    const claim =
      winner === undefined
        ? pointer && { at: pointer.at, origin: undefined }
        : { at: winner.at, origin: winner.action.header.origin };
    if (claim === undefined) continue;
    const { range, origin } = loser.action.header;
    onConflict(parts, key, { winner: claim, loser: { at: loser.at, origin }, seqNr: range.from });
  }
}
