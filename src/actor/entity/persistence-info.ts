import type { EventObject } from 'xstate';

/** What an actor is doing, as its snapshots show it. */
export const phases = [
  'awaiting-permit',
  'loading-snapshot',
  'replaying',
  'ready',
  'persisting',
  'unowned',
  'backoff',
  'stopped',
] as const;

/**
 * Where the entity is in its life. `unowned`: another process may write it, so nothing of its state
 * is shown; it recovers when it has something to do.
 */
export type Phase = (typeof phases)[number];

/** What a snapshot of a persistent actor says about its journal. */
export interface PersistenceInfo<E extends EventObject = EventObject, R = unknown> {
  /**
   * Only a type, as `~` says: the events that the entity stores, and what it replies. As the
   * parameters of a method, which TypeScript compares both ways: so a logic whose reply is known
   * fits where its type is written without.
   */
  '~types'?(event: E, reply: R): void;
  readonly phase: Phase;
  readonly persistenceId: string;
  /** Number of the last event that is stored and applied; 0 = none. */
  readonly sequenceNr: number;
  /** Commands that wait for a recovery or a write to end. */
  readonly stashed: number;
  /** What the actor was first started with; after recovery: what its journal says. */
  readonly input: unknown;
  /** `machineVersion` of the actor that began the journal; absent = its events name none. */
  readonly bornWith?: string;
  /** The failure that led to a backoff or a stop. */
  readonly lastError?: unknown;
}

/** The events that an entity with this snapshot stores. */
export type StoredEventOf<S> = S extends {
  readonly persistence: PersistenceInfo<infer E, infer _R>;
}
  ? E
  : EventObject;

/** What an entity with this snapshot replies. */
export type ReplyOf<S> = S extends { readonly persistence: PersistenceInfo<infer _E, infer R> }
  ? R
  : unknown;

/** What every snapshot of an entity has; a snapshot without a status is that of a live one. */
export interface EntitySnapshot {
  readonly status?: string;
  readonly persistence: PersistenceInfo;
}

/** True once the entity has recovered and while it takes commands: `waitFor(actor, isReady)`. */
export function isReady(snapshot: EntitySnapshot): boolean {
  const { phase } = snapshot.persistence;
  return (
    (phase === 'ready' || phase === 'persisting') && (snapshot.status ?? 'active') === 'active'
  );
}
