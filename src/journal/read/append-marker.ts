import { InvalidInputError } from '../../model/errors.ts';
import type { Marker } from '../../model/journal-pointer.ts';
import type { Key } from '../../model/key.ts';
import { shown } from '../../model/shown.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import { libraryVersion } from '../../runtime/library-version.ts';
import type { JournalParts } from '../journal-parts.ts';

/**
 * Puts a mark behind everything that was acknowledged for the key before this call. The mark lands in
 * the key's partition, so its place tells which partition to read and where to stop.
 */
export async function appendMarker(
  parts: JournalParts,
  mark: { readonly key: Key; readonly id: string },
  options?: CallOptions,
): Promise<Marker> {
  if (typeof mark.id !== 'string') {
    throw new InvalidInputError(`the id of a mark must be a text, not ${shown(mark.id)}`);
  }
  const { origin, clock } = parts;
  const header = { type: 'mark', id: mark.id, origin, version: libraryVersion } as const;
  const action = { key: mark.key, timestampMs: clock.nowMs(), header };
  return { id: mark.id, at: await parts.producer.produce(action, options) };
}
