import type { EventObject } from 'xstate';
import { readCount, readObject, readText } from '../../model/plain-members.ts';
import { SeqNr } from '../../model/seq-nr.ts';
import { SerializedPayload } from '../../model/serialized-payload.ts';
import type { PersistenceId, PersistentRepr } from '../../ports/journal-plugin.ts';
import { toLossless } from '../entity/lossless-form.ts';
import { EventCoding } from '../evolution/event-coding.ts';

/** Where an event that a snapshot holds was stored, and how that is read. */
export interface PackedFrom {
  readonly persistenceId: string;
  /** How the events of the entity are stored; `undefined` = as they are. */
  readonly coding: EventCoding | undefined;
  readonly seqNr: number;
}

/**
 * The event for a snapshot: as it is, or, where that cannot hold it, in the form that it has in the
 * journal. Events may be instances of classes, of which only their serializer knows the form.
 *
 * @throws {InvalidInputError} {@link WriteRejectedError} no serializer takes it
 */
export function packEvent(event: EventObject, { coding, seqNr }: PackedFrom): unknown {
  if (coding === undefined || isKept(event)) return event;
  const { payload, manifest, encoding } = coding.write(event, seqNr);
  const packed = { manifest, ...(encoding !== undefined && { encoding }) };
  if (payload instanceof SerializedPayload) {
    const { serializer, manifest: name, bytes } = payload;
    return { packed: { ...packed, serializer, name, bytes: base64(bytes) } };
  }
  if (payload instanceof Uint8Array) return { packed: { ...packed, bytes: base64(payload) } };
  return { packed: { ...packed, payload } };
}

/** What `packEvent` has put in place of an event. An event by itself has a `type`. */
export function isPacked(plain: unknown): boolean {
  return typeof plain === 'object' && plain !== null && 'packed' in plain && !('type' in plain);
}

/**
 * The events of today that a packed event stands for.
 *
 * @throws {CodecError} it is not what `packEvent` gives; `at` = its place
 * @throws {RecoveryFailedError} it cannot be read any more
 */
export function unpackEvent(
  plain: unknown,
  at: string,
  { persistenceId, coding, seqNr }: PackedFrom,
): readonly unknown[] {
  const { packed } = readObject(plain, at);
  const members = readObject(packed, `${at}.packed`);
  const { encoding } = members;
  const repr: PersistentRepr = {
    persistenceId: persistenceId as PersistenceId,
    seqNr: SeqNr.of(seqNr),
    payload: payloadOf(members, `${at}.packed`),
    manifest: readText(members.manifest, `${at}.packed.manifest`),
    writerUuid: '',
    timestampMs: undefined,
    tags: [],
    facts: encoding === undefined ? {} : { encoding: readText(encoding, `${at}.packed.encoding`) },
  };
  return (coding ?? EventCoding.none(persistenceId)).read(repr).map(({ payload }) => payload);
}

/** Whether a snapshot gives the value back equal. */
export function isKept(value: unknown): boolean {
  try {
    toLossless(value, 'value');
    return true;
  } catch {
    return false;
  }
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

function payloadOf(members: Readonly<Record<string, unknown>>, at: string): unknown {
  if (members.bytes === undefined) return members.payload;
  const bytes = Uint8Array.from(Buffer.from(readText(members.bytes, `${at}.bytes`), 'base64'));
  if (members.serializer === undefined) return bytes;
  const serializer = readCount(members.serializer, `${at}.serializer`);
  return new SerializedPayload(serializer, readText(members.name, `${at}.name`), bytes);
}
