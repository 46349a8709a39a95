import type { ActorLogic, AnyActorLogic, AnyStateMachine, PromiseActorLogic } from 'xstate';
import { fromPromise } from 'xstate';
import { InvalidInputError } from '../../model/errors.ts';
import { checkOptionNames, type OptionNames } from '../../model/option-names.ts';
import { longestTimeoutMs } from '../../runtime/alarms.ts';
import { kindOf } from '../entity/check-input.ts';
import { durationMs } from '../entity/duration-ms.ts';
import type { Duration } from '../entity/entity-options.ts';
import { type ResolvedRetry, withRetries } from './retried-promise.ts';

/**
 * How often invoked work is tried, at most, before its failure reaches `onError`. An attempt that
 * was interrupted by the end of its process, or a move of its entity, counts.
 */
export interface RetryPolicy {
  /** The first one included, at least 1. With 1 the work is begun at most once. */
  readonly attempts: number;
  /** From the failure of the first attempt to the second one; it doubles from then on. */
  readonly minBackoff: Duration;
  /** Not shorter than `minBackoff`, and up to 12 days. */
  readonly maxBackoff: Duration;
  /** 0 .. 1: what is added to the delay at most, as a part of it; 0.2 unless given. */
  readonly randomFactor?: number | undefined;
  /**
   * How long one attempt may take, up to 24 days: then its signal is aborted, and it has failed. No
   * limit unless given.
   */
  readonly timeout?: Duration | undefined;
}

/** The logics of `setup({ actors })`, by their names. */
type ActorsOf<M extends AnyStateMachine> = NonNullable<Parameters<M['provide']>[0]['actors']>;

/**
 * False for what is certainly not of `fromPromise`: the snapshot of a promise has no context, and
 * its own events may have any field.
 */
type MayBePromise<L> = [L] extends [ActorLogic<infer S, infer E, infer _I, infer _Y, infer _O>]
  ? unknown extends S
    ? true
    : 'context' extends keyof S
      ? false
      : string extends keyof E
        ? true
        : false
  : true;

/** Retry policies by the names in `setup({ actors })`, of the promises there. */
export type RetryPolicies<M extends AnyStateMachine> = {
  readonly [K in keyof ActorsOf<M> as MayBePromise<NonNullable<ActorsOf<M>[K]>> extends true
    ? K
    : never]?: RetryPolicy | undefined;
};

const policyMembers: OptionNames<RetryPolicy> = {
  attempts: true,
  minBackoff: true,
  maxBackoff: true,
  randomFactor: true,
  timeout: true,
};

const defaultRandomFactor = 0.2;

/** With `randomFactor` 1 twice as long, which Node's timers still hold. */
const longestBackoffMs = longestTimeoutMs / 2;

/**
 * The machine with its promise logics tried as the policies say. A machine of an earlier version
 * need not have them all.
 *
 * @throws {InvalidInputError} a policy is wrong, or is for no promise logic of the machine
 */
export function withRetryPolicies<M extends AnyStateMachine>(
  machine: M,
  policies: Readonly<Record<string, unknown>> | undefined,
  isEarlier: boolean,
): M {
  if (policies === undefined) return machine;
  const actors: Record<string, AnyActorLogic> = {};
  for (const [key, policy] of Object.entries(policies)) {
    if (policy === undefined) continue;
    const resolved = resolveRetry(policy, `retry.${key}`);
    const logic: unknown = machine.implementations.actors[key];
    if (logic === undefined && isEarlier) continue;
    if (!isPromiseLogic(logic)) {
      const found = logic === undefined ? 'no actor of that name' : 'another logic there';
      throw new InvalidInputError(
        `retry.${key} must name a logic of fromPromise() in setup({ actors }) of the machine ` +
          `"${machine.id}", which has ${found}`,
      );
    }
    actors[key] = withRetries(logic, resolved);
  }
  return machine.provide({ actors }) as M;
}

/** @throws {InvalidInputError} names the option */
function resolveRetry(policy: unknown, name: string): ResolvedRetry {
  if (typeof policy !== 'object' || policy === null) {
    throw new InvalidInputError(`${name} must be a retry policy, not ${kindOf(policy)}`);
  }
  checkOptionNames(policy, policyMembers, name);
  const { attempts, timeout } = policy as RetryPolicy;
  if (!Number.isSafeInteger(attempts) || attempts < 1) {
    throw new InvalidInputError(`${name}.attempts must be an integer of at least 1: ${attempts}`);
  }
  const timeoutMs = timeout === undefined ? undefined : durationMs(timeout, `${name}.timeout`);
  if (timeoutMs !== undefined && !(timeoutMs > 0 && timeoutMs <= longestTimeoutMs)) {
    throw new InvalidInputError(`${name}.timeout must be above 0 and at most 24 days`);
  }
  return { attempts, backoff: resolveBackoff(policy as RetryPolicy, name), timeoutMs };
}

function resolveBackoff(policy: RetryPolicy, name: string): ResolvedRetry['backoff'] {
  const { minBackoff, maxBackoff, randomFactor = defaultRandomFactor } = policy;
  const minMs = durationMs(minBackoff, `${name}.minBackoff`);
  const maxMs = durationMs(maxBackoff, `${name}.maxBackoff`);
  if (minMs > maxMs) throw new InvalidInputError(`${name}: minBackoff is above maxBackoff`);
  if (maxMs > longestBackoffMs) throw new InvalidInputError(`${name}.maxBackoff is above 12 days`);
  if (!(randomFactor >= 0 && randomFactor <= 1)) {
    throw new InvalidInputError(`${name}.randomFactor must be within 0 .. 1: ${randomFactor}`);
  }
  return { minMs, maxMs, randomFactor };
}

const sample = fromPromise(async () => {});

/**
 * All logics of `fromPromise` have the same code. One that was made of such a logic, with code of
 * its own around it, is another logic: its own code would be left out.
 */
function isPromiseLogic(logic: unknown): logic is PromiseActorLogic<unknown> {
  if (typeof logic !== 'object' || logic === null) return false;
  const members = logic as Partial<PromiseActorLogic<unknown>>;
  const isSame = (name: 'start' | 'transition'): boolean =>
    String(members[name]) === String(sample[name]);
  return isSame('start') && isSame('transition');
}
