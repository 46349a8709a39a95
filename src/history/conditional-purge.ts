import type { ActionRecord } from '../model/action.ts';
import type { Offset } from '../model/position.ts';

/**
 * Decides the conditional purges of one key's records, as far as the records tell. Such a purge
 * counts only if the journal's last append, delete or counted purge before it lies at the offset
 * that it names; one that does not count is as if it had never been written.
 *
 *     a4 p5(only at 4)          counts: it becomes an ordinary purge
 *     a4 a5 p6(only at 4)       something came in between: dropped
 *     p6(only at 4) a7          nothing before it here: stays, and the store decides by its row
 *
 * @param records of one key, ascending offsets
 */
export function decidePurges(records: readonly ActionRecord[]): readonly ActionRecord[] {
  return records.some(isConditional) ? decide(records) : records;
}

/** Whether the record says something about the journal; a mark only bounds a read. */
export function isUserAction({ action }: ActionRecord): boolean {
  return action.header.type !== 'mark';
}

function isConditional(record: ActionRecord): boolean {
  return onlyAtOf(record) !== undefined;
}

function onlyAtOf({ action: { header } }: ActionRecord): Offset | undefined {
  return header.type === 'purge' ? header.onlyAt : undefined;
}

function decide(records: readonly ActionRecord[]): readonly ActionRecord[] {
  const kept: ActionRecord[] = [];
  let last: Offset | undefined;
  for (const record of records) {
    const onlyAt = onlyAtOf(record);
    if (onlyAt === undefined) {
      kept.push(record);
      if (isUserAction(record)) last = record.at.offset;
    } else if (last === undefined) {
      kept.push(record);
    } else if (last === onlyAt) {
      kept.push(unconditional(record));
      last = record.at.offset;
    }
  }
  return kept;
}

function unconditional({ action, at }: ActionRecord): ActionRecord {
  const { key, timestampMs, header } = action;
  if (header.type !== 'purge') return { action, at };
  const { type, origin, version } = header;
  return { at, action: { key, timestampMs, header: { type, origin, version } } };
}
