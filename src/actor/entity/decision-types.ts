import type { EventObject } from 'xstate';
import type { Decision } from './entity-options.ts';

/**
 * The same as a `Decision`, as far as the types of the events go. `decide` has to meet both: so of
 * an event that does not exist the compiler says which ones there are. Otherwise it compares the
 * event with the one that is most like it, and names a payload that nobody meant. Where no events
 * are stored, `deliver`, `confirm` and `thenRun` are errors: they would be dropped in silence.
 */
export type DecisionOf<Type extends string> =
  | { readonly type: 'persist'; readonly events: readonly { readonly type: Type }[] }
  | ({ readonly type: Exclude<Decision<EventObject>['type'], 'persist'> } & {
      readonly [Name in 'deliver' | 'confirm' | 'thenRun']?: never;
    });

/**
 * The members of `D` that no decision has. The compiler overlooks a misspelled `thenRun` in what a
 * function returns, unless it has to be `never`.
 */
export type NoOthers<D> = {
  readonly [Name in Exclude<MembersOf<D>, MembersOf<Decision<EventObject>>>]: never;
};

type MembersOf<D> = D extends unknown ? keyof D : never;

/** What the asker of a command gets as `reply` when `decide` answers with `D`. */
export type ReplyOfDecision<D> = D extends { readonly type: 'persist' | 'none' }
  ? 'reply' extends keyof D
    ? D['reply']
    : undefined
  : never;
