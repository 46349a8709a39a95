/**
 * What a partition has to do, and what is left of it. The words:
 *
 * - **work**: what one try applies: keys with their records, and perhaps a *tail*;
 * - **tail**: a record whose header cannot be decoded, and all records after it. That record may
 *   belong to any key, so nothing of the tail is applied before it may be skipped;
 * - **held**: what a try could not apply: keys, each with the **rest** of its records, and a tail;
 * - **problem**: why the partition waits, as people are told.
 */
import { decodeAction } from '../../src/codec/record/action-record-codec.ts';
import type { ActionRecord } from '../../src/model/action.ts';
import type { LogRecord } from '../../src/model/log-record.ts';
import type { Offset } from '../../src/model/position.ts';
import type { BlockedStretch } from '../../src/ports/topic-consumer.ts';
import { isOfRow, type PartitionSource, type Quarantine } from '../apply/quarantine.ts';
import type { KeyOutcome, KeyRecords } from '../apply/replicate-records.ts';

/** What one try of a round applies. */
export interface Work {
  /** In order of first appearance; the records of one key keep their order. */
  readonly keys: readonly KeyRecords[];
  readonly tail: Tail | undefined;
}

/** An undecodable record and all after it, in offset order. */
export interface Tail {
  /** The undecodable one first. */
  readonly records: readonly LogRecord[];
  /** Where it is. */
  readonly offset: Offset;
  readonly error: unknown;
}

/** A key of which something is left, and why. */
export type HeldKey = Extract<KeyOutcome, { readonly type: 'held' }>;

/** What a try did not apply; nothing, when there are no keys and no tail. */
export interface HeldWork {
  readonly keys: readonly HeldKey[];
  readonly tail: Tail | undefined;
}

/** Why a partition cannot go on: one line of the log. */
export interface Problem {
  readonly message: string;
  /** All before it is applied; absent = everything is, only the replicated offset is not stored. */
  readonly offset?: Offset;
  /** The journal concerned, when it is one. */
  readonly id?: string;
  readonly heldKeys: number;
  readonly err: unknown;
}

/** How a round goes on after a try. */
export type Verdict =
  | { readonly type: 'done' }
  /** The quarantine took a record: there is more to try at once. */
  | { readonly type: 'again'; readonly work: Work }
  /** The same once more, after a pause. */
  | { readonly type: 'wait'; readonly work: Work; readonly problem: Problem };

/** Which records a round is about, and what may skip some of them. */
export interface RoundDeps {
  readonly quarantine: Quarantine;
  readonly source: PartitionSource;
  /** The records of the round, as the log has them: what is skipped is written down whole. */
  readonly records: readonly LogRecord[];
  /** What the store is called in messages. */
  readonly storeName: string;
}

const unreadableRecord = 'partition is held: a record cannot be decoded';
const unreadableRow = 'partition is held: the stored row of a journal cannot be decoded';
const blockedStretch = 'partition is held: the log cannot give what comes next';
const unwritableEntry =
  'partition is held: what is to be skipped cannot be written to the quarantine file';

/**
 * Sorts one partition's records by key. Records that are no records of a journal (without key or
 * without our header) are left out.
 */
export function workOf(source: PartitionSource, records: readonly LogRecord[]): Work {
  const byId = new Map<string, KeyRecords & { readonly records: ActionRecord[] }>();
  let tail: Tail | undefined;
  for (const [index, record] of records.entries()) {
    try {
      const decoded = decodeAction(source.topic, source.partition, record);
      if (decoded === undefined) continue;
      const { key } = decoded.action;
      const known = byId.get(key.id);
      if (known !== undefined) known.records.push(decoded);
      else byId.set(key.id, { key, first: decoded.at.offset, records: [decoded] });
    } catch (error) {
      tail = { records: records.slice(index), offset: record.offset, error };
      break;
    }
  }
  return { keys: [...byId.values()], tail };
}

/** The smallest offset that is held; `undefined` when none is. */
export function firstHeld({ keys, tail }: HeldWork): Offset | undefined {
  let first = tail?.offset;
  for (const { rest } of keys) if (first === undefined || rest.first < first) first = rest.first;
  return first;
}

/**
 * How the round goes on, given what a try left. First the quarantine takes what it may: it writes
 * each record down before the round moves over it.
 *
 * @param offsetError why the replicated offset was not stored; `undefined` = no error
 * @returns never rejects: an entry that cannot be written is a problem like others
 */
