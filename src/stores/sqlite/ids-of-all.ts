import { DeadlineExceededError } from '../../model/errors.ts';
import type { Offset, Partition, Topic } from '../../model/position.ts';
import type { ActionConsumer } from '../../ports/action-consumer.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import type { EventualJournal } from '../../ports/eventual-journal.ts';
import type { Clock } from '../../runtime/clock.ts';

/** What a listing of all ids of a topic works with, and how long it waits. */
export interface IdsDeps {
  readonly consumer: ActionConsumer;
  readonly eventual: EventualJournal;
  readonly clock: Clock;
  /** Longest wait for the replicator. */
  readonly limitMs: number;
}

/** Between two looks at how far a partition is replicated. */
const pollMs = 10;

/**
 * Ids of all journals of a topic, in no order, with everything that the log holds when it is
 * called: the replicator of this or another process is waited for.
 *
 * @throws {DeadlineExceededError} retryable: a partition is not replicated so far within `limitMs`
 */
export async function* idsOfAll(
  topic: Topic,
  deps: IdsDeps,
  options?: CallOptions,
): AsyncGenerator<string> {
  const { consumer, eventual, clock, limitMs } = deps;
  const giveUpMs = clock.steadyMs() + limitMs;
  const count = (await consumer.partitionCount(topic, options)) ?? 0;
  const ends: Offset[] = [];
  for (let partition = 0; partition < count; partition++) {
    ends.push(await consumer.endOffset(topic, partition as Partition, options));
  }
  for (const [partition, end] of ends.entries()) {
    for (;;) {
      const offset = await eventual.offset(topic, partition as Partition, options);
      if ((offset ?? -1) >= end - 1) break;
      if (clock.steadyMs() >= giveUpMs) {
        const place = `partition ${partition} of ${topic}`;
        const far = `${place} is replicated up to offset ${offset ?? 'none'}, not ${end - 1}`;
        throw new DeadlineExceededError(`${far}, within read-timeout, ${limitMs} ms`);
      }
      await clock.sleep(pollMs, options);
    }
  }
  yield* eventual.ids(topic, options);
}
