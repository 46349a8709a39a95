import { WriteRejectedError } from '../../model/errors.ts';
import type { Entity } from '../entity/entity.ts';
import type { HostedState } from '../entity/entity-logic.ts';
import { type Envelope, ownInput } from '../entity/evaluated.ts';
import type { DeliveryReport } from '../entity/host-events.ts';
import type { Lifecycle } from '../entity/lifecycle.ts';
import { deliveredPrefix } from '../evolution/reserved-types.ts';

/** Takes what an entity has to store. */
interface InputTaker {
  receive(input: Envelope): void;
}

/** What an entity does about a report of its sender. */
export function hearReport<S extends HostedState>(
  { delivery: { id, to, seqNr }, outcome }: DeliveryReport,
  entity: Entity<S>,
  { isLive }: Pick<Lifecycle<S>, 'isLive'>,
  pipeline: InputTaker,
): void {
  if (!isLive) return; // the next recovery sends the message again
  if (outcome.type === 'overdue') {
    entity.signal('delivery-unconfirmed', outcome.cause, seqNr);
    return;
  }
  const type = `${deliveredPrefix}${to}`;
  const { output } = outcome;
  const event = output === undefined ? { type, id } : { type, id, output };
  pipeline.receive({ ...ownInput, event, delivery: id });
}

/**
 * The confirmation without what the destination answered: the message has arrived, and is not sent
 * again because its answer is too large for the journal. `undefined` = the rejected command is no
 * confirmation, has no answer, or was rejected for another reason than what it holds.
 */
export function withoutOutput(input: Envelope, rejection: Error): Envelope | undefined {
  const { event, delivery } = input;
  const isForGood = rejection instanceof WriteRejectedError && !rejection.retryable;
  if (delivery === undefined || !isForGood || !('output' in event)) return undefined;
  const { output: _, ...bare } = event;
  return { ...input, event: bare };
}
