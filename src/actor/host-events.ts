import type { EventObject } from 'xstate';
import type { JournalPlugin } from '../ports/journal-plugin.ts';
import type { Evaluated, Step } from './command/evaluate-command.ts';
import type { Replayed } from './recovery/replay.ts';

/**
 * What a host tells itself through the mailbox of its actor, so that inspectors see it in its true
 * order. Only these classes are obeyed: an event of a user may have such a type, too.
 */
export abstract class HostEvent implements EventObject {
  abstract readonly type: `persistence.${string}`;
}

/** What belongs to the way until the entity is ready. */
export abstract class OpeningSignal extends HostEvent {}

export class PermitGranted extends OpeningSignal {
  readonly type = 'persistence.permit-granted';
}

export class Recovered<S> extends OpeningSignal {
  readonly type = 'persistence.recovered';
  readonly journal: JournalPlugin;
  readonly replayed: Replayed<S>;

  constructor(journal: JournalPlugin, replayed: Replayed<S>) {
    super();
    this.journal = journal;
    this.replayed = replayed;
  }
}

export class RecoveryFailed extends OpeningSignal {
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
export class Initialised extends OpeningSignal {
  readonly type = 'persistence.initialised';
}

/** The effects of the last commit have happened: what waits may be evaluated. */
export class Settled extends HostEvent {
  readonly type = 'persistence.settled';
}

/** Nothing or not everything of a write is certainly stored. */
export class WriteRefused extends HostEvent {
  readonly type = 'persistence.write-rejected';
  readonly causes: readonly (Error | undefined)[];

  /** One entry a write, `undefined` = stored. */
  constructor(causes: readonly (Error | undefined)[]) {
    super();
    this.causes = causes;
  }
}

export class WriteFailed extends HostEvent {
  readonly type = 'persistence.write-failed';
  readonly error: unknown;

  constructor(error: unknown) {
    super();
    this.error = error;
  }
}

/** The backoff is over. */
export class Restart extends OpeningSignal {
  readonly type = 'persistence.restart';
}

/**
 * What a caller sent, where it could be taken for an input of the actor's own: a result of a child, a
 * timer, an order to stop; or something that is no event at all.
 */
export class FromCaller extends HostEvent {
  readonly type = 'persistence.from-caller';
  readonly event: unknown;

  constructor(event: unknown) {
    super();
    this.event = event;
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

export type OpeningEvent<S> = PermitGranted | Recovered<S> | RecoveryFailed | Initialised | Restart;

export type AnyHostEvent<S> =
  | OpeningEvent<S>
  | Written<S>
  | Settled
  | WriteRefused
  | WriteFailed
  | FromCaller
  | Detach
  | TimerTick;
