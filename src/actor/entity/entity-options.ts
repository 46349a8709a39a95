import type { EventObject } from 'xstate';
import type { BesideEvents } from '../../ports/journal-plugin.ts';
import type { SnapshotCriteria } from '../../ports/snapshot-store.ts';
import type { Evolution } from '../evolution/event-coding.ts';
import type { EvolutionOptions } from '../evolution/resolve-evolution.ts';
import type { StandardSchema } from '../evolution/schema.ts';
import type { CommandNames } from './ask.ts';
import type {
  Delivery,
  DeliverySettings,
  Destination,
  EntityDeliveries,
} from './delivery-options.ts';
import type { CommandIdSettings } from './recent-commands.ts';
import type { StashOverflowStrategy, StashOverflowVerdict } from './stash-overflow.ts';

/** Milliseconds, or a number with its unit: `'200ms'`, `'30s'`, `'5m'`, `'2h'`, `'1d'`. */
export type Duration = number | string;

/**
 * What a command leads to. It is returned at once: a promise is rejected with `InvalidInputError`,
 * as is anything else that is no decision; then nothing is stored and the entity lives. `S` is what
 * `thenRun` sees, `R` the reply.
 */
export type Decision<E extends EventObject, S = unknown, R = unknown> =
  | {
      readonly type: 'persist';
      /**
       * Stored together or not at all, then applied in order; empty = nothing to store. Each is an
       * object with a text `type` that does not begin with `xstate.`.
       */
      readonly events: readonly E[];
      readonly reply?: R | undefined;
      /** Delivered at least once after the last of the events, of which there is at least one. */
      readonly deliver?: readonly Delivery[] | undefined;
      /** Ids of deliveries that end with the last of the events, as confirmed. */
      readonly confirm?: readonly string[] | undefined;
      /**
       * Runs once, after the last event of the command was stored and applied; never in replay. An
       * exception thrown here ends the entity; the asker has its answer by then. An async function
       * is not awaited; its rejection ends the entity, too.
       */
      readonly thenRun?: ((snapshot: S) => void) | undefined;
    }
  | { readonly type: 'none'; readonly reply?: R | undefined }
  /** The asker gets a `CommandRejectedError` with this cause. */
  | { readonly type: 'reject'; readonly reason: Error }
  | { readonly type: 'unhandled' }
  /** Tried again after the next event of the entity; with `unstashOn`, when that says so. */
  | { readonly type: 'stash' };

/** Tags of one event. A text is iterable as well, and no list of tags: it would be its letters. */
export type Tags = Iterable<string> & object;

/**
 * What xstate makes of timers and children, such as `xstate.done.actor.pay`: a machine stores these
 * beside its own events.
 */
export interface XstateEvent {
  readonly type: `xstate.${string}`;
}

/** How an entity starts over after a failed write or recovery. */
export interface RestartBackoff {
  readonly minBackoff: Duration;
  readonly maxBackoff: Duration;
  /** 0 .. 1: part of the delay that is random; 0.2 unless given. */
  readonly randomFactor?: number | undefined;
  /**
   * Failures in a row before the actor ends in `error`; without it the entity tries until stopped.
   */
  readonly maxRestarts?: number | undefined;
}

/** What `onSignal` hears of the journal and the snapshots of an entity. */
export type PersistenceSignal = {
  readonly type:
    | 'recovery-completed'
    | 'recovery-failed'
    | 'persist-failed'
    | 'persist-rejected'
    | 'snapshot-saved'
    | 'snapshot-failed'
    | 'events-deleted'
    | 'events-delete-failed'
    | 'snapshots-deleted'
    | 'snapshots-delete-failed'
    | 'delivery-unconfirmed';
  /**
   * Of the entity; with `delivery-unconfirmed` of the event that it follows from; with `snapshot-…`
   * that of the snapshot, with `…-deleted` and `…-delete-failed` the number up to which was to be
   * deleted, inclusive.
   */
  readonly sequenceNr: number;
  readonly cause?: unknown;
};

