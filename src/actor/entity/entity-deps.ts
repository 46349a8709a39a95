import type { AnyActorRef, EventObject } from 'xstate';
import type { Logger } from '../../observability/logger.ts';
import type { JournalPlugin } from '../../ports/journal-plugin.ts';
import type { SnapshotStore } from '../../ports/snapshot-store.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { JournalCoding } from '../evolution/event-coding.ts';
import type { EntityLogic } from './entity-logic.ts';
import type { EntitySettings } from './entity-options.ts';
import type { LiveEntities } from './live-entities.ts';

/** How a delivery asks an actor: its id names the command, so that it runs once. */
interface DeliveryTerms {
  readonly commandId: string;
  readonly correlationId: string | undefined;
  readonly signal: AbortSignal;
  /** ms. */
  readonly timeout: number;
}

/** What all entities of one persistence share. */
export interface EntityDeps {
  readonly journal: (pluginId: string | undefined, signal: AbortSignal) => Promise<JournalPlugin>;
  /** The failure that keeps calls of the journal waiting; `undefined` = none. */
  readonly journalTrouble: (pluginId: string | undefined) => Error | undefined;
  readonly snapshotStore: (
    pluginId: string | undefined,
    signal: AbortSignal,
  ) => Promise<SnapshotStore | undefined>;
  /** What the configuration binds to the events of a journal. */
  readonly journalCoding: (
    pluginId: string | undefined,
    signal: AbortSignal,
  ) => Promise<JournalCoding | undefined>;
  /** Asks an actor of this persistence. */
  readonly ask: (ref: AnyActorRef, command: EventObject, how: DeliveryTerms) => Promise<unknown>;
  readonly log: Logger;
  readonly clock: Clock;
  /** 0 <= value < 1; decides the jitter of a backoff. */
  readonly random: () => number;
  readonly randomUuid: () => string;
  readonly live: LiveEntities;
}

/** What an entity is made of. */
export interface EntityStart<S> {
  readonly deps: EntityDeps;
  readonly persistenceId: string;
  readonly settings: EntitySettings<S>;
  readonly logic: EntityLogic<S>;
  readonly self: AnyActorRef;
  readonly input: unknown;
  /** The first state as a dry run gives it: nothing of it has happened. */
  readonly state: S;
  /** The first state runs actions, arms timers or has children. */
  readonly initialActs: boolean;
}
