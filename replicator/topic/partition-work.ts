/**
 * What a partition has to do, and what is left of it. The words:
 *
 * - **work**: what one try applies: keys with their records, and perhaps a *tail*;
 * - **tail**: a record whose header cannot be decoded, or that names a tenure that was never
 *   opened, and all records after it. The first may belong to any key, and what comes later is
 *   judged by what came before, so nothing of the tail is applied before that record may be
 *   skipped. When the store does not answer, all records that cannot be judged without it are a
 *   tail, too;
 * - **held**: what a try could not apply: keys, each with the **rest** of its records, and a tail;
 * - **problem**: why the partition waits, as people are told.
 */
import { decodeAction } from '../../src/codec/record/action-record-codec.ts';
import type { ActionRecord } from '../../src/model/action.ts';
import { DataIntegrityError } from '../../src/model/errors.ts';
import type { LogRecord } from '../../src/model/log-record.ts';
import type { Offset } from '../../src/model/position.ts';
import type { BlockedStretch } from '../../src/ports/topic-consumer.ts';
import { isOfRow, type PartitionSource, type Quarantine } from '../apply/quarantine.ts';
import type { KeyOutcome, KeyRecords } from '../apply/replicate-records.ts';
import type { PartitionTenures } from './partition-tenures.ts';

/** What one try of a round applies. */
export interface Work {
  /** In order of first appearance; the records of one key keep their order. */
  readonly keys: readonly KeyRecords[];
  readonly tail: Tail | undefined;
}

/** A record that cannot be used now, and all after it, in offset order. */
export interface Tail {
  /** That one first. */
  readonly records: readonly LogRecord[];
  /** Where it is. */
  readonly offset: Offset;
  /** As of a key: `unreadable` = trying again does not help, but the quarantine may take it. */
  readonly reason: 'failed' | 'unreadable';
  readonly error: unknown;
}

/** A key of which something is left, and why. */
export type HeldKey = Extract<KeyOutcome, { readonly type: 'held' }>;

/** What a try did not apply; nothing, when there are no keys and no tail. */
export interface HeldWork {
  readonly keys: readonly HeldKey[];
  readonly tail: Tail | undefined;
}