/** What `decide` of a machine is given. */
export interface DecideArgs<S, C> extends CommandNames {
  readonly snapshot: S;
  readonly command: C;
  /** Number of the last event, stored or being written. */
  readonly sequenceNr: number;
  /** `machineVersion` of the actor that began the journal; `undefined` = its events name none. */
  readonly bornWith: string | undefined;
}

/** What `transient` is given. */
export interface TransientArgs<S, E> {
  readonly event: E;
  readonly snapshot: S;
}

/** What `snapshotWhen` is given, after the event was stored and applied. */
export interface SnapshotWhenArgs<S, E> {
  readonly snapshot: S;
  readonly event: E;
  readonly sequenceNr: number;
}

/** How many events a recovery may have to read, and what is deleted when it no longer reads it. */
export interface Retention {
  /** A snapshot at every number that this divides; at least 1. */
  readonly snapshotEvery: number;
  /** Snapshots that are kept, at least 1; 1 unless given. */
  readonly keepSnapshots?: number | undefined;
  /**
   * Events that the kept snapshots do not need are deleted for good; false unless given. Refused
   * with a store whose snapshots are optional.
   */
  readonly deleteEvents?: boolean | undefined;
}

/**
 * How the state of an entity is kept in its snapshots, and how a snapshot of another
 * `machineVersion` is read.
 */
export interface SnapshotAdapter {
  /** From the state as docs/snapshots.md shows it to any JSON. */
  toStore(state: Readonly<Record<string, unknown>>): unknown;
  /**
   * From what `toStore` gave to a state of the machine that the entity uses. An exception discards
   * the snapshot.
   *
   * @param from `machineVersion` = of the machine that made the state; `bornWith` = of the one that
   *   began the journal: an entity that keeps to one of `earlierMachines` uses that
   */
  fromStore(
    stored: unknown,
    from: { readonly machineVersion: string | undefined; readonly bornWith: string | undefined },
  ): Readonly<Record<string, unknown>>;
}

/** Bounds of the snapshots that a recovery may use; those left out bound nothing. */
export type SnapshotBounds = {
  readonly [Name in keyof SnapshotCriteria]?: SnapshotCriteria[Name] | undefined;
};

/** What callbacks that depend on nothing but the actor's input are given. */
export interface InputArgs<I> {
  readonly input: I;
}

/** What the hooks of a write are given. */
export interface WriteArgs<E> {
  /**
   * The command that led to the events, or the event of a child or a timer of the entity;
   * `undefined` for an init record that is stored before any command.
   */
  readonly command: EventObject | undefined;
  /** At least one, without an init record that is stored with them. */
  readonly events: readonly E[];
}

/**
 * Options of a persistent actor that need no machine. Absent ones come from the configuration. `E`
 * are the program's events, `Stored` all that the entity stores.
 */
