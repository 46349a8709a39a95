import type { Tenures } from '../history/tenures.ts';
import type { ActionRecord } from '../model/action.ts';
import type { Offset, TopicPartition } from '../model/position.ts';
import type { EventualJournal } from '../ports/eventual-journal.ts';

/** Records whose tenures have to be known. */
interface JudgedRecords {
  readonly records: readonly ActionRecord[];
  readonly signal: AbortSignal;
}

/** The tenures of a partition as somebody sees them who reads it after a replicated offset. */
export interface TenuresAfter {
  readonly tenures: Tenures;
  /** R: what is at or before it has to be asked of the store. */
  readonly replicated: Offset | undefined;
}

/**
 * Asks the store for the tenures that the records name, without which they cannot be judged. Where
 * no action names a tenure nothing is asked. R was read before: so the store has all opening marks
 * up to it, or says that it has not.
 *
 * @throws {StoreUnavailableError} retryable
 */
export async function learnTenures(
  eventual: Pick<EventualJournal, 'lastTenure'>,
  { topic, partition }: TopicPartition,
  { tenures, replicated }: TenuresAfter,
  { records, signal }: JudgedRecords,
): Promise<void> {
  for (const scope of tenures.unknownScopes(records)) {
    const place = { topic, partition, scope };
    const isEmpty = replicated === undefined;
    const last = isEmpty ? undefined : await eventual.lastTenure(place, replicated, { signal });
    tenures.learn(scope, last);
  }
}
