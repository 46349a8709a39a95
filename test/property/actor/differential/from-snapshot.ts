import { isDeepStrictEqual } from 'node:util';
import { InMemorySnapshotStore } from '../../../../src/stores/memory/in-memory-snapshot-store.ts';
import { Shelf } from './journal-of-process.ts';
import { PersistentWorld, type Snapshots } from './persistent-world.ts';
import type { HistoryPlan } from './plan.ts';
import type { View } from './view.ts';

/** A history, and the numbers at which snapshots are taken. */
export interface SnapshotPlan {
  readonly history: HistoryPlan;
  /** At every number that this divides. */
  readonly every: number;
}

export interface SnapshotDifference {
  readonly step: number;
  readonly what: string;
  readonly fromEvents: unknown;
  readonly fromSnapshot: unknown;
  readonly journal: readonly string[];
}

/** What was compared. */
export interface SnapshotFigures {
  compared: number;
  /** Comparisons in which a snapshot was there. */
  withSnapshot: number;
  readonly refused: string[];
}

/**
 * The first difference between an entity that is recovered from a snapshot and the events after it,
 * and one that is recovered from its events alone. The entity in question lives on: its own
 * restarts go through the snapshots, so later ones are taken of states that came from earlier ones.
 */
export async function findSnapshotDifference(
  { history, every }: SnapshotPlan,
  figures: SnapshotFigures,
): Promise<SnapshotDifference | undefined> {
  const shelf = new Shelf();
  const store = new InMemorySnapshotStore();
  const isDue = (sequenceNr: number): boolean => sequenceNr % every === 0;
  const snapshots: Snapshots = { store, isDue, refused: figures.refused };
  let world: PersistentWorld | undefined;
  let at = -1;
  try {
    world = await PersistentWorld.open(history, shelf, true, snapshots);
    for (const step of history.steps) {
      if (world.view().status !== 'active') return undefined;
      at++;
      await world.perform(step);
      if (shelf.stored.length === 0 || world.view().status !== 'active') continue;
      figures.compared++;
      if (shelf.stored.length >= every) figures.withSnapshot++;
      const fromEvents = comparable(await world.recoveredView(undefined));
      const fromSnapshot = comparable(await world.recoveredView(snapshots));
      // Recovered, and ended by what a child says then: one that goes on says other things than one
      // that begins anew.
      if (fromEvents.status === 'error' || fromSnapshot.status === 'error') continue;
      const what = Object.keys(fromEvents).find((name) => {
        return !isDeepStrictEqual(fromEvents[name], fromSnapshot[name]);
      });
      if (what === undefined) continue;
      const [one, other] = [fromEvents[what], fromSnapshot[what]];
      const journal = shelf.payloads;
      return { step: at, what, fromEvents: one, fromSnapshot: other, journal };
    }
    return undefined;
  } finally {
    await world?.close();
  }
}

/**
 * Children with a state of their own begin anew without a snapshot, and go on with one: what they
 * show is not compared.
 */
function comparable(view: View): Readonly<Record<string, unknown>> {
  const children = view.children.map((child) => {
    const hasState = /-(machine|transition|observable)#/.test(child.name);
    return hasState && child.status === 'active' ? [child.name, child.status] : child;
  });
  return { ...view, children };
}
