import { replicatedEventsOf } from '../../src/codec/record/events-codec.ts';
import { type Appends, collapse } from '../../src/history/batch.ts';
import { changeOfWakeUp } from '../../src/history/wake-ups.ts';
import type { ActionRecord } from '../../src/model/action.ts';
import { CodecError } from '../../src/model/errors.ts';
import type { ReplicatedEvent } from '../../src/model/event.ts';
import type { Key } from '../../src/model/key.ts';
import type { Offset } from '../../src/model/position.ts';
import type {
  ReplicatedAppend,
  ReplicatedDelete,
  ReplicatedPurge,
} from '../../src/model/replicated-batch.ts';
import type { KeyJournals } from './key-journals.ts';

/** Records of one key that wait to be applied: ascending offsets, never empty. */
export interface KeyRecords {
  readonly key: Key;
  readonly first: Offset;
  readonly records: readonly ActionRecord[];
}

/** What became of them; `rest` is what remains to be done. */
export type KeyOutcome =
  | { readonly type: 'applied' }
  | {
      readonly type: 'held';
      readonly rest: KeyRecords;
      /** `early` = a purge that comes once R has passed what is before it. */
      readonly reason: 'stopped' | 'failed' | 'unreadable' | 'early';
      readonly error?: unknown;
    };

/** What the writes of one round share. */
export interface KeyDeps {
  readonly journals: KeyJournals;
  /** R; `undefined` = nothing is replicated. */
  readonly replicated: Offset | undefined;
  /** The replicator's clock: one value for a whole round. */
  readonly nowMs: number;
  /** Ends waiting; whether to write is asked of `mayWrite`. */
  readonly signal: AbortSignal;
  /**
   * Asked before every write, never inside one: false = the partition is given up, or not ours any
   * more.
   */
  readonly mayWrite: () => boolean;
}

/**
 * Applies one key's records to its replicated journal, in order, and never rejects: a failure is
 * this key's own and must not disturb the others of the round, which run beside it.
 *
 * Its wake-up comes first: which append counts is known from the row before it, and R moves over
 * the records only when both are stored.
 *
 * A failed write is repeated from the key's first record, on a journal opened anew; the journal
 * itself knows what was applied already. A record that cannot be decoded holds the records from it
 * on; those before it are applied. A row of the store that cannot be decoded holds them all; one of
 * its wake-up is a failure of the store. A purge may come too early (see {@link earlyPurge}): then
 * it holds the records from it on until R has moved.
 */
export async function replicateKey(key: KeyRecords, deps: KeyDeps): Promise<KeyOutcome> {
  if (!deps.mayWrite()) return { type: 'held', rest: key, reason: 'stopped' };
  let now: WritesNow;
  try {
    now = await writesNow(key, deps);
    const finished = await applyWrites({ ...key, records: now.records }, now.writes, deps);
    if (!finished) return { type: 'held', rest: key, reason: 'stopped' };
  } catch (error) {
    deps.journals.forget(key.key);
    // Its row in the store: trying again does not help, but the quarantine may take its records. A
    // wake-up is a hint: for a row of it no record is skipped.
    const isOfRow = error instanceof CodecError && !error.place.table?.startsWith('wake_up');
    if (isOfRow) return heldByRow(key, error);
    return { type: 'held', rest: key, reason: 'failed', error };
  }
  if (now.held === undefined) return { type: 'applied' };
  const { index, ...why } = now.held;
  return { type: 'held', rest: restOf(key, index), ...why };
}

/** The first records of a key, and their writes. */
interface WritesNow {
  readonly records: readonly ActionRecord[];
  readonly writes: readonly KeyWrite[];
  /** Why the records from an index on have to wait; `undefined` = there are none. */
  readonly held: HeldFrom | undefined;
}

interface HeldFrom {
  readonly index: number;
  readonly reason: 'early' | 'unreadable';
  readonly error?: unknown;
}

async function writesNow(key: KeyRecords, deps: KeyDeps): Promise<WritesNow> {
  const purgeAt = await earlyPurge(key, deps);
  if (purgeAt !== undefined) {
    const records = key.records.slice(0, purgeAt);
    const { writes, unreadable } = planWrites(records);
    const held = { index: purgeAt, reason: 'early' } as const;
    if (unreadable === undefined) return { records, writes, held };
  }
  const { writes, unreadable } = planWrites(key.records);
  if (unreadable === undefined) return { records: key.records, writes, held: undefined };
  const { index, error } = unreadable;
  const held = { index, reason: 'unreadable', error } as const;
  return { records: key.records.slice(0, index), writes, held };
}

/** What is left from a record on. */
function restOf({ key, first, records }: KeyRecords, index: number): KeyRecords {
  return { key, first: records[index]?.at.offset ?? first, records: records.slice(index) };
}

