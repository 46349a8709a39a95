import type { EventRecord } from '../../model/event.ts';
import { SeqNr } from '../../model/seq-nr.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import type { JournalParts } from '../journal-parts.ts';
import { readStored, type StoredPart } from './read-stored.ts';

/** The next look goes back so many times further. */
const widening = 16;

/**
 * A stored number at or below `first` that does not lie in the same record: a record that holds `first`
 * in its middle may have lost against another one at its beginning. `firstLive` when there is none.
 *
 * @throws {DataIntegrityError} it has
 */
export async function beginningOfRecord(
  parts: JournalParts,
  read: Omit<StoredPart, 'from'> & { readonly first: SeqNr; readonly firstLive: SeqNr },
  options: CallOptions,
): Promise<SeqNr> {
  const { first, firstLive } = read;
  let from = first;
  for (let back = 1; from > firstLive; back *= widening) {
    from = SeqNr.of(Math.max(firstLive, first - back));
    const rows: EventRecord[] = [];
    for await (const page of readStored(parts, { ...read, from, to: first }, options)) {
      for (const row of page) rows.push(row);
    }
    if (rows[0]?.record.at.offset !== rows.at(-1)?.record.at.offset) return from;
  }
  return from;
}
