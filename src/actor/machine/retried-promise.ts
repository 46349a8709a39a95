import type {
  AnyActorRef,
  EventObject,
  fromPromise,
  PromiseActorLogic,
  PromiseSnapshot,
} from 'xstate';
import { AttemptInterruptedError, AttemptTimedOutError } from '../../model/errors.ts';
import { longestTimeoutMs } from '../../runtime/alarms.ts';
import type { ResolvedBackoff } from '../entity/entity-options.ts';
import { AttemptReported } from '../entity/host-events.ts';
import {
  AttemptRecord,
  entityOf,
  type InvokedWork,
  type WorkingEntity,
  workOf,
} from '../entity/invoked-work.ts';
import { restartDelayMs } from '../entity/restart-delay.ts';

/** A retry policy with its defaults. */
export interface ResolvedRetry {
  readonly attempts: number;
  readonly backoff: Omit<ResolvedBackoff, 'maxRestarts'>;
  /** `undefined` = no limit. */
  readonly timeoutMs: number | undefined;
}

type Logic = PromiseActorLogic<unknown>;
type PromiseCreator = Parameters<typeof fromPromise<unknown, unknown>>[0];
type State = PromiseSnapshot<unknown, unknown>;
type Scope = Parameters<NonNullable<Logic['start']>>[1];

/** What a child with a policy hears from itself and from its entity. */
abstract class AttemptEvent implements EventObject {
  abstract readonly type: `persistence.attempt-${string}`;
  readonly attempt: number;

  constructor(attempt: number) {
    this.attempt = attempt;
  }
}

class Fulfilled extends AttemptEvent {
  readonly type = 'persistence.attempt-fulfilled';
  readonly output: unknown;

  constructor(attempt: number, output: unknown) {
    super(attempt);
    this.output = output;
  }
}

class Failed extends AttemptEvent {
  readonly type = 'persistence.attempt-failed';
  readonly error: unknown;

  constructor(attempt: number, error: unknown) {
    super(attempt);
    this.error = error;
  }
}

class TimeUp extends AttemptEvent {
  readonly type = 'persistence.attempt-time-up';
}

class BackoffOver extends AttemptEvent {
  readonly type = 'persistence.attempt-backoff-over';
}

/** What the child reported of an attempt is stored. */
class Stored extends AttemptEvent {
  readonly type = 'persistence.attempt-stored';
}

type AnyAttemptEvent = Fulfilled | Failed | TimeUp | BackoffOver | Stored;

const timeUpId = 'time-up';
const attemptsOf = new WeakMap<AnyActorRef, Attempts>();
const retried = new WeakSet<object>();

/**
 * The logic with several attempts. The actor is one for all of them: its id, its observers and its
 * place in the system stay, and it fails only with its last attempt.
 *
 * ```
 * start ─→ running n ─→ (failure stored) ─→ waiting ─→ (beginning of n + 1 stored) ─→ running n + 1
 *              └─ done, or the last failure
 * ```
 *
 * An attempt begins when the journal says so: the first by the event that invoked the work, each
 * later one by a record of its own. So whoever recovers the entity knows that it may have happened.
 */
export function withRetries(logic: Logic, policy: ResolvedRetry): Logic {
  const retries: Logic = {
    ...logic,
    start: (state, scope) => {
      if (state.status !== 'active') return;
      const attempts = new Attempts(logic, policy, state.input, scope);
      attemptsOf.set(scope.self, attempts);
      attempts.start();
    },
    transition: (state, event: EventObject, scope) => {
      if (state.status !== 'active') return state;
      const attempts = attemptsOf.get(scope.self);
      if (event.type === 'xstate.stop') {
        attempts?.stop();
        return { ...state, status: 'stopped', input: undefined };
      }
      const isOwn = event instanceof AttemptEvent && attempts !== undefined;
      return isOwn ? attempts.hear(event as AnyAttemptEvent, state) : state;
    },
  };
  retried.add(retries);
  return retries;
}

/** The logic has a policy. */
export function isRetried(logic: object): boolean {
  return retried.has(logic);
}

/** The entity has noted that it stored what the child reported. */
export function tellStored(entity: AnyActorRef, child: AnyActorRef, attempt: number): void {
  relay(entity, child, new Stored(attempt));
}

/** The attempts of one child, while it lives. */
class Attempts {
  readonly #create: PromiseCreator;
  readonly #policy: ResolvedRetry;
  readonly #input: unknown;
  readonly #scope: Scope;
  readonly #work: InvokedWork;
  readonly #entity: WorkingEntity;
  /** Of the attempt that runs. */
  #controller: AbortController | undefined;

  constructor({ config }: Logic, policy: ResolvedRetry, input: unknown, scope: Scope) {
    const [work, entity] = [workOf(scope.self), entityOf(scope.self)];
    if (work === undefined || entity === undefined) {
      throw new Error(`the actor "${scope.id}" is no child of a persistent machine`);
    }
    // There `fromPromise` keeps its function.
    this.#create = config as PromiseCreator;
    this.#policy = policy;
    this.#input = input;
    this.#scope = scope;
    this.#work = work;
    this.#entity = entity;
  }

