import type { ActionArgs, EventObject, MachineContext, ParameterizedObject } from 'xstate';
import { InvalidInputError } from '../../model/errors.ts';
import { checkOptionNames } from '../../model/option-names.ts';
import { deliveryMembers } from '../entity/delivery-options.ts';
import type { OutboxChange } from '../entity/outbox.ts';

type Params = ParameterizedObject['params'] | undefined;

/** A value, or what gives it from the state and the event of the action; not from anything else. */
export type Given<T, C extends MachineContext, E extends EventObject, P extends Params> =
  | T
  | ((args: { readonly context: C; readonly event: E }, params: P) => T);

/** Not `unknown`: then a function of the state would not be seen as one. */
type Message = object | string | number | boolean | null | undefined;

/** What `deliver` is given. */
export interface DeliverOptions<C extends MachineContext, E extends EventObject, P extends Params> {
  /** A destination of the option `deliveries.to`. */
  readonly to: Given<string, C, E, P>;
  /** Anything that JSON can hold. */
  readonly message?: Given<Message, C, E, P>;
  /** See `Delivery.id`. */
  readonly id?: Given<string | undefined, C, E, P>;
}

/** An action of a machine that says something of its deliveries. */
export type OutboxAction<
  C extends MachineContext,
  E extends EventObject,
  P extends Params,
  T extends EventObject,
> = (args: ActionArgs<C, E, T>, params: P) => void;

type Read = (args: unknown, params: unknown) => OutboxChange;

/** What the actions say; an action that is run, and not only read, throws. */
const reads = new WeakMap<object, Read>();

/**
 * An action that has a message delivered at least once: it is stored with the event that led to
 * the action, and sent after that, until it is confirmed (docs/deliveries.md).
 *
 * @throws {InvalidInputError} an option that does not exist
 */
export function deliver<
  C extends MachineContext,
  E extends EventObject,
  P extends Params,
  T extends EventObject,
>(options: DeliverOptions<C, E, P>): OutboxAction<C, E, P, T> {
  checkOptionNames(options, deliveryMembers, 'deliver()');
  const { to, message, id } = options;
  return outboxAction('deliver', (args, params) => ({
    type: 'deliver',
    to: resolved(to, args, params),
    message: resolved(message, args, params),
    id: resolved(id, args, params),
  }));
}

/** An action that ends a delivery, as confirmed; of one that is not open it changes nothing. */
export function confirm<
  C extends MachineContext,
  E extends EventObject,
  P extends Params,
  T extends EventObject,
>(id: Given<string, C, E, P>): OutboxAction<C, E, P, T> {
  return outboxAction('confirm', (args, params) => ({
    type: 'confirm',
    id: resolved(id, args, params),
  }));
}

/** What an action says of deliveries; `undefined` = it is another action. */
export function outboxChangeOf(
  exec: unknown,
  args: unknown,
  params: unknown,
): OutboxChange | undefined {
  return typeof exec === 'function' ? reads.get(exec)?.(args, params) : undefined;
}

/** It is an action about deliveries, which a persistent actor reads and never runs. */
export function isOutboxAction(exec: unknown): boolean {
  return typeof exec === 'function' && reads.has(exec);
}

function outboxAction(name: string, read: Read): () => void {
  const action = (): never => {
    throw new InvalidInputError(
      `${name}() is an action of the machine that is given to persistent(): this machine runs ` +
        'without a journal of its own, so nothing is stored or sent',
    );
  };
  reads.set(action, read);
  return action;
}

function resolved(given: unknown, args: unknown, params: unknown): unknown {
  return typeof given === 'function' ? given(args, params) : given;
}
