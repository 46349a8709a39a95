import { encodeEvents } from '../codec/events-codec.ts';
import type { AppendHeader } from '../model/action.ts';
import { InvalidInputError } from '../model/errors.ts';
import type { Events, Headers } from '../model/event.ts';
import type { Key } from '../model/key.ts';
import type { PartitionOffset } from '../model/position.ts';
import type { HeaderMetadata, PayloadMetadata } from '../model/record-metadata.ts';
import type { CallOptions } from '../ports/call-options.ts';
import { libraryVersion } from '../runtime/library-version.ts';
import type { JournalParts } from './journal-parts.ts';

/** What goes with the events of one append. */
export interface AppendOptions extends CallOptions {
  readonly metadata?: { readonly header?: HeaderMetadata; readonly payload?: PayloadMetadata };
  readonly headers?: Headers;
}

const noMetadata = {};
const noHeaders: Headers = {};

/** All events go into one record: the append is stored whole or not at all, at one offset. */
export async function appendEvents(
  parts: JournalParts,
  append: { readonly key: Key; readonly events: Events },
  options: AppendOptions = noMetadata,
): Promise<PartitionOffset> {
  const { key, events } = append;
  checkContiguous(key, events);
  const { payloadType, value } = encodeEvents(events, options.metadata?.payload ?? noMetadata);
  const header: AppendHeader = {
    type: 'append',
    range: { from: events[0].seqNr, to: (events.at(-1) ?? events[0]).seqNr },
    origin: parts.origin,
    version: libraryVersion,
    payloadType,
    metadata: options.metadata?.header ?? noMetadata,
  };
  const headers = options.headers ?? noHeaders;
  const timestampMs = parts.clock.nowMs();
  return parts.producer.produce({ key, timestampMs, header, value, headers }, options);
}

function checkContiguous(key: Key, events: Events): void {
  const first = events[0].seqNr;
  for (let index = 1; index < events.length; index++) {
    const seqNr = events[index]?.seqNr;
    if (seqNr === first + index) continue;
    throw new InvalidInputError(
      `append to ${key.topic}:${key.id} holds number ${seqNr} where ${first + index} follows`,
    );
  }
}
