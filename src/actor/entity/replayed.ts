import type { SnapshotMetadata } from '../../ports/snapshot-store.ts';
import type { EventCoding } from '../evolution/event-coding.ts';
import type { DryRun } from './entity-logic.ts';
import type { Outbox } from './outbox.ts';
import type { RecentCommands } from './recent-commands.ts';
import type { Timers } from './timers.ts';

/** What a journal says about an entity. */
export interface Replayed<S> {
  /** State after the last event; `undefined` when the journal was never written. */
  readonly state: S | undefined;
  /** Highest number of the journal; 0 = never written. */
  readonly sequenceNr: number;
  /** From the init record, when there is one; else what the actor was started with. */
  readonly input: unknown;
  /** What the events armed and neither fired nor cancelled. */
  readonly timers: Timers;
  /** The commands in it whose askers may ask again. */
  readonly recent: RecentCommands;
  /** What it has to deliver. */
  readonly outbox: Outbox;
  /** When the last applied event was stored, ms since the epoch; 0 = unknown. */
  readonly lastEventMs: number;
  /** When the last event was stored, applied or not, ms since the epoch; `undefined` = unknown. */
  readonly lastSeenMs: number | undefined;
  /** For how long time stood still for timers of before, as the applied events say. */
  readonly stillMs: number;
  /** Version of the machine that began the journal; `undefined` = its events name none. */
  readonly bornWith: string | undefined;
  /** How its events are stored; `undefined` = as they are. */
  readonly coding: EventCoding | undefined;
  /** Who wrote the last event of the state; `''` = no event was read. */
  readonly writerUuid: string;
  /** Events that were applied; those in a snapshot are not among them. */
  readonly appliedEvents: number;
  /** Number of the snapshot that the events were applied to; 0 = there was none. */
  readonly snapshotSeqNr: number;
  /** The newest snapshot that the journal does not know: it is of a former life. */
  readonly formerSnapshot: SnapshotMetadata | undefined;
  /** The state is that of the newest event of the journal. */
  readonly isWhole: boolean;
  /** The dry run that made `state`: it knows the children in it. */
  readonly run: DryRun<S>;
}