export interface EntityOptions<S, E extends EventObject, Stored extends EventObject = E>
  extends EvolutionOptions<E> {
  /** Configuration path of the journal plugin; the default journal unless given. */
  readonly journalPluginId?: string | undefined;
  /**
   * Tags stored beside an event: texts that are not blank; `after` is the state that the event
   * leads to. Anything else, or an exception, rejects the command before the write.
   */
  readonly tagger?: ((event: Stored, after: S) => Tags) | undefined;
  /**
   * `toSeqNr` is inclusive, 0 = apply nothing; numbering goes on after the highest number.
   * `fromSnapshot` = which snapshots may be used: `'none'`, or those within the given bounds.
   */
  readonly recovery?:
    | {
        readonly toSeqNr?: number | undefined;
        readonly maxEvents?: number | undefined;
        readonly fromSnapshot?: SnapshotBounds | 'none' | undefined;
      }
    | undefined;
  /**
   * Version of the program that applies events. A snapshot of another version is not used, unless
   * `snapshotAdapter` can read it: change it whenever old states would not fit.
   */
  readonly machineVersion?: string | undefined;
  /** Configuration path of the snapshot store; the default one unless given. */
  readonly snapshotPluginId?: string | undefined;
  readonly snapshotAdapter?: SnapshotAdapter | undefined;
  readonly retention?: Retention | undefined;
  /**
   * Takes a snapshot where it answers true; these never lead to a deletion. An exception thrown
   * here fails the entity.
   */
  readonly snapshotWhen?: ((a: SnapshotWhenArgs<S, Stored>) => boolean) | undefined;
  /** Commands wait until a snapshot is saved, or has failed; false unless given. */
  readonly waitForSnapshot?: boolean | undefined;
  /**
   * `'stop'` (default): the actor ends in `error`; otherwise it recovers after a delay, stash
   * kept.
   */
  readonly onPersistFailure?: 'stop' | RestartBackoff | undefined;
  /** What a rejection that is no fault of the event itself does to the entity. */
  readonly onRejected?: ActorSettings['onRejected'] | undefined;
  readonly initEvent?: ActorSettings['initEvent'] | undefined;
  readonly unhandledReplayedEvent?: ActorSettings['unhandledReplayedEvent'] | undefined;
  /**
   * Delayed transitions after recovery: their first deadline; what was left of the delay at the
   * last event; or the full delay again.
   */
  readonly timers?: ActorSettings['timers'] | undefined;
  /** Commands written together while another write is in flight, at least 1. */
  readonly groupCommit?: number | undefined;
  readonly stashCapacity?: number | undefined;
  readonly stashOverflow?: StashOverflowVerdict | undefined;
  /** For how long the answers to commands with a `commandId` are remembered. */
  readonly commandIds?:
    | {
        /** How many answers at most; the oldest is forgotten first. At least 1. */
        readonly maxCount?: number | undefined;
        /** How long after its command was stored an answer is forgotten. More than 0. */
        readonly maxAge?: Duration | undefined;
      }
    | undefined;
  /** Idle time after which `entities` stops it; 0 = never. */
  readonly passivateAfter?: Duration | undefined;
  /**
   * What is stored once beside the events of a command: anything that JSON can hold. Anything else,
   * or an exception, rejects the command before the write.
   */
  readonly metadata?: ((a: WriteArgs<Stored>) => unknown) | undefined;
  /**
   * Headers of the record that holds the events of a command: texts by name. Anything else, or an
   * exception, rejects the command before the write.
   */
  readonly headers?:
    | ((a: WriteArgs<Stored>) => Readonly<Record<string, string>> | undefined)
    | undefined;
  /**
   * How long the journal lives after a write unless another one follows: then the replicator purges
   * it. A function is asked at each write; `undefined` = for ever.
   */
  readonly expireAfter?: Duration | ((a: WriteArgs<Stored>) => Duration | undefined) | undefined;
  /** Messages that are delivered at least once: see docs/deliveries.md. */
  readonly deliveries?: DeliveryOptions | undefined;
  /**
   * An exception thrown here fails the entity; after `recovery-failed` it is only logged. The same
   * holds for the rejection of an async function, which is not awaited.
   */
  readonly onSignal?: ((signal: PersistenceSignal, snapshot: S) => void) | undefined;
}

/** What is delivered where, and how. What is left out comes from the configuration. */
export interface DeliveryOptions {
  /** Where messages go, by the name that `deliver` has as `to`. */
  readonly to?: Readonly<Record<string, Destination>> | undefined;
  /**
   * What a machine sends to other persistent actors with `sendTo` or `sendParent`, without a delay,
   * is delivered at least once, and taken once; false unless given (docs/deliveries.md#send-to).
   */
  readonly sendTo?: boolean | undefined;
  /** Longest time of one attempt, more than 0; 30 s unless given. */
  readonly timeout?: Duration | undefined;
  /**
   * An unconfirmed message is sent again so long after its last attempt began, or up to half of
   * that later. More than 0.
   */
  readonly redeliverInterval?: Duration | undefined;
  /** Messages that are sent again at once; the others follow half an interval later. At least 1. */
  readonly redeliveryBurst?: number | undefined;
  /** Attempts without a confirmation after which there is a warning. At least 1. */
  readonly warnAfterAttempts?: number | undefined;
  /** A command that would lead to more unconfirmed deliveries is rejected. At least 1. */
  readonly maxUnconfirmed?: number | undefined;
}