/**
 * The first purge that must wait, if there is one. A purge removes the row, and with it how far the
 * journal was applied. If R were still before an action of the life that ends, the next owner after
 * a crash would replay that action on nothing, and a reader that has not seen the purge would take
 * the row that it makes for the whole journal:
 *
 *     log   1..9   10   purge        R is after 9
 *     row   1..9   ──   gone   ✗ the replicator dies; the next one makes a row of 10 alone
 *
 * So the purge of a journal that has a row waits until R has passed all before it. A journal
 * without a row has its whole life in these records, and a replay makes the same of it. Where an
 * append of that life cannot be decoded the purge does not wait: it makes that append needless.
 */
async function earlyPurge(
  { key, records }: KeyRecords,
  { journals, nowMs, signal, replicated }: KeyDeps,
): Promise<number | undefined> {
  const isPurge = ({ action }: ActionRecord): boolean => action.header.type === 'purge';
  if (replicated === undefined || !records.some(isPurge)) return undefined;
  const { pointer: row } = await journals.open(key, nowMs, { signal });
  if (row === undefined || row.at.partition !== records[0]?.at.partition) return undefined;
  const isNew = ({ at }: ActionRecord): boolean => at.offset > row.at.offset;
  const index = records.findIndex((record) => isPurge(record) && isNew(record));
  if (index === -1) return undefined;
  const isChangedBefore = records
    .slice(0, index)
    .some((record) => record.action.header.type !== 'mark' && isNew(record));
  return isChangedBefore || row.at.offset > replicated ? index : undefined;
}

/** All from the first record that needs the row: marks write nothing. */
function heldByRow(key: KeyRecords, error: CodecError): KeyOutcome {
  const isWritten = ({ action }: ActionRecord): boolean => action.header.type !== 'mark';
  const index = Math.max(0, key.records.findIndex(isWritten));
  return { type: 'held', rest: restOf(key, index), reason: 'unreadable', error };
}

/** Answers false when it stopped between two writes. */
async function applyWrites(
  { key, records }: KeyRecords,
  writes: readonly KeyWrite[],
  { journals, nowMs, signal, mayWrite }: KeyDeps,
): Promise<boolean> {
  const [first] = records;
  if (writes.length === 0 || first === undefined) return true;
  const journal = await journals.open(key, nowMs, { signal });
  const wakeUp = changeOfWakeUp(records, journal.pointer);
  if (wakeUp !== undefined) {
    const { partition } = first.at;
    await journal.loadWakeUp(partition);
    if (!mayWrite()) return false;
    await journal.saveWakeUp(wakeUp, { partition, nowMs });
  }
  for (const write of writes) {
    if (!mayWrite()) return false;
    if (write.type === 'append') await journal.append(write, nowMs);
    else if (write.type === 'delete') await journal.delete(write, nowMs);
    else await journal.purge(write, nowMs);
  }
  return true;
}

/** One call on a replicated journal. */
export type KeyWrite =
  | ({ readonly type: 'append' } & ReplicatedAppend)
  | ({ readonly type: 'delete' } & ReplicatedDelete)
  | ({ readonly type: 'purge' } & ReplicatedPurge);

/** A record whose events cannot be decoded. */
export interface UnreadableRecord {
  readonly index: number;
  readonly offset: Offset;
  readonly error: unknown;
}

/** The writes for one key's records. */
export interface KeyPlan {
  readonly writes: readonly KeyWrite[];
  /** The first record that no write covers, because it cannot be decoded. */
  readonly unreadable: UnreadableRecord | undefined;
}

/**
 * The writes for one key's records. Events are decoded only where they will be written, so an
 * unreadable append that a younger delete or purge makes needless holds nobody up.
 */
export function planWrites(records: readonly ActionRecord[]): KeyPlan {
  let readable = records;
  let unreadable: UnreadableRecord | undefined;
  // Ends: each turn but the last leaves fewer readable records.
  for (;;) {
    const writes: KeyWrite[] = [];
    let failure: Undecodable | undefined;
    for (const batch of collapse(readable)) {
      const write = batch.type === 'appends' ? decodeAppends(batch) : batch;
      if ('error' in write) {
        failure = write;
        break;
      }
      writes.push(write);
    }
    if (failure === undefined) return { writes, unreadable };
    const { record, error } = failure;
    const index = records.indexOf(record);
    unreadable = { index, offset: record.at.offset, error };
    readable = records.slice(0, index);
  }
}

interface Undecodable {
  readonly record: ActionRecord;
  readonly error: unknown;
}

function decodeAppends({ at, ranges, records, deleteTo }: Appends): KeyWrite | Undecodable {
  let events: [ReplicatedEvent, ...ReplicatedEvent[]] | undefined;
  for (const record of records) {
    try {
      const decoded = replicatedEventsOf(record);
      if (events === undefined) events = [...decoded];
      else for (const event of decoded) events.push(event);
    } catch (error) {
      return { record, error };
    }
  }
  const [first, ...later] = ranges;
  if (events === undefined || first === undefined) {
    throw new Error('a batch of appends is never empty');
  }
  const expireAfter = events.at(-1)?.record.metadata.payload.expireAfter;
  return { type: 'append', at, ranges: [first, ...later], events, expireAfter, deleteTo };
}
