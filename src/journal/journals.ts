import type { Key } from '../model/key.ts';
import type { Topic } from '../model/position.ts';
import type { CallOptions } from '../ports/call-options.ts';
import { watchProducer } from './head-cache/writer-watch.ts';
import { type CallTimeThresholds, instrumentJournal } from './instrumented-journal.ts';
import { createJournal, type Journal } from './journal.ts';
import type { JournalParts } from './journal-parts.ts';

/** Journals by key, over one log and one store. */
export interface Journals {
  of(key: Key): Journal;
  /**
   * Ids of the journals of a topic that are in the store, in no order.
   *
   * On Kafka that is what the replicator has carried there: a journal that was written a moment ago may be
   * missing, one purged a moment ago may still be there. On the embedded journal everything that was
   * acknowledged before the call counts: it waits for the replicator of the file, `read-timeout` at most.
   *
   * @throws {StoreUnavailableError} retryable
   * @throws {DeadlineExceededError} retryable: embedded, and the replicator did not get so far in time
   */
  ids(topic: Topic, options?: CallOptions): AsyncIterable<string>;
}

/** The parts belong to the caller, who closes them. */
export function createJournals(parts: JournalParts, thresholdsMs: CallTimeThresholds): Journals {
  const instruments = { log: parts.log, thresholdsMs };
  const watched = withWatchedWrites(parts);
  return {
    of: (key) => instrumentJournal(createJournal(watched, key), key, instruments),
    ids: (topic, options) => parts.eventual.ids(topic, options),
  };
}

/** The head cache tells appends of other writers (ADR 17); the end of a read may depend on appends. */
function withWatchedWrites(parts: JournalParts): JournalParts {
  const { headCache, readEnd } = parts;
  let { producer } = parts;
  if (readEnd?.watch !== undefined) producer = readEnd.watch(producer);
  if (headCache !== undefined) producer = watchProducer(producer, headCache.writers);
  return { ...parts, producer };
}
