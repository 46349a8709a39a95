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
  let lost = 0;
  let reordered = 0;
  const numbers = new Map([...journals].map(([key, events]) => [key, numbersOf(events)]));
  for (const { key, seqNr, operation } of acknowledged) {
    const found = numbers.get(key)?.get(operation);
    if (found === undefined) lost++;
    else if (found !== seqNr) reordered++;
  }
  let duplicated = 0;
  let missing = 0;
  for (const [key, events] of journals) {
    duplicated += events.length - (numbers.get(key)?.size ?? 0);
    for (const [index, { seqNr }] of events.entries()) {
      const previous = events[index - 1]?.seqNr ?? 0;
      if (seqNr <= previous) reordered++;
      else missing += seqNr - previous - 1;
    }
  }
  return { lost, duplicated, reordered, missing };
}

function numbersOf(events: readonly Recovered[]): ReadonlyMap<string, number> {
  return new Map(events.map(({ operation, seqNr }) => [operation, seqNr]));
}
