import type { AnyActorRef, EventObject } from 'xstate';
import type { Logger } from '../observability/logger.ts';
import type { JournalPlugin, PersistenceId } from '../ports/journal-plugin.ts';
import type { Clock } from '../runtime/clock.ts';
import type { HostFact } from './entity-host.machine.ts';
import type { EntityLogic, HostedState } from './entity-logic.ts';
import type { EntitySettings, PersistenceSignal } from './entity-options.ts';
import type { RecoveryPermits } from './recovery/recovery-permits.ts';
import type { LiveEntities } from './registry/live-entities.ts';
import type { Timers } from './timers.ts';

/** What all entities of one persistence share. */
export interface EntityDeps {
  readonly journal: (pluginId: string | undefined, signal: AbortSignal) => Promise<JournalPlugin>;
  readonly log: Logger;
  readonly clock: Clock;
  /** 0 <= value < 1; decides the jitter of a backoff. */
  readonly random: () => number;
  readonly randomUuid: () => string;
  readonly permits: RecoveryPermits;
  readonly live: LiveEntities;
}

/** What one actor is at the moment: shared by its host, its recovery and its pipeline. */
export interface Entity<S extends HostedState> {
  readonly persistenceId: PersistenceId;
  readonly deps: EntityDeps;
  readonly settings: EntitySettings<S>;
  readonly logic: EntityLogic<S>;
  readonly self: AnyActorRef;
  /** The initial state runs actions, arms timers or has children. */
  readonly initialActs: boolean;
  /** The committed state. */
  state: S;
  /** Number of the last event that is stored and applied. */
  sequenceNr: number;
  input: unknown;
  /** The init record is to be stored with the first event. */
  initPending: boolean;
  writerUuid: string;
  /** `undefined` until the first recovery. */
  journal: JournalPlugin | undefined;
  timers: Timers;
}

/** What a pipeline may ask of its host. */
export interface PipelineHost {
  /** The failure behind a backoff or an end; shown in the snapshot. */
  lastError: unknown;
  readonly isReady: boolean;
  /** The snapshot as the actor shows it. */
  expose(): unknown;
  advance(fact: HostFact): void;
  tell(event: EventObject): void;
  /** The entity ends with this error. */
  fail(error: unknown): void;
  /** A write may or may not be stored: stop or start over. */
  writeFailed(error: Error): void;
  signal(type: PersistenceSignal['type'], cause?: unknown): void;
  /** A commit reached a final state. */
  ended(): void;
}
