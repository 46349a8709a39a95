import { Key } from '../model/key.ts';
import type { Topic } from '../model/position.ts';
import type { CallOptions } from '../ports/call-options.ts';
import { watchProducer } from './head-cache/writer-watch.ts';
import { type CallTimeThresholds, instrumentJournal } from './instrumented-journal.ts';
import { createJournal, type Journal } from './journal.ts';
import type { ReadDeps } from './read/observe.ts';

/** Journals by key, over one log and one store. */
export interface Journals {
  /**
   * The journal of a key. Nothing is opened for it.
   *
   * @throws {InvalidInputError} the topic or the id is not one
   */
  of(key: Key): Journal;
  /**
   * Ids of the journals of a topic that are in the store, in no order.
   *
   * On Kafka that is what the replicator has carried there: a journal that was written a moment ago
   * may be missing, one purged a moment ago may still be there. On the embedded journal everything
   * that was acknowledged before the call counts: it waits for the replicator of the file,
   * `read-timeout` at most.
   *
   * @throws {StoreUnavailableError} retryable
   * @throws {DeadlineExceededError} retryable: embedded, and the replicator did not get so far in
   *   time
   */
  ids(topic: Topic, options?: CallOptions): AsyncIterable<string>;
}

/** Journals over collaborators that stay the caller's, who closes them. */
export function createJournals(deps: ReadDeps, thresholdsMs: CallTimeThresholds): Journals {
  const instruments = { log: deps.log, thresholdsMs };
  const { headCache, readEnd } = deps;
  let { producer } = deps;
  // The head cache warns an append of other writers (ADR 17); the end of a read may have to wait
  // for writes.
  if (headCache !== undefined) producer = watchProducer(producer, headCache.writers);
  if (readEnd?.watch !== undefined) producer = readEnd.watch(producer);
  const watched = { ...deps, producer };
  return {
    of(named) {
      // A caller that uses JavaScript may pass a key that `Key.of` never saw.
      const key = Key.of(named.topic, named.id);
      return instrumentJournal(createJournal(watched, key), key, instruments);
    },
    ids: (topic, options) => deps.eventual.ids(topic, options),
  };
}
