import { InvalidInputError } from './errors.ts';
import type { Payload, PrintedJson } from './payload.ts';
import type { PartitionOffset } from './position.ts';
import type { PayloadMetadata, RecordMetadata } from './record-metadata.ts';
import type { SeqNr } from './seq-nr.ts';

/** One event of a journal. `tags` has set semantics: no duplicates, no meaning in the order. */
export interface Event {
  readonly seqNr: SeqNr;
  readonly tags: readonly string[];
  readonly payload: Payload | undefined;
}

/** An event on its way from the log to the store: nobody looks into its payload. */
export interface PrintedEvent extends Omit<Event, 'payload'> {
  readonly payload: Payload | PrintedJson | undefined;
}

/** The events of one append: never empty. */
export type Events = readonly [Event, ...Event[]];

/** Makes the events of one append. */
export const Events = {
  /** @throws {InvalidInputError} when the list is empty */
  of(events: readonly Event[]): Events {
    const [first, ...rest] = events;
    if (first === undefined) throw new InvalidInputError('an append needs at least one event');
    return [first, ...rest];
  },
};

/** What the value of an append record holds, decoded. */
export interface DecodedEvents<E extends PrintedEvent = Event> {
  readonly events: readonly [E, ...E[]];
  readonly metadata: PayloadMetadata;
}

/** What all events of one log record have in common. */
export interface RecordInfo {
  /** The place of the record in its topic. */
  readonly at: PartitionOffset;
  /** Record timestamp, ms since the epoch. */
  readonly timestampMs: number;
  /** Host that wrote the record. */
  readonly origin: string | undefined;
  /** Library version that wrote the record. */
  readonly version: string | undefined;
  readonly metadata: RecordMetadata;
  /** User headers of the record. */
  readonly headers: Headers;
}

/** User headers of an append, by name. */
export type Headers = Readonly<Record<string, string>>;

/** An event and the record it was found in. Same content whether read from the log or the store. */
export interface EventRecord {
  readonly event: Event;
  readonly record: RecordInfo;
}

/** An event that is to be stored, and the record it was found in. */
export interface ReplicatedEvent {
  readonly event: PrintedEvent;
  readonly record: RecordInfo;
}
