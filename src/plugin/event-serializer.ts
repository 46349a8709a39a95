import { toPlain } from '../codec/json.ts';
import { inScalaSetOrder } from '../codec/scala-set.ts';
import { CodecError, InvalidInputError, WriteRejectedError } from '../model/errors.ts';
import type { EventRecord, PrintedEvent } from '../model/event.ts';
import type { HeaderMetadata } from '../model/record-metadata.ts';
import { shown } from '../model/shown.ts';
import { writtenTags } from '../model/written-event.ts';
import type { PersistenceId, PersistentRepr } from '../ports/journal-plugin.ts';
import { decodePersistentRepr, encodePersistentRepr } from './persistent-repr.ts';

/**
 * The event as it is written, its payload printed: what is changed later changes nothing any more.
 *
 * @throws {WriteRejectedError} the event cannot be stored; names its number and JSON path
 */
export function toEvent(repr: PersistentRepr): PrintedEvent {
  try {
    const { seqNr, timer } = repr;
    if (timer !== undefined && typeof timer !== 'string') {
      throw new InvalidInputError(`the id of its timer must be a text, not ${shown(timer)}`);
    }
    const tags = writtenTags(repr.tags, 'tags');
    return { seqNr, tags: inScalaSetOrder(tags), payload: encodePersistentRepr(repr) };
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    const { message, path, cause } = error;
    throw new WriteRejectedError(
      `event ${repr.seqNr} of "${repr.persistenceId}" cannot be stored: ${message}`,
      { cause, ...(path === undefined ? {} : { path }) },
    );
  }
}

/** @throws {CodecError} the stored payload is none that persistent actors write; names its place */
export function ofEventRecord(id: PersistenceId, { event, record }: EventRecord): PersistentRepr {
  const { manifest, writerUuid, payload } = storedRepr(id, { event, record });
  return {
    persistenceId: id,
    seqNr: event.seqNr,
    payload,
    manifest,
    writerUuid,
    timestampMs: record.timestampMs,
    tags: event.tags,
    timer: timerOf(record.metadata.header, event.seqNr),
  };
}

function storedRepr(
  id: PersistenceId,
  { event, record }: EventRecord,
): ReturnType<typeof decodePersistentRepr> {
  const place = { ...record.at, id, seqNr: event.seqNr };
  if (event.payload === undefined) throw new CodecError('the event has no payload', { place });
  try {
    return decodePersistentRepr(event.payload);
  } catch (cause) {
    throw new CodecError('the event is none that a persistent actor wrote', { cause, place });
  }
}

/**
 * Which events of a record are firings of timers, kept in the record header since the envelope has
 * no room for it: `{"timers":{"<seqNr>":"<timer id>"}}` (ADR 23).
 */
export function timersMetadata(reprs: readonly PersistentRepr[]): HeaderMetadata {
  const timers: Record<string, string> = {};
  let some = false;
  for (const { seqNr, timer } of reprs) {
    if (timer === undefined) continue;
    timers[seqNr] = timer;
    some = true;
  }
  return some ? { data: { timers } } : {};
}

function timerOf({ data }: HeaderMetadata, seqNr: number): string | undefined {
  if (data === undefined) return undefined;
  const timers = fieldOf(toPlain(data), 'timers');
  const timer = fieldOf(timers, String(seqNr));
  return typeof timer === 'string' ? timer : undefined;
}

function fieldOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Readonly<Record<string, unknown>>)[name];
}
