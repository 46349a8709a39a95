import type { AnyActorRef, EventObject } from 'xstate';
import { InvalidInputError } from '../../model/errors.ts';
import { readCount, readObject, readText } from '../../model/plain-members.ts';
import { storedForm } from '../../model/stored-form.ts';
import { Attached } from '../../runtime/attached.ts';
import { failureOf, failureToStored, type StoredFailure } from './stored-event.ts';

/**
 * What is stored of an attempt of invoked work, as an event of its own that no transition takes
 * (docs/format.md#attempts): it failed, and the next one begins after `retryInMs`.
 */
interface AttemptFailed extends EventObject, StoredFailure {
  readonly type: 'xstate.attempt.failed';
  readonly actorId: string;
  readonly attempt: number;
  readonly retryInMs: number;
}

/** It is about to begin. Of the first one the event says so that invoked the work. */
interface AttemptBegun extends EventObject {
  readonly type: 'xstate.attempt.begun';
  readonly actorId: string;
  readonly attempt: number;
}

/** What is stored of an attempt. */
export type AttemptRecord = AttemptFailed | AttemptBegun;

/** Makes and recognises what is stored of attempts. */
export const AttemptRecord = {
  /** What JSON cannot hold of the error is left out: the attempt must not be lost for its sake. */
  failed(actorId: string, attempt: number, error: unknown, retryInMs: number): AttemptFailed {
    const type = 'xstate.attempt.failed';
    return storedForm({ type, actorId, attempt, ...failureToStored(error), retryInMs });
  },

  begun(actorId: string, attempt: number): AttemptBegun {
    return { type: 'xstate.attempt.begun', actorId, attempt };
  },

  /** `undefined` = the stored event is another one. */
  of(payload: EventObject): AttemptRecord | undefined {
    const { type } = payload;
    const { actorId, attempt, retryInMs } = payload as Partial<AttemptFailed>;
    if (typeof actorId !== 'string' || !Number.isSafeInteger(attempt)) return undefined;
    if (type === 'xstate.attempt.begun') return payload as AttemptBegun;
    const isFailed = type === 'xstate.attempt.failed' && Number.isFinite(retryInMs);
    return isFailed ? (payload as AttemptFailed) : undefined;
  },
};

/** An attempt of one child, as its entity stores it. */
export interface ChildAttempt {
  readonly child: AnyActorRef;
  readonly record: AttemptRecord;
}

/** What an attempt of invoked work may know of itself. */
export interface Attempt {
  /**
   * `<persistenceId>:<seqNr>:<id of the actor>`, the number being that of the event that invoked
   * it, 0 for the initial state; `InvokedWork.madeBy` says what may follow the number. The key is
   * the same in each attempt and after each recovery.
   */
  readonly idempotencyKey: string;
  /** 1 for the first one. */
  readonly attempt: number;
  readonly persistenceId: string;
}

/** The last failure of work that waits, and when that ends, ms since the epoch. */
interface Backoff {
  readonly failure: StoredFailure;
  readonly dueMs: number;
}

/**
 * What the journal says of the attempts of one child of an entity: which event made it, and how far
 * it has got. It follows from stored events alone, so a recovery finds the same.
 */
export class InvokedWork {
  /**
   * Number of the event that made the child, and its part unless that is the first: `7`, `7+1`. If
   * one event makes several children with the same id, the second one has `7/1`, the third `7/2`.
   */
  readonly madeBy: string;
  /** Number of the attempt that has begun last. */
  attempt = 1;
  /** Defined while it waits for the next attempt. */
  backoff: Backoff | undefined;
  /** A recovery made the child again: the attempt that has begun last was interrupted. */
  isMadeAgain = false;

  constructor(madeBy: string) {
    this.madeBy = madeBy;
  }

  /** For all attempts of the work, and for no other work of the entity. */
  keyOf(persistenceId: string, actorId: string): string {
    return `${persistenceId}:${this.madeBy}:${actorId}`;
  }

  /** The record is stored; `atMs` = when it was. */
  note(record: AttemptRecord, atMs: number): void {
    this.attempt = record.attempt;
    this.backoff = undefined;
    if (record.type === 'xstate.attempt.begun') return;
    const { error, thrown, retryInMs } = record;
    const failure = {
      ...(error !== undefined && { error }),
      ...(thrown !== undefined && { thrown }),
    };
    this.backoff = { failure, dueMs: atMs + retryInMs };
  }

  /** A recovery made the child again. Without a policy that is attempt 1, whatever is stored. */
  makeAgain(isRetried: boolean): void {
    this.isMadeAgain = true;
    if (isRetried) return;
    this.attempt = 1;
    this.backoff = undefined;
  }

  /** What the last attempt failed with; `undefined` = it has not failed. */
  get failure(): { readonly error: unknown } | undefined {
    return this.backoff && { error: failureOf(this.backoff.failure) };
  }

  /** What a snapshot of the entity keeps. */
  toPlain(): unknown {
    const { madeBy, attempt, backoff } = this;
    return { madeBy, attempt, ...(backoff !== undefined && { backoff }) };
  }

  /** @throws {CodecError} `plain` is not what `toPlain` gives; names the place */
  static ofPlain(plain: unknown, at: string): InvokedWork {
    const { madeBy, attempt, backoff } = readObject(plain, at);
    const work = new InvokedWork(readText(madeBy, `${at}.madeBy`));
    work.attempt = readCount(attempt, `${at}.attempt`);
    if (backoff === undefined) return work;
    const { failure, dueMs } = readObject(backoff, `${at}.backoff`);
    work.backoff = {
      failure: readObject(failure, `${at}.backoff.failure`),
      dueMs: readCount(dueMs, `${at}.backoff.dueMs`),
    };
    return work;
  }
}

/** What the children of an entity need of it while they work. */
export interface WorkingEntity {
  readonly persistenceId: string;
  readonly nowMs: () => number;
  /** 0 <= value < 1; decides the jitter of a backoff. */
  readonly random: () => number;
}

const works = new WeakMap<AnyActorRef, InvokedWork>();
const entities = new Attached<WorkingEntity>('persistence entity');

/** From now on `child` is work of its entity. */
export function setWork(child: AnyActorRef, work: InvokedWork): void {
  works.set(child, work);
}

/** `undefined` = it is no child of an entity. */
export function workOf(child: AnyActorRef): InvokedWork | undefined {
  return works.get(child);
}

/** From now on the children of `self` are work of that entity. */
export function setEntity(self: AnyActorRef, entity: WorkingEntity): void {
  entities.set(self, entity);
}

/** `undefined` = the parent of the actor is no entity. */
export function entityOf(child: AnyActorRef): WorkingEntity | undefined {
  return child._parent && entities.get(child._parent);
}

/**
 * What the present attempt of invoked work is: call it first thing in the function given to
 * `fromPromise`, with its `self`. Also for work without a retry policy, and for other logics: there
 * each recovery begins attempt 1 again.
 *
 * @throws {InvalidInputError} the actor is no child of a persistent machine
 */
export function attemptOf(self: AnyActorRef): Attempt {
  const [work, entity] = [workOf(self), entityOf(self)];
  if (work === undefined || entity === undefined) {
    throw new InvalidInputError(
      `the actor "${self.id}" is no child of a persistent machine, so no event of a journal has ` +
        'invoked it: give attemptOf() the "self" of work that the persistent machine itself ' +
        'invokes, and hand the key on as input to what that work starts',
    );
  }
  const { persistenceId } = entity;
  const { attempt } = work;
  return { idempotencyKey: work.keyOf(persistenceId, self.id), attempt, persistenceId };
}
