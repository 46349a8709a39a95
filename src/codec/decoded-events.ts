import type { Events } from '../model/event.ts';
import type { PayloadMetadata } from '../model/record-metadata.ts';

/** What the value of an append holds. */
export interface DecodedEvents {
  readonly events: Events;
  readonly metadata: PayloadMetadata;
}
