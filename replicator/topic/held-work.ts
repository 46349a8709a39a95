import type { LogRecord } from '../../src/model/log-record.ts';
import type { Offset } from '../../src/model/position.ts';
import type { BlockedStretch } from '../../src/ports/topic-consumer.ts';
import { isOfRow, type Quarantine } from '../apply/quarantine.ts';
import type { KeyOutcome } from '../apply/replicate-records.ts';
import { type GroupedRecords, groupRecords, type PartitionSource } from './group-records.ts';

export type HeldKey = Extract<KeyOutcome, { type: 'held' }>;

/** What a round left undone: keys that are held, and a record that cannot be read and all after it. */
export interface HeldWork {
  readonly held: readonly HeldKey[];
  readonly unreadable: GroupedRecords['unreadable'];
}

/** Why a partition cannot go on, as it is logged. */
export interface Problem {
  readonly message: string;
  /** Everything below it is applied. */
  readonly offset?: Offset;
  /** The journal concerned, when it is one. */
  readonly id?: string;
  readonly heldKeys: number;
  readonly err: unknown;
}

const unreadableRecord = 'partition is held: a record cannot be decoded';
const unreadableRow = 'partition is held: the stored row of a journal cannot be decoded';
const blockedStretch = 'partition is held: the log cannot give what comes next';
const unwritableEntry =
  'partition is held: what is to be skipped cannot be written to the quarantine file';

/** The smallest offset that is not applied; `undefined` when all are. */
export function firstUnapplied({ held, unreadable }: HeldWork): Offset | undefined {
  let first = unreadable?.offset;
  for (const { rest } of held) if (first === undefined || rest.first < first) first = rest.first;
  return first;
}

/** What to report: the problem with the smallest offset; `undefined` when nothing is in the way. */
function problemOf(
  { held, unreadable }: HeldWork,
  offsetError: unknown,
  storeName: string,
): Problem | undefined {
  const failedWrite = `partition is held: ${storeName} failed; nothing is lost, it is tried again`;
  const heldKeys = held.length;
  const first = held.toSorted((a, b) => a.rest.first - b.rest.first)[0];
  if (unreadable !== undefined && unreadable.offset < (first?.rest.first ?? Infinity)) {
    const { offset, error } = unreadable;
    return { message: unreadableRecord, offset, heldKeys, err: error };
  }
  if (first !== undefined) {
    const unreadable = isOfRow(first.error) ? unreadableRow : unreadableRecord;
    const message = first.reason === 'unreadable' ? unreadable : failedWrite;
    const { key, first: offset } = first.rest;
    return { message, offset, id: key.id, heldKeys, err: first.error };
  }
  if (offsetError === undefined) return undefined;
  return { message: failedWrite, heldKeys, err: offsetError };
}

/** What to try next: the held keys; once there are none, the unreadable record and what follows it. */
export function remainingWork(source: PartitionSource, work: HeldWork): GroupedRecords {
  const { held, unreadable } = work;
  if (held.length > 0) return { keys: held.map((key) => key.rest), unreadable };
  return groupRecords(source, unreadable?.rest ?? []);
}

/** Who takes undecodable records, and where they come from. */
export interface QuarantineRound {
  readonly quarantine: Quarantine;
  readonly source: PartitionSource;
  /** What was polled, as the log has it. */
  readonly records: readonly LogRecord[];
  /** What failed when a write did, for the log. */
  readonly storeName: string;
}

export interface AfterQuarantine {
  readonly left: HeldWork;
  /** Something was skipped: there is more to try at once. */
  readonly isShorter: boolean;
  /** What is in the way, if anything; also that an entry cannot be written, so nothing may be skipped. */
  readonly problem: Problem | undefined;
}

/** What is left when the quarantine has taken what it takes. */
export async function afterQuarantine(
  left: HeldWork,
  offsetError: unknown,
  round: QuarantineRound,
): Promise<AfterQuarantine> {
  try {
    const rest = await withoutQuarantined(left, round);
    const problem = problemOf(rest ?? left, offsetError, round.storeName);
    return { left: rest ?? left, isShorter: rest !== undefined, problem };
  } catch (err) {
    const offset = firstUnapplied(left);
    const place = offset === undefined ? {} : { offset };
    const problem = { message: unwritableEntry, ...place, heldKeys: left.held.length, err };
    return { left, isShorter: false, problem };
  }
}

/** Whether a stretch that the log cannot give may be passed over, and what to say while it may not. */
export async function blockedBy(
  stretch: BlockedStretch,
  { quarantine, source }: Pick<QuarantineRound, 'quarantine' | 'source'>,
): Promise<{ readonly problem: Problem; readonly isTaken: boolean }> {
  const { offset, error } = stretch;
  const problem = { message: blockedStretch, offset, heldKeys: 0, err: error };
  try {
    return { problem, isTaken: await quarantine.takesStretch(source, stretch) };
  } catch (err) {
    return { problem: { ...problem, message: unwritableEntry, err }, isTaken: false };
  }
}

/**
 * The work without the undecodable records that the quarantine takes, or `undefined` when it takes
 * none. Skipping one may bring up the next.
 *
 * @throws an entry cannot be written: nothing may be skipped
 */
async function withoutQuarantined(
  work: HeldWork,
  round: QuarantineRound,
): Promise<HeldWork | undefined> {
  const held: HeldKey[] = [];
  let changed = false;
  for (const key of work.held) {
    const isTaken = key.reason === 'unreadable' && (await takes(round, key.rest.first, key.error));
    const rest = isTaken ? withoutFirst(key) : key;
    changed ||= isTaken;
    if (rest !== undefined) held.push(rest);
  }
  // Its turn comes when nothing in front of it is held: what follows it may belong to a held key.
  const later = held.length > 0 ? undefined : await withoutUnreadable(work.unreadable, round);
  return changed || later !== undefined
    ? { held, unreadable: later ?? work.unreadable }
    : undefined;
}

async function withoutUnreadable(
  unreadable: HeldWork['unreadable'],
  round: QuarantineRound,
): Promise<HeldWork['unreadable']> {
  if (unreadable === undefined) return undefined;
  if (!(await takes(round, unreadable.offset, unreadable.error))) return undefined;
  return { ...unreadable, rest: unreadable.rest.slice(1) };
}

async function takes(
  { quarantine, source, records }: QuarantineRound,
  offset: Offset,
  error: unknown,
): Promise<boolean> {
  const record = records.find((candidate) => candidate.offset === offset);
  return record !== undefined && (await quarantine.takesRecord(source, record, error));
}

function withoutFirst({ rest }: HeldKey): HeldKey | undefined {
  const [, next] = rest.records;
  if (next === undefined) return undefined;
  const { key } = rest;
  const later = { key, first: next.at.offset, records: rest.records.slice(1) };
  return { type: 'held', rest: later, reason: 'stopped' };
}
