import type { AnyActorScope } from 'xstate';
import { and, not, or, stateIn } from 'xstate';
import type { Args } from './machine-context.ts';
import type { ActionGuardPlan, GuardPlan } from './plan.ts';

/** What an action is given; a guard of a transition gets no system. */
export interface ActionArgs extends Args {
  readonly system: AnyActorScope['system'];
}

export type Guard = (a: Args) => boolean;

const big: Guard = ({ event }) => (event.n ?? 0) > 2;
const odd: Guard = ({ context }) => context.n % 2 !== 0;

/*
 * xstate's guards about guards are functions only to its types: it alone can ask them. A machine of
 * a plan has no static type that they could fit.
 */
const isIn = stateIn as unknown as (state: string) => Guard;
const both = and as unknown as (guards: readonly Guard[]) => Guard;
const either = or as unknown as (guards: readonly Guard[]) => Guard;
const none = not as unknown as (guard: Guard) => Guard;

export type Guards = Readonly<Record<GuardPlan, Guard>>;

/** `first` = id of the state that guards may ask about. */
export function guardsOf(first: string): Guards {
  const inFirst = isIn(`#${first}`);
  return {
    even: ({ context }) => context.n % 2 === 0,
    odd,
    big,
    'has-note': ({ event }) => 'note' in event,
    'minus-zero': ({ event }) => Object.is(event.n, -0),
    'status-404': ({ event }) => (event.error as { status?: number } | undefined)?.status === 404,
    'has-cause': ({ event }) => (event.error as Error | undefined)?.cause !== undefined,
    'throws-at-13': ({ event }) => {
      if (event.n === 13) throw new Error('a guard threw');
      return true;
    },
    'in-first': inFirst,
    'big-out-of-first': both([big, none(inFirst)]),
    'odd-or-in-first': either([odd, inFirst]),
  };
}

/** Both of them, as xstate combines guards. */
export function bothOf(one: Guard, other: Guard): Guard {
  return both([one, other]);
}

/** Asked by `check` of `enqueueActions`, as far as guards know it. */
export function holdsFor(
  guards: Guards,
  plan: ActionGuardPlan,
  a: ActionArgs & { readonly check: (guard: Guard) => boolean },
): boolean {
  return plan === 'radio-is-free' ? a.system.get('radio') === undefined : a.check(guards[plan]);
}
