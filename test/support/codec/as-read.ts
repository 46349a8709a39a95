import { jsonDocument, parseJson } from '../../../src/codec/json/json.ts';
import type { Payload, PrintedJson } from '../../../src/model/payload.ts';

/** A payload as it is read again, once what was printed for it has been written. */
export function asRead(payload: Payload | PrintedJson): Payload {
  if (payload.type !== 'printed-json') return payload;
  return { type: 'json', value: parseJson(jsonDocument(payload.text)) };
}
