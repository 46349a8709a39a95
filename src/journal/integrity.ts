import { DataIntegrityError } from '../model/errors.ts';
import type { RecordInfo } from '../model/event.ts';
import type { Key } from '../model/key.ts';
import type { SeqNr } from '../model/seq-nr.ts';
import type { JournalParts } from './journal-parts.ts';

/** Where one of two conflicting records lies, and who wrote it. */
export type Claim = Pick<RecordInfo, 'at' | 'origin'>;

/** Two records that claim the same sequence numbers: the one with the smaller offset wins. */
export interface ConflictingClaims {
  readonly winner: Claim;
  readonly loser: Claim;
  readonly seqNr: SeqNr;
}

/** Fails the read, or reports the record that loses, as `seq-nr-uniqueness` says (ADR 17). */
export function onConflict(parts: JournalParts, key: Key, conflict: ConflictingClaims): void {
  const { winner, loser, seqNr } = conflict;
  const message =
    `two writers of ${key.topic}:${key.id}: the record ${describe(loser)} ` +
    `starts at or below the last number of the record ${describe(winner)}`;
  const place = { topic: key.topic, id: key.id, ...loser.at, seqNr };
  if (parts.settings.dataIntegrity.seqNrUniqueness)
    throw new DataIntegrityError(message, { place });
  parts.log.warn(place, `${message}; it is ignored`);
}

/** Fails the read, or reports the hole, as `gaps` says. */
export function onGap(
  parts: JournalParts,
  key: Key,
  gap: { readonly expected: SeqNr; readonly found: SeqNr; readonly at: Claim['at'] },
): void {
  const message = `${key.topic}:${key.id} has no event ${gap.expected}, the next one is ${gap.found}`;
  const place = { topic: key.topic, id: key.id, ...gap.at, seqNr: gap.expected };
  if (parts.settings.dataIntegrity.gaps === 'fail')
    throw new DataIntegrityError(message, { place });
  parts.log.warn(place, message);
}

function describe({ at, origin }: Claim): string {
  return `at ${at.partition}:${at.offset} by ${origin ?? 'an unknown origin'}`;
}