export async function verdictOn(
  held: HeldWork,
  offsetError: unknown,
  round: RoundDeps,
): Promise<Verdict> {
  const { source, storeName } = round;
  try {
    const rest = await withoutQuarantined(held, round);
    if (rest !== undefined) return { type: 'again', work: nextTry(source, rest) };
  } catch (err) {
    const offset = firstHeld(held);
    const place = offset === undefined ? {} : { offset };
    const problem = { message: unwritableEntry, ...place, heldKeys: held.keys.length, err };
    return { type: 'wait', work: nextTry(source, held), problem };
  }
  const problem = problemOf(held, offsetError, storeName);
  if (problem === undefined) return { type: 'done' };
  return { type: 'wait', work: nextTry(source, held), problem };
}

/**
 * The held keys again. The tail is sorted by key only when no key is held: its records may belong
 * to a held key, whose earlier records come first.
 */
function nextTry(source: PartitionSource, { keys, tail }: HeldWork): Work {
  if (keys.length > 0) return { keys: keys.map(({ rest }) => rest), tail };
  return workOf(source, tail?.records ?? []);
}

/** The problem with the smallest offset; `undefined` when nothing is in the way. */
function problemOf(
  { keys, tail }: HeldWork,
  offsetError: unknown,
  storeName: string,
): Problem | undefined {
  const failedWrite = `partition is held: ${storeName} failed; nothing is lost, it is tried again`;
  const heldKeys = keys.length;
  const first = keys.toSorted((a, b) => a.rest.first - b.rest.first)[0];
  if (tail !== undefined && tail.offset < (first?.rest.first ?? Infinity)) {
    return { message: unreadableRecord, offset: tail.offset, heldKeys, err: tail.error };
  }
  if (first !== undefined) {
    const { rest, reason, error } = first;
    const unreadable = isOfRow(error) ? unreadableRow : unreadableRecord;
    const message = reason === 'unreadable' ? unreadable : failedWrite;
    return { message, offset: rest.first, id: rest.key.id, heldKeys, err: error };
  }
  if (offsetError === undefined) return undefined;
  return { message: failedWrite, heldKeys, err: offsetError };
}

/**
 * What is held without the undecodable records that the quarantine takes, or `undefined` when it
 * takes none. Of each key it may take the first: skipping one may bring up the next.
 *
 * @throws an entry cannot be written: nothing may be skipped
 */
async function withoutQuarantined(
  held: HeldWork,
  { quarantine, source, records }: RoundDeps,
): Promise<HeldWork | undefined> {
  const takes = async (offset: Offset, error: unknown): Promise<boolean> => {
    const record = records.find((candidate) => candidate.offset === offset);
    return record !== undefined && (await quarantine.takesRecord(source, record, error));
  };
  const keys: HeldKey[] = [];
  let isTaken = false;
  for (const key of held.keys) {
    const { rest, reason, error } = key;
    if (reason !== 'unreadable' || !(await takes(rest.first, error))) {
      keys.push(key);
      continue;
    }
    isTaken = true;
    const later = rest.records.slice(1);
    const [next] = later;
    if (next === undefined) continue;
    const laterRest = { key: rest.key, first: next.at.offset, records: later };
    keys.push({ type: 'held', rest: laterRest, reason: 'stopped' });
  }
  let { tail } = held;
  // The tail's turn comes when no key is held any more, as in `nextTry`.
  if (keys.length === 0 && tail !== undefined && (await takes(tail.offset, tail.error))) {
    isTaken = true;
    tail = { ...tail, records: tail.records.slice(1) };
  }
  return isTaken ? { keys, tail } : undefined;
}

/** What becomes of a stretch that the log cannot give. */
export interface BlockedVerdict {
  /** Where to go on, since the quarantine took the stretch; `undefined` = wait. */
  readonly skipTo: Offset | undefined;
  /** What to say while the partition waits. */
  readonly problem: Problem;
}

/**
 * Asks the quarantine for a stretch that the log cannot give.
 *
 * @returns never rejects: an entry that cannot be written is the problem then
 */
export async function verdictOnBlocked(
  stretch: BlockedStretch,
  { quarantine, source }: Pick<RoundDeps, 'quarantine' | 'source'>,
): Promise<BlockedVerdict> {
  const { offset, nextOffset, error } = stretch;
  const problem = { message: blockedStretch, offset, heldKeys: 0, err: error };
  try {
    const isTaken = await quarantine.takesStretch(source, stretch);
    return { problem, skipTo: isTaken ? nextOffset : undefined };
  } catch (err) {
    return { problem: { ...problem, message: unwritableEntry, err }, skipTo: undefined };
  }
}
