import type { EventObject } from 'xstate';

/** Where a stored event is from. */
export interface StoredEventPlace {
  readonly persistenceId: string;
  readonly seqNr: number;
}

/**
 * What stands between the events of a machine and what its journal holds (docs/evolution.md). Both
 * directions are pure functions: a new event is read back before it is applied, so that the live
 * entity goes by what a replay will give.
 */
export interface EventAdapter<E extends EventObject = EventObject, J = unknown> {
  /**
   * Stored beside the event, and given to `fromJournal` again: usually its type and version. `''`,
   * or no such function: nothing is stored.
   */
  manifest?(event: E): string;
  /** What is stored of an event: one for one. Usually an object with a `type`. */
  toJournal(event: E): J;
  /**
   * What the machine gets of a stored event: none, one or several, all with its number. A new event
   * must give at least one.
   */
  fromJournal(stored: J, manifest: string, place: StoredEventPlace): readonly E[];
}