/** The resolved options of a logic: all its actors share them. */
export interface EntitySettings<S> {
  readonly journalPluginId: string | undefined;
  readonly decide: ((a: DecideArgs<S, EventObject>) => Decision<EventObject, S>) | undefined;
  readonly transient: ((a: TransientArgs<S, EventObject>) => boolean) | undefined;
  readonly tagger: ((event: EventObject, after: S) => Iterable<string>) | undefined;
  readonly onSignal: ((signal: PersistenceSignal, snapshot: S) => void) | undefined;
  /**
   * Whether an event releases what `decide` has stashed, which led from one state to the other;
   * `undefined` = each does.
   */
  readonly unstashes: ((before: S, after: S) => boolean) | undefined;
  /** What the hooks of a write say; `undefined` = there are none. */
  readonly beside: ((a: WriteArgs<EventObject>) => BesideEvents) | undefined;
  /** What stands between its events and what is stored of them; `undefined` = nothing. */
  readonly evolution: Evolution | undefined;
  readonly commandSchema: StandardSchema | undefined;
  readonly machineVersion: string | undefined;
  readonly recoverTo: number | undefined;
  readonly recoverMaxEvents: number;
  readonly restart: ResolvedBackoff | undefined;
  readonly passivateAfterMs: number;
  readonly snapshots: SnapshotSettings<S>;
  readonly deliveries: EntityDeliveries;
  readonly actor: ActorSettings;
}

/** A `Retention` with its defaults. */
export type ResolvedRetention = {
  readonly [Name in keyof Retention]-?: NonNullable<Retention[Name]>;
};

/** The resolved options about snapshots. One object for all actors of a logic. */
export interface SnapshotSettings<S> {
  readonly pluginId: string | undefined;
  readonly adapter: SnapshotAdapter | undefined;
  /** `undefined` = none is taken because of a number. */
  readonly retention: ResolvedRetention | undefined;
  readonly when: ((a: SnapshotWhenArgs<S, EventObject>) => boolean) | undefined;
  readonly holdsCommands: boolean;
  /** Which ones a recovery may use. */
  readonly from: SnapshotCriteria | 'none';
}

/** A `RestartBackoff` with its defaults. */
export interface ResolvedBackoff {
  readonly minMs: number;
  readonly maxMs: number;
  readonly randomFactor: number;
  readonly maxRestarts: number;
}

/**
 * What persistent actors do unless one says otherwise: sections
 * `akka.persistence.{typed,xstate}`.
 */
export interface ActorSettings {
  /** Entities that may be recovering at one moment; of the rest, those that are asked go first. */
  readonly maxConcurrentRecoveries: number;
  /**
   * Commands that one entity may hold while it recovers or persists; as many again may be stashed
   * by `decide`.
   */
  readonly stashCapacity: number;
  /** A full stash drops the command (its asker gets an error) or fails the entity. */
  readonly stashOverflow: StashOverflowVerdict | StashOverflowStrategy;
  /** A line in the log, at debug, for each command that is stashed. */
  readonly logStashing: boolean;
  /**
   * Commands evaluated and written together while a write is in flight; 1 = strictly one at a
   * time.
   */
  readonly groupCommitMaxCommands: number;
  /** For how long the answers to commands with an id are remembered. */
  readonly commandIds: CommandIdSettings;
  readonly deliveries: DeliverySettings;
  /** Delayed transitions after recovery. */
  readonly timers: 'deadline' | 'remaining' | 'restart';
  /** Durable record of the actor's input. */
  readonly initEvent: 'auto' | 'always' | 'never';
  readonly unhandledReplayedEvent: 'fail' | 'warn' | 'ignore';
  readonly unhandledCommand: 'ignore' | 'warn' | 'fail';
  readonly onRejected: 'stop' | 'continue';
  /** Refuse a second live actor with the same persistence id in this process. */
  readonly singleWriterGuard: boolean;
  /** Number of replayed events after which other work of the process gets a turn. */
  readonly replayYieldEvery: number;
  /**
   * Freeze events and contexts, so that changing them in place throws, and compute each state
   * twice, so that one that is not the same again is found; for development and tests.
   */
  readonly checkDeterminism: boolean;
  /** 0 = never passivate. */
  readonly passivateAfterMs: number;
  /** Longest silence between two batches of a replay, as the section of the journal sets it. */
  readonly recoveryEventTimeoutMs: number;
}
