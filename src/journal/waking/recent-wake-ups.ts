import { Tenures } from '../../history/tenures.ts';
import type { ActionRecord } from '../../model/action.ts';
import type { Offset } from '../../model/position.ts';
import type { WakeUp, WakeUpPlace } from '../../model/wake-up.ts';
import type { ActionConsumer } from '../../ports/action-consumer.ts';
import type { EventualJournal } from '../../ports/eventual-journal.ts';
import { learnTenures } from '../learn-tenures.ts';

/** A wake-up that is not in the store yet; `none` = the journal waits for nothing any more. */
export type RecentWakeUp = WakeUp | { readonly reason: 'none'; readonly offset: Offset };

/** Which part of the log is asked about: after R, before the own opening mark. */
export interface RecentPart {
  readonly place: WakeUpPlace;
  readonly replicated: Offset | undefined;
  readonly to: Offset;
}

/** What they are read from. */
export interface RecentDeps {
  readonly consumer: Pick<ActionConsumer, 'follow'>;
  readonly eventual: Pick<EventualJournal, 'lastTenure'>;
}

/**
 * What the records say that the replicator had not stored at R: the last word of each journal. They
 * are hints: an append that loses to another one counts here as well, and whoever is woken looks.
 *
 * @throws {DataIntegrityError} the log does not have the records any more
 * @throws {LogUnavailableError} {@link StoreUnavailableError} retryable
 * @throws the abort reason when `signal` fires
 */
export async function recentWakeUps(
  { place, replicated, to }: RecentPart,
  { consumer, eventual }: RecentDeps,
  signal: AbortSignal,
): Promise<Map<string, RecentWakeUp>> {
  const recent = new Map<string, RecentWakeUp>();
  const from = ((replicated ?? -1) + 1) as Offset;
  if (from >= to) return recent;
  const after = { tenures: new Tenures(), replicated };
  for await (const { records, next } of consumer.follow({ ...place, from }, { signal })) {
    await learnTenures(eventual, place, after, { records, signal });
    for (const record of records) {
      if (after.tenures.judge(record) !== 'counts' || record.at.offset >= to) continue;
      const wakeUp = wakeUpOf(record);
      if (wakeUp !== undefined) recent.set(record.action.key.id, wakeUp);
    }
    if (next >= to) break;
  }
  return recent;
}

function wakeUpOf({ action, at: { offset } }: ActionRecord): RecentWakeUp | undefined {
  const { header, timestampMs } = action;
  if (header.type === 'purge') return { reason: 'none', offset };
  if (header.type !== 'append' || header.wake === undefined) return undefined;
  if (header.wake === 'none') return { reason: 'none', offset };
  if (header.wake === 'now') return { reason: 'now', dueMs: timestampMs, offset };
  return { reason: 'time', dueMs: header.wake, offset };
}
