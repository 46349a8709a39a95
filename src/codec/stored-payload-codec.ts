import { CodecError } from '../model/errors.ts';
import type { Payload, PrintedJson } from '../model/payload.ts';
import { parseJson, printJson } from './json/json.ts';

/*
 * docs/format.md#stored-payload
 *
 *   payload_type   json | text | binary; unset without payload
 *   payload_txt    the text, or the JSON text
 *   payload_bin    the bytes
 */

/** The three columns of a stored payload; an absent one is left unset, not null. */
export interface StoredPayload {
  readonly payloadType?: Payload['type'];
  readonly text?: string;
  readonly bytes?: Uint8Array;
}

/**
 * Columns of a payload.
 *
 * @throws {InvalidInputError} when JSON cannot hold the value
 */
export function toStoredPayload(payload: Payload | PrintedJson | undefined): StoredPayload {
  switch (payload?.type) {
    case undefined:
      return {};
    case 'json':
      return { payloadType: 'json', text: printJson(payload.value) };
    case 'printed-json':
      return { payloadType: 'json', text: payload.text };
    case 'text':
      return { payloadType: 'text', text: payload.value };
    case 'binary':
      return { payloadType: 'binary', bytes: payload.value };
  }
}

/**
 * The payload in three columns. Without type there is none; an unknown type is taken for `binary`;
 * a text comes before bytes.
 *
 * @throws {CodecError} when type and content do not belong together, or the JSON is malformed
 */
export function ofStoredPayload(
  type: string | null,
  text: string | null,
  bytes: Uint8Array | null,
): Payload | undefined {
  if (type === null) return undefined;
  if (type !== 'json' && type !== 'text') {
    if (text !== null) throw new CodecError(`a payload of type ${type} is stored as text`);
    return { type: 'binary', value: bytes ?? new Uint8Array(0) };
  }
  if (text === null) throw new CodecError(`a payload of type ${type} is stored without text`);
  return type === 'text' ? { type, value: text } : { type, value: parseJson(text) };
}
