import { InvalidInputError, NotOwnerError } from '../model/errors.ts';
import type { SeqNr } from '../model/seq-nr.ts';
import type { CallOptions } from '../ports/call-options.ts';
import type { JournalPlugin, PersistenceId } from '../ports/journal-plugin.ts';
import { SnapshotCriteria } from '../ports/snapshot-store.ts';
import type { EntityDeps } from './entity/entity-deps.ts';
import { checkDelete, type JournalName } from './entity/journal-answers.ts';

type UpkeepDeps = Pick<EntityDeps, 'journal' | 'snapshotStore' | 'live'>;

/**
 * Deletes everything of an entity, in this order:
 *
 * 1. its live actor ends, and one that starts meanwhile recovers after the purge. It would go on
 *   with numbers that the journal no longer has;
 * 2. what it was saving and deleting is awaited: a snapshot would come back after the others are
 *    deleted, and a late deletion would take what the next life stores;
 * 3. the journal is held, so that an entity of another process loses its right to write;
 * 4. its snapshots are deleted;
 * 5. its journal is purged.
 *
 * A crash between 4 and 5 leaves a journal without snapshots: it is recovered from its events, and
 * the purge may be repeated. In the other order a snapshot of the former life could come before all
 * those of the next one.
 *
 * @throws {InvalidInputError} a parent alone may stop the live actor, or the journal cannot purge
 * @throws {NotOwnerError} nothing purged: another process has the entity
 * @throws {WriteFailedError} may be purged: look before you purge again
 */
export async function purgeEntity(
  deps: UpkeepDeps,
  name: JournalName,
  signal: AbortSignal,
): Promise<void> {
  const { live } = deps;
  const { persistenceId } = name;
  for (let actor = live.find(persistenceId); actor !== undefined; ) {
    if (actor.hasParent) {
      throw new InvalidInputError(`${persistenceId} has a parent, which alone may stop it`);
    }
    await actor.shutDown();
    actor = live.find(persistenceId);
  }
  // Without a wait since the last look, so no actor of the id has started.
  const former = live.lingeringWrite(persistenceId);
  const purging = former === undefined ? purge() : former.then(purge);
  live.linger(persistenceId, purging);
  await purging;

  async function purge(): Promise<void> {
    const store = await deps.snapshotStore(name.snapshotPluginId, signal);
    await live.upkeep.of(persistenceId);
    signal.throwIfAborted();
    await withJournal(deps, name, signal, async (journal) => {
      const id = persistenceId as PersistenceId;
      if (journal.purge === undefined) {
        throw new InvalidInputError(`the journal of ${persistenceId} cannot be purged`);
      }
      await store?.deleteMatching(id, SnapshotCriteria.all, { signal });
      await journal.purge(id, { signal });
    });
  }
}

/**
 * Deletes events of an entity, through its live actor where that has the journal.
 *
 * @param actor `undefined` = it has ended
 * @throws {InvalidInputError} there is no event `to`, or no snapshot can stand for those that are
 *   to go; and as the journal
 * @throws {NotOwnerError} nothing deleted: another process has had the entity meanwhile
 */
export async function deleteEvents(
  deps: UpkeepDeps,
  { to, actor, ...name }: JournalName & Deletion,
  signal: AbortSignal,
): Promise<void> {
  let lost: NotOwnerError | undefined;
  try {
    const deleting = actor?.deleteTo(to, { signal });
    if (deleting !== undefined) return await deleting;
  } catch (error) {
    if (!(error instanceof NotOwnerError)) throw error;
    lost = error;
  }
  if ((await deps.snapshotStore(name.snapshotPluginId, signal)) !== undefined) {
    if (actor !== undefined) {
      const text = `another process has ${name.persistenceId}, or has purged it`;
      throw lost ?? new NotOwnerError(`${text}: nothing was deleted`);
    }
    throw new InvalidInputError(
      `the events of ${name.persistenceId} were not deleted: it has a snapshot store, so its live actor ` +
        'has to take a snapshot first, and there is none. Purge it to delete all of it',
    );
  }
  await withJournal(deps, name, signal, async (journal) => {
    const id = name.persistenceId as PersistenceId;
    checkDelete(id, to, await journal.highestSeqNr(id, 0, { signal }));
    await journal.deleteTo(id, to, { signal });
  });
}

/** An actor that may have its journal at the moment. */
export interface DeletingActor {
  /**
   * `undefined` = it has none.
   *
   * @throws {InvalidInputError} the journal ends before `to`, or no snapshot can stand for what is
   *   to go
   * @throws {NotOwnerError} nothing deleted: another process has had the journal meanwhile
   * @throws as `deleteTo` of the journal
   */
  deleteTo(to: SeqNr, options: CallOptions): Promise<void> | undefined;
}

interface Deletion {
  /** Inclusive. */
  readonly to: SeqNr;
  readonly actor: DeletingActor | undefined;
}

/** A process that lost the partition learns of that by its next write, and then holds it anew. */
const maxHolds = 5;

/**
 * Holds the journal, where it can be held.
 *
 * @throws {NotOwnerError} others took it away each time
 */
async function withJournal(
  { journal: open }: UpkeepDeps,
  { persistenceId, journalPluginId }: JournalName,
  signal: AbortSignal,
  work: (journal: Omit<JournalPlugin, 'hold'>) => Promise<void>,
): Promise<void> {
  const journal = await open(journalPluginId, signal);
  for (let holds = 1; ; holds++) {
    const held = await journal.hold?.(persistenceId as PersistenceId, { signal });
    try {
      await work(held ?? journal);
      return;
    } catch (error) {
      const isLost = held !== undefined && error instanceof NotOwnerError;
      if (!isLost || holds === maxHolds) throw error;
    } finally {
      await held?.[Symbol.asyncDispose]();
    }
  }
}
