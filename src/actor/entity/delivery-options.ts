import type { EventObject } from 'xstate';
import type { OptionNames } from '../../model/option-names.ts';
import { deliveredPrefix } from '../evolution/reserved-types.ts';

/** A message to be delivered, as `decide` says it. */
export interface Delivery {
  /** A destination of the option `deliveries.to`. */
  readonly to: string;
  /** Anything that JSON can hold. */
  readonly message?: unknown;
  /**
   * At most 255 characters, not blank. One that is unconfirmed, or was among the last 100 that were
   * confirmed, begins no further delivery. Without it the library makes one.
   */
  readonly id?: string | undefined;
}

/** With a misspelt `id` a repeated message would count as a new one. */
export const deliveryMembers: OptionNames<Delivery> = { to: true, message: true, id: true };

/** What a destination is given beside a message. */
export interface DeliveryAttempt {
  /** The same in every attempt at this message: by it the receiver knows repetitions. */
  readonly id: string;
  /** 1 for the first attempt since the entity recovered. */
  readonly attempt: number;
  readonly persistenceId: string;
  /**
   * As the asker of the command gave it that led to the message; hand it on with the next `ask`.
   */
  readonly correlationId: string | undefined;
  /** Fires when the time of the attempt is over, and when the entity stops or is lost. */
  readonly signal: AbortSignal;
}

/**
 * Takes a message to where it belongs. After a failure it is called again. When what it returns is
 * fulfilled, the delivery is confirmed, and the value is stored if JSON can hold it.
 *
 * The program knows what it delivers, so it may name the type of the message.
 */
export type SendDelivery = Bivariant['send'];

interface Bivariant {
  send(message: unknown, attempt: DeliveryAttempt): unknown;
}

/**
 * Where messages go. With `confirmed: 'by-event'`, what `send` returns confirms nothing: an event
 * of the entity has to, by the action `confirm` or by `confirm` of a decision.
 */
export type Destination =
  | SendDelivery
  | { readonly send: SendDelivery; readonly confirmed: 'by-event' };

/** A destination as an entity has it. */
export interface ResolvedDestination {
  readonly send: SendDelivery;
  readonly isConfirmedByEvent: boolean;
}

/** How entities deliver unless one says otherwise: section `at-least-once-delivery`. */
export interface DeliverySettings {
  /** An unconfirmed message is sent again so long after its last attempt began. */
  readonly redeliverIntervalMs: number;
  /** Messages that one entity sends again at once; the others follow half an interval later. */
  readonly redeliveryBurst: number;
  /** Attempts without a confirmation after which there is a warning. */
  readonly warnAfterAttempts: number;
  /** A command that would lead to more unconfirmed deliveries is rejected. */
  readonly maxUnconfirmed: number;
}

/** The resolved options of an entity about deliveries. */
export interface EntityDeliveries extends DeliverySettings {
  readonly to: ReadonlyMap<string, ResolvedDestination>;
  /** What a machine sends to persistent actors is delivered. */
  readonly sendTo: boolean;
  /** Longest time of one attempt. */
  readonly timeoutMs: number;
}

/** It confirms a delivery; callers cannot send such an event. */
export function isDelivered(event: EventObject): event is Delivered {
  return event.type.startsWith(deliveredPrefix);
}

/** The event with which a promise of a destination confirms a delivery. */
export interface Delivered<To extends string = string, Output = unknown> {
  readonly type: `persistence.delivered.${To}`;
  readonly id: string;
  /** What the promise was fulfilled with; absent = nothing, or nothing that JSON can hold. */
  readonly output?: Output;
}
