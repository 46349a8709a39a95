import type { ActionRecord } from '../model/action.ts';
import type { JournalPointer } from '../model/journal-pointer.ts';
import type { Offset } from '../model/position.ts';
import { maxWakeMs, type Wake, type WakeUpChange } from '../model/wake-up.ts';
import { applyAction } from './apply-action.ts';
import { Life } from './life.ts';

/**
 * What the records of one journal make of its wake-up (docs/format.md#wake-ups):
 *
 * | action | then |
 * |---|---|
 * | append that counts, with a time | due at that time |
 * | the same with `now` | due at the time of the record |
 * | the same with `none` | there is none |
 * | the same without a wake-up | as before |
 * | append that loses (ADR 17) | as before |
 * | delete | as before: what the entity waits for does not depend on old events |
 * | purge, or a conditional one that takes effect | there is none |
 * | conditional purge that does not | as before |
 *
 * Void actions are not among the records.
 *
 * Which append counts depends on the journal's row as it was before it. A row that is after a
 * record does not say it any more: the record was applied by an attempt that was cut short before
 * the replicated offset moved. Of such records one counts unless another one among them shows that
 * it loses, and a conditional purge does not.
 *
 * @param records ascending offsets
 * @param row before the records are applied
 * @returns `undefined` = it stays as it is
 */
export function changeOfWakeUp(
  records: readonly ActionRecord[],
  row: JournalPointer | undefined,
): WakeUpChange | undefined {
  const [first] = records;
  if (first === undefined || !concernsWakeUp(records)) return undefined;
  const { partition } = first.at;
  const applied = row?.at.partition === partition ? row.at.offset : -1;
  const later = records.filter(({ at }) => at.offset > applied);
  const again = records.filter(({ at }) => at.offset <= applied);
  return lastChange(later, Life.ofRow(row, partition)) ?? lastChange(again, Life.unseen);
}

/** Of which part of a partition the wake-ups are missing. */
export interface UnkeptRange {
  /** All up to it are known; -1 = none. */
  readonly after: number;
  /** All after it are kept. */
  readonly upTo: Offset;
}

/**
 * The wake-up of a journal whose appends in the range may have said what nobody has kept: it is due
 * at once, and whoever opens its entity sees what it waits for.
 *
 * The last record of the journal that is not after the range decides. If that is before the range,
 * no record of it was missed. If it is where the wake-up that is stored comes from, or before that,
 * no record came after it. A later record may have said something else, even if it comes from where
 * wake-ups were kept: programs that keep them and others may have taken turns.
 *
 * @param row of the journal
 * @param stored where its wake-up comes from; `undefined` = it has none
 * @returns `undefined` = what is stored is right
 */
export function suspectOf(
  row: Offset,
  stored: Offset | undefined,
  { after, upTo }: UnkeptRange,
): Offset | undefined {
  const last = row < upTo ? row : upTo;
  return last <= after || (stored ?? -1) >= last ? undefined : last;
}

function lastChange(records: readonly ActionRecord[], before: Life): WakeUpChange | undefined {
  let change: WakeUpChange | undefined;
  let life = before;
  for (const { action, at } of records) {
    const { header, timestampMs } = action;
    const [next, effect] = applyAction(life, header, at.offset);
    life = next;
    if (effect.type === 'purged') change = { type: 'remove', offset: at.offset };
    if (effect.type !== 'taken' || header.type !== 'append') continue;
    change = changeBy(header.wake, { offset: at.offset, timestampMs }) ?? change;
  }
  return change;
}

/**
 * Whether records may change it: of most journals none does, and then nothing is asked or written.
 */
function concernsWakeUp(records: readonly ActionRecord[]): boolean {
  return records.some(({ action: { header } }) => {
    return header.type === 'purge' || (header.type === 'append' && header.wake !== undefined);
  });
}

/** Of an append that counts. */
function changeBy(
  wake: Wake | undefined,
  { offset, timestampMs }: Written,
): WakeUpChange | undefined {
  if (wake === undefined) return undefined;
  if (wake === 'none') return { type: 'remove', offset };
  if (wake !== 'now') return { type: 'set', wakeUp: { dueMs: wake, reason: 'time', offset } };
  const dueMs = Math.min(Math.max(0, timestampMs), maxWakeMs);
  return { type: 'set', wakeUp: { dueMs, reason: 'now', offset } };
}

/** Where and when an append was written. */
interface Written {
  readonly offset: Offset;
  readonly timestampMs: number;
}
