import { type Envelope, ownInput } from '../entity/evaluated.ts';
import type { DeliveryConfirmed } from '../entity/host-events.ts';
import { deliveredPrefix } from './delivery-options.ts';

/**
 * The confirmation of a delivery as an input of its entity, while that lives here: one that was lost
 * leaves it to its recovery to send the message again.
 */
export function confirmation({ delivery: { id, to }, output }: DeliveryConfirmed): Envelope {
  const type = `${deliveredPrefix}${to}`;
  const event = output === undefined ? { type, id } : { type, id, output };
  return { ...ownInput, event, delivery: id };
}
