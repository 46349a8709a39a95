import type { EventCells } from '../../relational/event-row.ts';
import { ofStoredText, toStoredText } from './stored-text.ts';

/** A row of `event` as it is selected: with the record id of its journal. */
export type StoredCells = readonly [...cells: EventCells, recordId: string | null];

/**
 * The cells as the columns take them, without U+0000: JSON escapes it already, and a plain text
 * that has one is kept as its bytes.
 */
export function toStoredCells(cells: EventCells): EventCells {
  const [seqNr, timestamp, partition, offset, origin, version, ...rest] = cells;
  const [metadata, headers, tags, type, text, bytes] = rest;
  const place = [seqNr, timestamp, partition, offset] as const;
  const writer = [origin && toStoredText(origin), version && toStoredText(version)] as const;
  const asBytes = text?.includes('\0') ? Buffer.from(text) : undefined;
  const payload = asBytes === undefined ? ([text, bytes] as const) : ([null, asBytes] as const);
  return [...place, ...writer, metadata, headers, tags, type, ...payload];
}

/** The cells that {@link toStoredCells} was given. */
export function ofStoredCells(row: StoredCells): EventCells {
  const [seqNr, timestamp, partition, offset, origin, version, ...rest] = row;
  const [metadata, headers, tags, type, text, bytes] = rest;
  const place = [seqNr, timestamp, partition, offset] as const;
  const writer = [origin && ofStoredText(origin), version && ofStoredText(version)] as const;
  const isAsBytes = type === 'text' && text === null && bytes !== null;
  const payload = isAsBytes
    ? ([Buffer.from(bytes).toString('utf8'), null] as const)
    : ([text, bytes] as const);
  return [...place, ...writer, metadata, headers, tags, type, ...payload];
}
