import type { Key } from '../model/key.ts';
import type { Topic } from '../model/position.ts';
import type { CallOptions } from '../ports/call-options.ts';
import { type CallTimeThresholds, instrumentJournal } from './instrumented-journal.ts';
import { createJournal, type Journal } from './journal.ts';
import type { JournalParts } from './journal-parts.ts';

/** Journals by key, over one log and one store. */
export interface Journals {
  of(key: Key): Journal;
  /** Ids of all journals of a topic that reached the store, in no order. */
  ids(topic: Topic, options?: CallOptions): AsyncIterable<string>;
}

/** The parts belong to the caller, who closes them. */
export function createJournals(parts: JournalParts, thresholdsMs: CallTimeThresholds): Journals {
  const instruments = { log: parts.log, thresholdsMs };
  return {
    of: (key) => instrumentJournal(createJournal(parts, key), key, instruments),
    ids: (topic, options) => parts.eventual.ids(topic, options),
  };
}
