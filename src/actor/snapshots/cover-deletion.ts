import { InvalidInputError } from '../../model/errors.ts';
import { thrownText } from '../../model/shown.ts';
import type { PersistenceId } from '../../ports/journal-plugin.ts';
import { SnapshotCriteria, type SnapshotStore } from '../../ports/snapshot-store.ts';
import type { HostedState } from '../entity/entity-logic.ts';

/*
 * Whether a snapshot can stand for events that are deleted.
 */

/**
 * Whether the store has the snapshot with this number.
 *
 * @throws what the store rejects with
 */
export async function hasSnapshot(
  store: SnapshotStore,
  persistenceId: PersistenceId,
  seqNr: number,
): Promise<boolean> {
  const criteria = { ...SnapshotCriteria.all, minSeqNr: seqNr, maxSeqNr: seqNr };
  return (await store.load(persistenceId, criteria)) !== undefined;
}

/**
 * Why no snapshot of the entity can be taken; `undefined` = one can.
 *
 * @param isWhole the state holds every event of the journal
 * @param hasChildMessage a message of a machine below the entity is neither stored nor decided upon
 */
export function whyNone(
  { status }: HostedState,
  isWhole: boolean,
  hasChildMessage: boolean,
): string | undefined {
  const purge = 'Purge it to delete all of it';
  if (status !== 'active') return `since it has ended. ${purge}`;
  if (!isWhole) return `since its recovery was limited. ${purge}`;
  if (!hasChildMessage) return undefined;
  return 'since a message of a child machine is not stored yet. Try again when it is';
}

/** Nothing was deleted; `why` = as of {@link whyNone}. */
export function uncovered(id: PersistenceId, why: string, cause?: unknown): InvalidInputError {
  const text = `the events of ${id} were not deleted: it has a snapshot store, and no snapshot of it can be taken`;
  return new InvalidInputError(`${text}, ${why}`, cause === undefined ? undefined : { cause });
}

/** @throws {InvalidInputError} JSON cannot hold the state, or the user's adapter failed */
export function bytesOf(content: { bytes(): Uint8Array }, id: PersistenceId): Uint8Array {
  try {
    return content.bytes();
  } catch (cause) {
    throw uncovered(id, `since ${thrownText(cause)}`, cause);
  }
}

/** Of an entity that deletes events, with a store that leaves out what it cannot load. */
export function mayLose(persistenceId: PersistenceId): InvalidInputError {
  return new InvalidInputError(
    `${persistenceId}: retention.deleteEvents needs snapshots that are there. Its snapshot store ` +
      'has "snapshot-is-optional", so a snapshot that cannot be loaded would be left out, and ' +
      'the events that it stands for are deleted: the entity would lose its state. Turn one off',
  );
}
