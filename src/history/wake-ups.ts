import type { ActionRecord } from '../model/action.ts';
import type { JournalPointer } from '../model/journal-pointer.ts';
import { maxWakeMs, type Wake, type WakeUp, type WakeUpChange } from '../model/wake-up.ts';
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
 * Which append counts depends on the journal's row as it was before it. A row that is after a record
 * does not say it any more: the record was applied by an attempt that was cut short before the
 * replicated offset moved. Of such records one counts unless another one among them shows that it
 * loses, and a conditional purge does not.
 *
 * @param records ascending offsets
 * @param row before the records are applied
 * @returns `undefined` = it stays as it is
 */
export function changeOfWakeUp(
  records: readonly ActionRecord[],
  row: JournalPointer | undefined,
): WakeUpChange | undefined {
  if (!concernsWakeUp(records)) return undefined;
  let change: WakeUpChange | undefined;
  let life: Life | undefined;
  let isAfterRow = false;
  for (const { action, at } of records) {
    if (life === undefined || !isAfterRow) {
      isAfterRow =
        row === undefined || row.at.partition !== at.partition || at.offset > row.at.offset;
      life = isAfterRow ? Life.ofRow(row, at.partition) : (life ?? Life.unseen);
    }
    const { header } = action;
    const [next, effect] = applyAction(life, header, at.offset);
    life = next;
    if (effect.type === 'purged') change = { type: 'remove', offset: at.offset };
    if (effect.type !== 'taken' || header.type !== 'append' || header.wake === undefined) continue;
    const { offset } = at;
    const wakeUp = wakeUpOf(header.wake, action.timestampMs);
    change =
      wakeUp === undefined
        ? { type: 'remove', offset }
        : { type: 'set', wakeUp: { ...wakeUp, offset } };
  }
  return change;
}

/** Whether records may change it: of most journals none does, and then nothing is asked or written. */
export function concernsWakeUp(records: readonly ActionRecord[]): boolean {
  return records.some(({ action: { header } }) => {
    return header.type === 'purge' || (header.type === 'append' && header.wake !== undefined);
  });
}

function wakeUpOf(wake: Wake, writtenMs: number): Omit<WakeUp, 'offset'> | undefined {
  if (wake === 'none') return undefined;
  if (wake === 'now') {
    return { dueMs: Math.min(Math.max(0, writtenMs), maxWakeMs), reason: 'now' };
  }
  return { dueMs: wake, reason: 'time' };
}
