import { DataIntegrityError } from '../../model/errors.ts';
import type { Key } from '../../model/key.ts';
import type { SeqNr } from '../../model/seq-nr.ts';
import type { JournalParts } from '../journal-parts.ts';
import { type Claim, type ConflictingClaims, describeConflict, stopOneWriter } from './claims.ts';

/** Fails the read, or reports the record that loses, as `seq-nr-uniqueness` says (ADR 17). */
export function onConflict(parts: JournalParts, key: Key, conflict: ConflictingClaims): void {
  const { loser, seqNr } = conflict;
  const message = describeConflict(key, conflict);
  const place = { topic: key.topic, id: key.id, ...loser.at, seqNr };
  if (parts.settings.dataIntegrity.seqNrUniqueness) {
    throw new DataIntegrityError(
      `${message}. ${stopOneWriter}. To read the journal without the later record, whose events are lost then, set ` +
        'data-integrity.seq-nr-uniqueness = off',
      { place },
    );
  }
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
