import type { EventObject } from 'xstate';
import type { HeldPlugin, JournalPlugin } from '../../ports/journal-plugin.ts';
import type { PersistenceSignal } from './entity-options.ts';
import { type Envelope, type Evaluated, ownInput, type Step } from './evaluated.ts';
import type { ChildAttempt } from './invoked-work.ts';
import type { OpenDelivery } from './outbox.ts';
import type { Replayed } from './replayed.ts';

/**
 * What an entity reports to itself through the mailbox of its actor, where inspectors see it in
 * its true order. A user's event may have such a type, too, so only these classes are obeyed.
 */
export abstract class HostEvent implements EventObject {
  abstract readonly type: `persistence.${string}`;
}

/** What concerns the recovery of the entity, from the permit until it is ready. */
export abstract class RecoverySignal extends HostEvent {}

/** The turn of the entity to recover has come. */
export class PermitGranted extends RecoverySignal {
  readonly type = 'persistence.permit-granted';
}

/** The recovery asks the store for a snapshot, or has its answer. */
export class SnapshotLoad extends RecoverySignal {
  readonly type = 'persistence.snapshot-load';
  readonly step: 'asked' | 'answered';

  constructor(step: 'asked' | 'answered') {
    super();
    this.step = step;
  }
}

/** The journal has been read. */
export class Recovered<S> extends RecoverySignal {
  readonly type = 'persistence.recovered';
  readonly journal: JournalPlugin;
  readonly replayed: Replayed<S>;

  constructor(journal: JournalPlugin, replayed: Replayed<S>) {
    super();
    this.journal = journal;
    this.replayed = replayed;
  }
}

/** The journal could not be read, or its events not be applied. */
export class RecoveryFailed extends RecoverySignal {
  readonly type = 'persistence.recovery-failed';
  readonly error: unknown;

  constructor(error: unknown) {
    super();
    this.error = error;
  }
}

/** One event is stored: apply it. `isLast` = it is the last one of its write. */
export class Written<S> extends HostEvent {
  readonly type = 'persistence.written';
  readonly evaluated: Evaluated<S>;
  readonly step: Step<S>;
  readonly isLast: boolean;

  constructor(evaluated: Evaluated<S>, step: Step<S>, isLast: boolean) {
    super();
    this.evaluated = evaluated;
    this.step = step;
    this.isLast = isLast;
  }
}

/** The init record of a new journal is stored: begin. */
export class Initialised extends RecoverySignal {
  readonly type = 'persistence.initialised';
}

/**
 * Commands need not wait any more: the effects of the last commit have happened, or a snapshot is
 * put off.
 */
export class GoOn extends HostEvent {
  readonly type = 'persistence.go-on';
}

/** Some or all of a write is certainly not stored. */
export class WriteRejected extends HostEvent {
  readonly type = 'persistence.write-rejected';
  readonly causes: readonly (Error | undefined)[];

  /** One entry a write, `undefined` = stored. */
  constructor(causes: readonly (Error | undefined)[]) {
    super();
    this.causes = causes;
  }
}

/** A write may or may not be stored. */
export class WriteFailed extends HostEvent {
  readonly type = 'persistence.write-failed';
  readonly error: unknown;

  constructor(error: unknown) {
    super();
    this.error = error;
  }
}

/** The entity is no longer held. */
export class TenureLost extends HostEvent {
  readonly type = 'persistence.tenure-lost';
  readonly held: HeldPlugin;
  readonly reason: unknown;

  constructor(held: HeldPlugin, reason: unknown) {
    super();
    this.held = held;
    this.reason = reason;
  }
}

/** All of a write is stored, but the entity was lost while it was under way. */
export class StoredAfterLoss extends HostEvent {
  readonly type = 'persistence.stored-after-loss';
}

/** What became of a snapshot, or of a deletion after it. */
export class SnapshotReport extends HostEvent {
  readonly type = 'persistence.snapshot';
  readonly signal: PersistenceSignal;

  constructor(signal: PersistenceSignal) {
    super();
    this.signal = signal;
  }
}

/** How a delivery goes on. */
export class DeliveryReport extends HostEvent {
  readonly type = 'persistence.delivery';
  readonly delivery: OpenDelivery;
  readonly outcome: DeliveryOutcome;

  constructor(delivery: OpenDelivery, outcome: DeliveryOutcome) {
    super();
    this.delivery = delivery;
    this.outcome = outcome;
  }
}

/** What became of a delivery. */
export type DeliveryOutcome =
  /** Its destination has confirmed it, with this answer in its stored form. */
  | { readonly type: 'confirmed'; readonly output: unknown }
  /** Many attempts have not led to that; the last one failed for this cause, if it has. */
  | { readonly type: 'overdue'; readonly cause: unknown };

/** The backoff is over. */
export class Restart extends RecoverySignal {
  readonly type = 'persistence.restart';
}

/**
 * What a caller sent, where it could be taken for an input of the actor's own: a result of a
 * child, a timer, an order to stop; or something that is no event at all.
 */
export class FromCaller extends HostEvent {
  readonly type = 'persistence.from-caller';
  readonly event: unknown;

  constructor(event: unknown) {
    super();
    this.event = event;
  }
}

/** An attempt of invoked work has failed, or is about to begin: to be stored first. */
export class AttemptReported extends HostEvent {
  readonly type = 'persistence.attempt-reported';
  readonly envelope: Envelope;

  constructor(attempt: ChildAttempt) {
    super();
    this.envelope = { ...ownInput, event: attempt.record, attempt };
  }
}

/** An async callback of the user has failed, after the turn in which it was called. */
export class CallbackFailed extends HostEvent {
  readonly type = 'persistence.callback-failed';
  readonly error: unknown;

  constructor(error: unknown) {
    super();
    this.error = error;
  }
}

/** Persistence shuts down while the actor's parent still lives. */
export class Detach extends HostEvent {
  readonly type = 'persistence.detach';
}

/** A link of a delay that is longer than Node's timers. */
export class TimerTick extends HostEvent {
  readonly type = 'persistence.timer';
  /** Of the timer in the scheduler. */
  readonly key: string;

  constructor(key: string) {
    super();
    this.key = key;
  }
}

/** The events of a recovery, for an exhaustive `switch`. */
export type RecoveryEvent<S> =
  | PermitGranted
  | SnapshotLoad
  | Recovered<S>
  | RecoveryFailed
  | Initialised
  | Restart;

/** All events of an entity's own. */
export type AnyHostEvent<S> =
  | RecoveryEvent<S>
  | Written<S>
  | GoOn
  | WriteRejected
  | WriteFailed
  | TenureLost
  | SnapshotReport
  | StoredAfterLoss
  | DeliveryReport
  | FromCaller
  | AttemptReported
  | Detach
  | TimerTick;
