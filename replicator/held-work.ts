import type { Offset } from '../src/model/position.ts';
import { type GroupedRecords, groupRecords, type PartitionSource } from './group-records.ts';
import type { KeyOutcome } from './replicate-records.ts';

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
const failedWrite = 'partition is held: the store failed; nothing is lost, it is tried again';

/** The smallest offset that is not applied; `undefined` when all are. */
export function firstUnapplied({ held, unreadable }: HeldWork): Offset | undefined {
  let first = unreadable?.offset;
  for (const { rest } of held) if (first === undefined || rest.first < first) first = rest.first;
  return first;
}

/** What to report: the problem with the smallest offset; `undefined` when nothing is in the way. */
export function problemOf(work: HeldWork, offsetError: unknown): Problem | undefined {
  const { held, unreadable } = work;
  const heldKeys = held.length;
  const first = held.toSorted((a, b) => a.rest.first - b.rest.first)[0];
  if (unreadable !== undefined && unreadable.offset < (first?.rest.first ?? Infinity)) {
    const { offset, error } = unreadable;
    return { message: unreadableRecord, offset, heldKeys, err: error };
  }
  if (first !== undefined) {
    const message = first.reason === 'unreadable' ? unreadableRecord : failedWrite;
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
