import { StoreUnavailableError } from '../model/errors.ts';
import type { JournalPointer } from '../model/journal-pointer.ts';
import type { Key } from '../model/key.ts';
import type { SeqNr } from '../model/seq-nr.ts';
import type { Cut } from './cut.ts';
import type { Head } from './head.ts';

/** The state of one journal as of one end: what the store contributes, and what the log does. */
export interface Snapshot {
  readonly cut: Cut;
  readonly head: Head;
  /** The store's row; `undefined` when the store contributes nothing. */
  readonly pointer: JournalPointer | undefined;
  /** Last number stored as of the cut; `undefined` when only the rows themselves can tell. */
  readonly lastStored: SeqNr | undefined;
}

/** Told when a concurrent delete or purge tore what was seen: the snapshot is to be taken again. */
export const torn = Symbol('torn');

/** Reads that a concurrent delete or purge tore are begun again, at most so often. */
export const maxAttempts = 3;

/** Looks again at what was torn. @throws {StoreUnavailableError} it still is */
export async function untorn<T>(key: Key, look: (isAgain: boolean) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await look(attempt > 1);
    } catch (error) {
      if (error !== torn || attempt === maxAttempts) throw tornError(error, key);
    }
  }
}

/** What a caller is told of a read that stayed torn; any other error is left as it is. */
export function tornError(error: unknown, key: Key): unknown {
  if (error !== torn) return error;
  const name = `${key.topic}:${key.id}`;
  return new StoreUnavailableError(
    `${name} changed while it was read, more than once; read it again`,
  );
}
