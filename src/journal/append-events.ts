import { encodeEvents } from '../codec/record/events-codec.ts';
import type { AppendAction, AppendHeader } from '../model/action.ts';
import { InvalidInputError, JournalError } from '../model/errors.ts';
import type { Headers, PrintedEvent } from '../model/event.ts';
import { ExpireAfter } from '../model/expire-after.ts';
import { Key } from '../model/key.ts';
import { checkOptionNames, type OptionNames } from '../model/option-names.ts';
import type { PartitionOffset } from '../model/position.ts';
import type { HeaderMetadata, PayloadMetadata } from '../model/record-metadata.ts';
import { shown } from '../model/shown.ts';
import type { Wake } from '../model/wake-up.ts';
import { type WrittenEvents, writtenEvents, writtenHeaders } from '../model/written-event.ts';
import type { CallOptions } from '../ports/call-options.ts';
import { libraryVersion } from '../runtime/library-version.ts';
import type { JournalDeps } from './journal-deps.ts';

/** What goes with the events of one append. */
export interface AppendOptions extends CallOptions {
  readonly metadata?:
    | {
        readonly header?: HeaderMetadata | undefined;
        readonly payload?: PayloadMetadata | undefined;
      }
    | undefined;
  readonly headers?: Headers | undefined;
  /** What the journal's entity waits for from then on; absent = not said. */
  readonly wake?: Wake | undefined;
}

const noOptions: AppendOptions = {};
const optionNames: OptionNames<AppendOptions> = {
  signal: true,
  metadata: true,
  headers: true,
  wake: true,
};
/** A journal whose `expireAfter` nobody read would never end. */
const metadataMembers: OptionNames<NonNullable<AppendOptions['metadata']>> = {
  header: true,
  payload: true,
};
const headerMembers: OptionNames<HeaderMetadata> = { data: true };
const payloadMembers: OptionNames<PayloadMetadata> = { data: true, expireAfter: true };
const noMetadata: PayloadMetadata = {};

/**
 * Appends all events as one record: the append is stored whole or not at all, at one offset.
 *
 * @throws {InvalidInputError} nothing sent: something cannot be written so that it reads back equal
 * @throws {WriteRejectedError} certainly not stored
 * @throws {WriteFailedError} may or may not be stored
 */
export function appendEvents(
  deps: JournalDeps,
  key: Key,
  events: readonly PrintedEvent[],
  options: AppendOptions = noOptions,
): Promise<PartitionOffset> {
  let action: AppendAction;
  try {
    Key.writable(key);
    checkOptionNames(options, optionNames, 'an append');
    const written = writtenEvents(events);
    checkContiguous(key, written);
    const metadata = writtenMetadata(options);
    const { payloadType, value } = encodeEvents(written, metadata.payload);
    const header: AppendHeader = {
      type: 'append',
      range: { from: written[0].seqNr, to: (written.at(-1) ?? written[0]).seqNr },
      origin: deps.origin,
      version: libraryVersion,
      tenure: deps.tenure?.(),
      payloadType,
      metadata: metadata.header,
      ...(options.wake === undefined ? {} : { wake: options.wake }),
    };
    const headers = writtenHeaders(options.headers);
    action = { key, timestampMs: deps.clock.nowMs(), header, value, headers };
  } catch (cause) {
    if (cause instanceof JournalError) return Promise.reject(cause);
    // A getter or a proxy of the caller's that throws, or more than a buffer can hold.
    const message = `an append to ${key.topic}:${key.id} cannot be encoded`;
    return Promise.reject(new InvalidInputError(message, { cause }));
  }
  return deps.producer.produce(action, options);
}

interface WrittenMetadata {
  readonly header: HeaderMetadata;
  readonly payload: PayloadMetadata;
}

function writtenMetadata({ metadata }: AppendOptions): WrittenMetadata {
  if (metadata === undefined) return { header: noMetadata, payload: noMetadata };
  const { header = noMetadata, payload = noMetadata } = membersOf(
    metadata,
    metadataMembers,
    'metadata',
  );
  const { data: headerData } = membersOf(header, headerMembers, 'metadata.header');
  const { data, expireAfter: after } = membersOf(payload, payloadMembers, 'metadata.payload');
  const path = 'metadata.payload.expireAfter';
  const expireAfter = after === undefined ? undefined : ExpireAfter.of(objectOf(after, path));
  return {
    header: headerData === undefined ? noMetadata : { data: headerData },
    payload: {
      ...(data === undefined ? {} : { data }),
      ...(expireAfter === undefined ? {} : { expireAfter }),
    },
  };
}

function membersOf<T extends object>(value: T, known: OptionNames<T>, path: string): T {
  checkOptionNames(objectOf(value, path), known, path);
  return value;
}

function objectOf<T extends object>(value: T, path: string): T {
  if (typeof value === 'object' && value !== null) return value;
  throw new InvalidInputError(`${path} must be an object, not ${shown(value)}`, { path });
}

function checkContiguous(key: Key, events: WrittenEvents): void {
  const first = events[0].seqNr;
  for (let index = 1; index < events.length; index++) {
    const seqNr = events[index]?.seqNr;
    if (seqNr === first + index) continue;
    throw new InvalidInputError(
      `append to ${key.topic}:${key.id} holds number ${seqNr} where ${first + index} follows`,
    );
  }
}
