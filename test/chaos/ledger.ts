/** One acknowledged append as its client knows it. */
export interface Acknowledged {
  readonly key: string;
  readonly seqNr: number;
  /** Names the append among all of the run. */
  readonly operation: string;
}

/** One recovered event. */
export interface Recovered {
  readonly seqNr: number;
  readonly operation: string;
}

/** What is wrong with the recovered journals; every count has to be 0. */
export interface Damage {
  /** Acknowledged, and nowhere in its journal. */
  readonly lost: number;
  /** Twice in a journal. */
  readonly duplicated: number;
  /** At another number than acknowledged, or out of order. */
  readonly reordered: number;
  /** Numbers skipped between 1 and the last event. */
  readonly missing: number;
}

/** Compares the client's record with what every key recovers to. */
export function damageOf(
  acknowledged: readonly Acknowledged[],
  journals: ReadonlyMap<string, readonly Recovered[]>,
): Damage {
  const damages = [...journals].map(([, events]) => damageOfJournal(events));
  const sum = (count: (damage: Damage) => number): number =>
    damages.reduce((total, damage) => total + count(damage), 0);
  const { lost, moved } = missed(acknowledged, journals);
  return {
    lost,
    duplicated: sum(({ duplicated }) => duplicated),
    reordered: moved + sum(({ reordered }) => reordered),
    missing: sum(({ missing }) => missing),
  };
}

/** Acknowledged appends that are nowhere, or not where they were acknowledged. */
function missed(
  acknowledged: readonly Acknowledged[],
  journals: ReadonlyMap<string, readonly Recovered[]>,
): { readonly lost: number; readonly moved: number } {
  const numbers = new Map([...journals].map(([key, events]) => [key, numbersOf(events)]));
  let lost = 0;
  let moved = 0;
  for (const { key, seqNr, operation } of acknowledged) {
    const found = numbers.get(key)?.get(operation);
    if (found === undefined) lost++;
    else if (found !== seqNr) moved++;
  }
  return { lost, moved };
}

function damageOfJournal(events: readonly Recovered[]): Damage {
  let reordered = 0;
  let missing = 0;
  let previous = 0;
  for (const { seqNr } of events) {
    if (seqNr <= previous) reordered++;
    else missing += seqNr - previous - 1;
    previous = seqNr;
  }
  return { lost: 0, duplicated: events.length - numbersOf(events).size, reordered, missing };
}

function numbersOf(events: readonly Recovered[]): ReadonlyMap<string, number> {
  return new Map(events.map(({ operation, seqNr }) => [operation, seqNr]));
}
