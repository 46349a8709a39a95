import type { ReplicatedKeyJournal } from '../../src/ports/replicated-journal.ts';
import * as given from './replicated-store.ts';

type Action = (journal: ReplicatedKeyJournal) => Promise<unknown>;

/** What is stored before a batch, and the batch that must show whole or not at all. */
export interface AtomicHistory {
  readonly before: readonly Action[];
  readonly action: Action;
}

const append =
  (offset: number, from: number, to: number): Action =>
  (journal) =>
    journal.append(given.append(offset, [from, to]), given.nowMs);
const merged: Action = (journal) =>
  journal.append(
    given.batch([
      [0, [1, 2, 3]],
      [1, [4, 5, 6, 7]],
    ]),
    given.nowMs,
  );
/** So far apart that what lies between may be too much for one statement. */
const sparse: Action = (journal) => journal.append(given.batch([[0, [1, 30_000]]]), given.nowMs);
const deletion =
  (offset: number, to: number): Action =>
  (journal) =>
    journal.delete(given.deletion(offset, to), given.nowMs);
const purge =
  (offset: number): Action =>
  (journal) =>
    journal.purge(given.purge(offset), given.nowMs);

/**
 * The batches whose parts a store that writes statement by statement shows, by the defect that this
 * leads to: rows before their journal, rows of a later record, rows of a dead generation, rows that
 * a delete left.
 */
export const atomicHistories: Readonly<Record<string, AtomicHistory>> = {
  'two records merged into the first append (V3)': { before: [], action: merged },
  'an append whose predecessor a delete covers (V6)': {
    before: [append(1, 1, 3)],
    action: append(3, 5, 7),
  },
  'the delete behind it (V6)': {
    before: [append(1, 1, 3), append(3, 5, 7)],
    action: deletion(4, 7),
  },
  'the append that creates a journal (V7)': { before: [], action: append(0, 1, 3) },
  'a purge (V7)': { before: [append(0, 1, 3)], action: purge(1) },
  'a delete of some (V8)': { before: [append(0, 1, 7)], action: deletion(1, 4) },
  'a delete of all (V8)': { before: [append(0, 1, 7)], action: deletion(1, 7) },
  'a delete over many numbers (V8)': { before: [sparse], action: deletion(1, 30_000) },
  'a purge over many numbers (V7)': { before: [sparse], action: purge(1) },
};

/** Everything a reader can see of a journal. */
export async function seen(store: given.ReplicatedStore, key: Parameters<typeof given.state>[1]) {
  const rows = await given.storedRows(store, key, { to: 40_000 });
  return {
    pointer: await store.eventual.pointer(key),
    rows: rows.map(({ event, record }) => [event.seqNr, record.at.offset]),
  };
}
