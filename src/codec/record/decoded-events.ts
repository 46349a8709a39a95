import type { Event, PrintedEvent } from '../../model/event.ts';
import type { PayloadMetadata } from '../../model/record-metadata.ts';

/** What the value of an append holds. */
export interface DecodedEvents<E extends PrintedEvent = Event> {
  readonly events: readonly [E, ...E[]];
  readonly metadata: PayloadMetadata;
}
