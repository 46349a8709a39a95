import type { EventObject } from 'xstate';
import type { Delivery } from './delivery-options.ts';
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
} & NoOtherDeliveries<Exclude<MembersOf<DeliveryOf<D>>, keyof Delivery>>;

/** The same of its deliveries: with a misspelt `id` each try of a command would send a new one. */
type NoOtherDeliveries<Others extends PropertyKey> = [Others] extends [never]
  ? unknown
  : { readonly deliver: readonly { readonly [Name in Others]: never }[] };

type DeliveryOf<D> = D extends { readonly deliver?: readonly (infer One)[] | undefined }
  ? One
  : never;

type MembersOf<D> = D extends unknown ? keyof D : never;

/** What the asker of a command gets as `reply` when `decide` answers with `D`. */
export type ReplyOfDecision<D> = D extends { readonly type: 'persist' | 'none' }
  ? 'reply' extends keyof D
    ? D['reply']
    : undefined
  : never;
