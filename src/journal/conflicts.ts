import { DataIntegrityError } from '../model/errors.ts';
import type { RecordInfo } from '../model/event.ts';
import type { Key } from '../model/key.ts';
import type { SeqNr } from '../model/seq-nr.ts';
import type { JournalDeps } from './journal-deps.ts';

/** One of two conflicting records: its place, and its writer. */
export type Claim = Pick<RecordInfo, 'at' | 'origin'>;

/** A {@link Claim} whose record may still have to be written. */
export interface Claimant {
  readonly at: Claim['at'] | undefined;
  readonly origin: Claim['origin'];
}

/**
 * Two records that claim the same sequence numbers: the one with the smaller offset wins. One that
 * is still to be written loses.
 */
export interface ConflictingClaims<Loser extends Claimant = Claim> {
  readonly winner: Claim;
  readonly loser: Loser;
  /** First number of the record that loses. */
  readonly seqNr: SeqNr;
}

/** A sentence that names both records; one that was not written yet has no place. */
export function describeConflict(
  key: Key,
  { winner, loser, seqNr }: ConflictingClaims<Claimant>,
): string {
  return (
    `two writers of ${key.topic}:${key.id}: the record ${describe(loser)} starts with event ${seqNr}, ` +
    `at or below the last number of the record ${describe(winner)}`
  );
}

/** What an operator does first. */
export const stopOneWriter = 'Two processes write this journal at once: stop one of them, for good';

function describe({ at, origin }: Claimant): string {
  const place = at === undefined ? 'to be written' : `at ${at.partition}:${at.offset}`;
  return `${place} by ${origin ?? 'an unknown origin'}`;
}

/**
 * Logs the record that loses, or fails the read, as the setting `seq-nr-uniqueness` says (ADR 17).
 *
 * @throws {DataIntegrityError} the setting is on; names both offsets and origins
 */
export function onConflict(
  { settings, log }: Pick<JournalDeps, 'settings' | 'log'>,
  key: Key,
  conflict: ConflictingClaims,
): void {
  const { loser, seqNr } = conflict;
  const message = describeConflict(key, conflict);
  const place = { topic: key.topic, id: key.id, ...loser.at, seqNr };
  if (settings.dataIntegrity.seqNrUniqueness) {
    throw new DataIntegrityError(
      `${message}. ${stopOneWriter}. To read the journal without the later record, whose events are lost then, set ` +
        'data-integrity.seq-nr-uniqueness = off',
      { place },
    );
  }
  log.warn(place, `${message}; it is ignored`);
}