  /** The actor starts: of a new state, or of one that was recovered. */
  start(): void {
    const { attempt, failure, isMadeAgain } = this.#work;
    if (!isMadeAgain) this.#run();
    else if (attempt >= this.#policy.attempts) {
      this.#tellSelf(new Failed(attempt, failure ? failure.error : this.#interrupted()));
    } else if (failure === undefined) this.#beginNext();
    else this.#waitForNext();
  }

  /** The actor is stopped. */
  stop(): void {
    this.#controller?.abort();
  }

  /** What was meant for an earlier attempt says nothing of this one. */
  hear(event: AnyAttemptEvent, state: State): State {
    if (event.attempt !== this.#work.attempt) return state;
    switch (event.type) {
      case 'persistence.attempt-fulfilled':
        if (this.#controller === undefined) return state;
        return { status: 'done', output: event.output, error: undefined, input: undefined };
      case 'persistence.attempt-failed':
        return this.#fail(event.error, state);
      case 'persistence.attempt-time-up': {
        const text = `${this.#name} took longer than ${this.#policy.timeoutMs ?? 0} ms`;
        const error = new AttemptTimedOutError(
          `${text}: its signal is aborted; it may have had its effect`,
        );
        this.#controller?.abort(error);
        return this.#fail(error, state);
      }
      case 'persistence.attempt-stored':
        if (this.#work.backoff === undefined) this.#run();
        else this.#waitForNext();
        return state;
      case 'persistence.attempt-backoff-over':
        this.#beginNext();
        return state;
    }
  }

  #run(): void {
    const { attempt } = this.#work;
    const { self, system, emit } = this.#scope;
    const controller = new AbortController();
    const { signal } = controller;
    this.#controller = controller;
    const { timeoutMs } = this.#policy;
    if (timeoutMs !== undefined) {
      system.scheduler.schedule(self, self, new TimeUp(attempt), timeoutMs, timeUpId);
    }
    const run = async () => await this.#create({ input: this.#input, system, self, signal, emit });
    run().then(
      (output) => this.#tellSelf(new Fulfilled(attempt, output)),
      (error: unknown) => this.#tellSelf(new Failed(attempt, error)),
    );
  }

  #fail(error: unknown, state: State): State {
    const { attempt } = this.#work;
    const { attempts, backoff } = this.#policy;
    if (attempt >= attempts) return { status: 'error', output: undefined, error, input: undefined };
    if (this.#controller === undefined) return state; // it has failed already
    this.#controller = undefined;
    const { id, self, system } = this.#scope;
    system.scheduler.cancel(self, timeUpId);
    const retryInMs = restartDelayMs(backoff, attempt, this.#entity.random());
    this.#report(AttemptRecord.failed(id, attempt, error, retryInMs));
    return state;
  }

  #waitForNext(): void {
    const { attempt, backoff } = this.#work;
    const { self, system } = this.#scope;
    // However far the clock of whoever wrote it was ahead: Node fires what is longer at once.
    const restMs = Math.max(0, (backoff?.dueMs ?? 0) - this.#entity.nowMs());
    const delayMs = Math.min(restMs, longestTimeoutMs);
    system.scheduler.schedule(self, self, new BackoffOver(attempt), delayMs, 'backoff');
  }

  #beginNext(): void {
    this.#report(AttemptRecord.begun(this.#scope.id, this.#work.attempt + 1));
  }

  #report(record: AttemptRecord): void {
    const { self } = this.#scope;
    if (self._parent === undefined) return;
    relay(self, self._parent, new AttemptReported({ child: self, record }));
  }

  #tellSelf(event: AttemptEvent): void {
    const { self } = this.#scope;
    const { status } = self.getSnapshot() as State;
    if (status === 'active') relay(self, self, event);
  }

  get #name(): string {
    const { attempts } = this.#policy;
    const { persistenceId } = this.#entity;
    return `attempt ${this.#work.attempt} of ${attempts} of "${this.#scope.id}" in ${persistenceId}`;
  }

  #interrupted(): AttemptInterruptedError {
    const text = `${this.#name} had begun when its process ended, or lost the entity`;
    return new AttemptInterruptedError(
      `${text}, so what became of it is unknown, and it was the last one: look, by its ` +
        'idempotency key, whether it had its effect',
    );
  }
}

/** As xstate sends between the actors of a system, so inspectors see it. */
function relay(source: AnyActorRef, target: AnyActorRef, event: EventObject): void {
  const { system } = source as unknown as { readonly system: RelayingSystem };
  system._relay(source, target, event);
}

interface RelayingSystem {
  _relay(source: AnyActorRef, target: AnyActorRef, event: EventObject): void;
}