/** What became of R when it was to be stored. */
export interface StoredOffset {
  readonly hasMoved: boolean;
  /** Why it was not stored; `undefined` = no error. */
  readonly error?: unknown;
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
  /** The quarantine took a record, or R has moved for a purge: there is more to try at once. */
  | { readonly type: 'again'; readonly rest: HeldWork }
  /** The same once more, after a pause. */
  | { readonly type: 'wait'; readonly rest: HeldWork; readonly problem: Problem };

/** What sorts the records of a partition. */
export interface SortDeps {
  readonly source: PartitionSource;
  readonly tenures: PartitionTenures;
  /** Ends waiting for the store. */
  readonly signal: AbortSignal;
}

/** Which records a round is about, and what may skip some of them. */
export interface RoundDeps {
  readonly source: PartitionSource;
  readonly quarantine: Quarantine;
  /** The records of the round, as the log has them: what is skipped is written down whole. */
  readonly records: readonly LogRecord[];
  /** What the store is called in messages. */
  readonly storeName: string;
}

const unreadableRecord = 'partition is held: a record cannot be decoded';
const recordWithoutTenure = 'partition is held: a record names a tenure that was never opened';
const unreadableRow = 'partition is held: the stored row of a journal cannot be decoded';
const blockedStretch = 'partition is held: the log cannot give what comes next';
const unwritableEntry =
  'partition is held: what is to be skipped cannot be written to the quarantine file';

/**
 * Sorts one partition's records by key. Left out are records that are no records of a journal
 * (without key or without our header), void actions and opening marks.
 *
 * Each record is judged once, in offset order: a tail is judged when its turn comes, with the
 * tenures as of that place.
 *
 * @returns never rejects: a record that cannot be decoded or judged begins the tail, with its error
 */
export async function workOf(records: readonly LogRecord[], deps: SortDeps): Promise<Work> {
  const { source, tenures, signal } = deps;
  const decoded = decodeAll(records, source);
  try {
    await tenures.learn(decoded.actions, { signal });
  } catch (error) {
    return { keys: [], tail: tailAt(0, { records, reason: 'failed', error }) };
  }
  const byId = new Map<string, KeyRecords & { readonly records: ActionRecord[] }>();
  for (const action of decoded.actions) {
    const { key } = action.action;
    const { offset } = action.at;
    try {
      if (tenures.judge(action) !== 'counts') continue;
    } catch (error) {
      const index = records.findIndex((record) => record.offset === offset);
      const tail = tailAt(index, { records, reason: 'unreadable', error });
      return { keys: [...byId.values()], tail };
    }
    const known = byId.get(key.id);
    if (known !== undefined) known.records.push(action);
    else byId.set(key.id, { key, first: offset, records: [action] });
  }
  return { keys: [...byId.values()], tail: decoded.tail };
}

/** The records that are actions, up to the first that cannot be decoded. */
function decodeAll(records: readonly LogRecord[], { topic, partition }: PartitionSource) {
  const actions: ActionRecord[] = [];
  for (const [index, record] of records.entries()) {
    try {
      const decoded = decodeAction(topic, partition, record);
      if (decoded !== undefined) actions.push(decoded);
    } catch (error) {
      return { actions, tail: tailAt(index, { records, reason: 'unreadable', error }) };
    }
  }
  return { actions, tail: undefined };
}

function tailAt(index: number, { records, ...why }: Omit<Tail, 'offset'>): Tail | undefined {
  const first = records[index];
  return first && { ...why, records: records.slice(index), offset: first.offset };
}

/** The smallest offset that is held; `undefined` when none is. */
export function firstHeld({ keys, tail }: HeldWork): Offset | undefined {
  let first = tail?.offset;
  for (const { rest } of keys) if (first === undefined || rest.first < first) first = rest.first;
  return first;
}

/**
 * How the round goes on, given what a try left. First the quarantine takes what it may: it writes
 * each record down before the round moves over it. A purge that came too early is tried again
 * whenever R has moved.
 *
 * @returns never rejects: an entry that cannot be written is a problem like others
 */
export async function verdictOn(
  held: HeldWork,
  { hasMoved, error: offsetError }: StoredOffset,
  round: RoundDeps,
): Promise<Verdict> {
  try {
    const rest = await withoutQuarantined(held, round);
    if (rest !== undefined) return { type: 'again', rest };
  } catch (err) {
    const offset = firstHeld(held);
    const place = offset === undefined ? {} : { offset };
    const problem = { message: unwritableEntry, ...place, heldKeys: held.keys.length, err };
    return { type: 'wait', rest: held, problem };
  }
  const hasEarly = held.keys.some(isEarly);
  if (hasEarly && hasMoved) return { type: 'again', rest: held };
  const problem = problemOf(held, offsetError, round.storeName);
  if (problem === undefined) return hasEarly ? { type: 'again', rest: held } : { type: 'done' };
  return { type: 'wait', rest: held, problem };
}

/**
 * The held keys again. The tail is sorted by key only when no key is held: its records may belong
 * to a held key, whose earlier records come first.
 *
 * @returns never rejects, as `workOf`
 */
export async function nextTry({ keys, tail }: HeldWork, deps: SortDeps): Promise<Work> {
  if (keys.length > 0) return { keys: keys.map(({ rest }) => rest), tail };
  return workOf(tail?.records ?? [], deps);
}

/** It waits only for R. */
function isEarly({ reason }: HeldKey): boolean {
  return reason === 'early';
}

/** The problem with the smallest offset; `undefined` when nothing is in the way. */
function problemOf(
  { keys, tail }: HeldWork,
  offsetError: unknown,
  storeName: string,
): Problem | undefined {
  const failedStore = `partition is held: ${storeName} failed; nothing is lost, it is tried again`;
  const heldKeys = keys.length;
  const [first] = keys.filter((key) => !isEarly(key)).sort((a, b) => a.rest.first - b.rest.first);
  if (tail !== undefined && tail.offset < (first?.rest.first ?? Infinity)) {
    const { offset, reason, error: err } = tail;
    const unusable = err instanceof DataIntegrityError ? recordWithoutTenure : unreadableRecord;
    return { message: reason === 'failed' ? failedStore : unusable, offset, heldKeys, err };
  }
  if (first !== undefined) {
    const { rest, reason, error } = first;
    const unreadable = isOfRow(error) ? unreadableRow : unreadableRecord;
    const message = reason === 'unreadable' ? unreadable : failedStore;
    return { message, offset: rest.first, id: rest.key.id, heldKeys, err: error };
  }
  if (offsetError === undefined) return undefined;
  return { message: failedStore, heldKeys, err: offsetError };
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
  const isTurn = keys.length === 0 && tail?.reason === 'unreadable';
  if (tail !== undefined && isTurn && (await takes(tail.offset, tail.error))) {
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

interface BlockedDeps extends Pick<RoundDeps, 'quarantine' | 'source'> {
  /** R, as the flow knows it. */
  readonly replicated: Offset | undefined;
}

/**
 * Records that were applied, and whose opening marks a replicator that copies none has left out.
 */
function lostOpenings({ topic, partition, offset }: PartitionSource & { readonly offset: Offset }) {
  return (
    'partition is held: the log has lost records whose opening marks of tenures were not copied, or cannot give them. ' +
    'Their events are stored. To go on without the marks, once no program of before writes any more, name ' +
    `${JSON.stringify(`${topic}:${partition}:${offset}`)} in quarantine-skip`
  );
}

/**
 * Asks the quarantine for a stretch that the log cannot give.
 *
 * @returns never rejects: an entry that cannot be written is the problem then
 */
export async function verdictOnBlocked(
  stretch: BlockedStretch,
  { quarantine, source, replicated }: BlockedDeps,
): Promise<BlockedVerdict> {
  const { offset, nextOffset, error } = stretch;
  const isReplicated = nextOffset !== undefined && nextOffset - 1 <= (replicated ?? -1);
  const message = isReplicated ? lostOpenings({ ...source, offset }) : blockedStretch;
  const problem = { message, offset, heldKeys: 0, err: error };
  try {
    const isTaken = await quarantine.takesStretch(source, stretch);
    return { problem, skipTo: isTaken ? nextOffset : undefined };
  } catch (err) {
    return { problem: { ...problem, message: unwritableEntry, err }, skipTo: undefined };
  }
}
