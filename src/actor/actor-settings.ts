/** What persistent actors do unless one says otherwise: sections `akka.persistence.{typed,xstate}`. */
export interface ActorSettings {
  /** Entities that may be recovering at one moment; the rest queue in arrival order. */
  readonly maxConcurrentRecoveries: number;
  /** Commands one entity may hold while it recovers or persists. */
  readonly stashCapacity: number;
  /** A full stash drops the command (its asker gets an error) or fails the entity. */
  readonly stashOverflow: 'drop' | 'fail';
  /** Commands evaluated and written together while a write is in flight; 1 = strictly one at a time. */
  readonly groupCommitMaxCommands: number;
  /** Delayed transitions after recovery. */
  readonly timers: 'deadline' | 'restart';
  /** Durable record of the actor's input. */
  readonly initEvent: 'auto' | 'always' | 'never';
  readonly unhandledReplayedEvent: 'fail' | 'warn' | 'ignore';
  readonly unhandledCommand: 'ignore' | 'warn' | 'fail';
  readonly onRejected: 'stop' | 'continue';
  /** Refuse a second live actor with the same persistence id in this process. */
  readonly singleWriterGuard: boolean;
  /** Give the event loop back after so many replayed events. */
  readonly replayYieldEvery: number;
  /** Freeze events and contexts, so that changing them in place throws; for development and tests. */
  readonly checkDeterminism: boolean;
  /** 0 = never passivate. */
  readonly passivateAfterMs: number;
  /** Longest silence tolerated between two batches of a replay. */
  readonly recoveryEventTimeoutMs: number;
}
