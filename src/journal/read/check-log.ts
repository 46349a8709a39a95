import type { ActionRecord } from '../../model/action.ts';
import { DataIntegrityError } from '../../model/errors.ts';
import type { Key } from '../../model/key.ts';
import type { Offset, PartitionOffset } from '../../model/position.ts';
import type { ProgressDeadline } from '../../runtime/progress-deadline.ts';
import type { JournalParts } from '../journal-parts.ts';
import { torn } from './snapshot.ts';

/** A broker that became leader a moment ago may not yet show what was acknowledged. */
const graceMs = 2_000;
const pauseMs = 100;

/**
 * A replicated offset behind the end of a read is usual while the replicator is quick. Behind the end of
 * the log it means that the topic was made anew, or that the log lost what it had acknowledged: then
 * new records would pass for replicated ones (docs/format.md#reading).
 *
 * @throws {DataIntegrityError} naming the replicated offset and the end of the log
 */
export async function checkLogReaches(
  { consumer, clock }: JournalParts,
  read: {
    readonly key: Key;
    readonly end: PartitionOffset;
    readonly replicated: Offset | undefined;
  },
  { signal }: ProgressDeadline,
): Promise<void> {
  const { replicated: offset } = read;
  if (offset === undefined || offset < read.end.offset) return;
  const { topic, id } = read.key;
  const { partition } = read.end;
  const giveUpMs = clock.nowMs() + graceMs;
  for (;;) {
    const end = await consumer.endOffset(topic, partition, { signal });
    if (end > offset) return;
    if (clock.nowMs() >= giveUpMs) {
      throw new DataIntegrityError(
        `offset ${offset} is replicated, but the log ends at ${end}: the topic was made anew, or ` +
          'the log lost records',
        { place: { topic, partition, offset, id } },
      );
    }
    await clock.sleep(pauseMs, { signal });
  }
}

/**
 * Looks whether somebody purged the key between `end` and the end of the log as of now. A conditional purge
 * can only be under way while the row, which was read before, stands where it says.
 *
 * @throws {@link torn} somebody did
 */
export async function checkNotPurgedBehind(
  { consumer }: JournalParts,
  { key, end, row }: { readonly key: Key; readonly end: PartitionOffset; readonly row: Offset },
  deadline: ProgressDeadline,
): Promise<void> {
  const { signal } = deadline;
  const { partition, offset: from } = end;
  const mayCount = ({ action: { header } }: ActionRecord): boolean =>
    header.type === 'purge' && (header.onlyAt === undefined || header.onlyAt === row);
  const to = await consumer.endOffset(key.topic, partition, { signal });
  for await (const records of consumer.read({ key, partition, from, to }, { signal })) {
    deadline.progress();
    if (records.some(mayCount)) throw torn;
  }
}
