import type { HeadFold } from '../../history/head.ts';
import type { JournalPointer } from '../../model/journal-pointer.ts';
import type { Key } from '../../model/key.ts';
import type { SeqNr } from '../../model/seq-nr.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import type { JournalParts } from '../journal-parts.ts';
import type { Claim } from './claims.ts';
import { onConflict } from './integrity.ts';

/**
 * Fails the read, or reports each record of the head that loses, as `seq-nr-uniqueness` says (ADR 17).
 *
 * @throws {DataIntegrityError} naming both offsets and origins
 */
export async function reportConflicts(
  parts: JournalParts,
  key: Key,
  found: { readonly fold: HeadFold; readonly pointer: JournalPointer | undefined } & CallOptions,
): Promise<void> {
  for (const { winner, loser } of found.fold.conflicts) {
    const { range, origin } = loser.action.header;
    const claim =
      winner === undefined
        ? await storedClaim(parts, key, { ...found, seqNr: range.from })
        : { at: winner.at, origin: winner.action.header.origin };
    if (claim === undefined) continue;
    onConflict(parts, key, { winner: claim, loser: { at: loser.at, origin }, seqNr: range.from });
  }
}

/** The stored record that has the number; where that is deleted, the last thing that was stored. */
async function storedClaim(
  { eventual }: JournalParts,
  key: Key,
  found: { readonly pointer: JournalPointer | undefined; readonly seqNr: SeqNr } & CallOptions,
): Promise<Claim | undefined> {
  const { pointer, seqNr, signal } = found;
  if (pointer === undefined) return undefined;
  const range = { from: seqNr, to: seqNr, segmentSize: pointer.segmentSize };
  let claim: Claim | undefined;
  for await (const rows of eventual.read(key, range, { signal })) {
    for (const { record } of rows) {
      if (claim === undefined || record.at.offset < claim.at.offset) claim = record;
    }
  }
  return claim ?? { at: pointer.at, origin: undefined };
}
