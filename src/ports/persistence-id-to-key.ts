import type { Key } from '../model/key.ts';

/**
 * Which journal a persistence id has: what `persistence-id-to-key.impl = "module#export"` makes
 * (docs/plugins.md#topic-and-key-of-a-persistence-id).
 */
export interface PersistenceIdToKey {
  /**
   * The topic and the id of the journal. It is asked again and again, for every write and read, and
   * answers at once: no I/O, no promise.
   *
   * An id that leads to another key than before has lost its journal, and two ids that lead to the
   * same key write into each other's, which is not always noticed. So the answer depends on nothing
   * but the persistence id, is the same in every process and for ever, and no other id has it.
   *
   * @param persistenceId not blank
   * @returns a topic that Kafka takes, and an id of at most 1,024 bytes in UTF-8; anything else,
   *   and
   * whatever this throws, is an {@link InvalidInputError} for who uses the persistence id: nothing
   * was stored
   */
  keyOf(persistenceId: string): { readonly topic: string; readonly id: string };

  /**
   * The other way: the persistence id for which `keyOf` gives the key; `undefined` = there is none.
   * Without this method entities that wait are not woken: they sleep until they are spoken to. An
   * answer that `keyOf` does not lead back to the key wakes nothing, and is logged once.
   */
  persistenceIdOf?(key: Key): string | undefined;
}
