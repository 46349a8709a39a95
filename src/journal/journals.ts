import { Key } from '../model/key.ts';
import type { Topic } from '../model/position.ts';
import type { CallOptions } from '../ports/call-options.ts';
import { watchProducer } from './head-cache/writer-watch.ts';
import { type CallTimeThresholds, instrumentJournal } from './instrumented-journal.ts';
import { createJournal, type Journal } from './journal.ts';
import type { JournalParts } from './journal-parts.ts';

/** Journals by key, over one log and one store. */
export interface Journals {
  /** @throws {InvalidInputError} the topic or the id is none */
  of(key: Key): Journal;
  /** Ids of all journals of a topic that reached the store, in no order. */
  ids(topic: Topic, options?: CallOptions): AsyncIterable<string>;
}

/** The parts belong to the caller, who closes them. */
export function createJournals(parts: JournalParts, thresholdsMs: CallTimeThresholds): Journals {
  const instruments = { log: parts.log, thresholdsMs };
  const watched = withWatchedWrites(parts);
  return {
    of(named) {
      // Callers use JavaScript, and a key may be of their own making.
      const key = Key.of(named.topic, named.id);
      return instrumentJournal(createJournal(watched, key), key, instruments);
    },
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
