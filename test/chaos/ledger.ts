/** One acknowledged append as its client knows it. */
export interface Acknowledged {
  readonly key: string;
  /** Absent when its client only heard that it is stored. */
  readonly seqNr?: number;
  /** Names the append among all of the run. */
  readonly operation: string;
}

/** What a process under fire tells of its commands. */
export interface Outcomes {
  readonly acknowledged: readonly Acknowledged[];
  /** Operations that are certainly not stored. */
  readonly rejected: readonly string[];
}

/** How far a key was deleted, 0 = never: what was asked for, and what was acknowledged of it. */
export interface Deleted {
  readonly asked: number;
  readonly acknowledged: number;
}

/** What the clients of a run know. */
export interface Ledger {
  readonly acknowledged: readonly Acknowledged[];
  /** By key; absent = nothing was ever deleted. */
  readonly deleted?: ReadonlyMap<string, Deleted>;
  /** Operations of which their clients heard that they are certainly not stored. */
  readonly rejected?: readonly string[];
}

/** One recovered event. */
export interface Recovered {
  readonly seqNr: number;
  readonly operation: string;
}

/** What is wrong with the recovered journals; every count has to be 0. */
export interface Damage {
  /** Acknowledged, not deleted, and nowhere in its journal. */
  readonly lost: number;
  /** Twice in a journal. */
  readonly duplicated: number;
  /** At another number than acknowledged, or out of order. */
  readonly reordered: number;
  /** Numbers skipped between the first event and the last. */
  readonly missing: number;
  /** There although their deletion was acknowledged. */
  readonly undeleted: number;
  /** There although their client heard that they are certainly not stored. */
  readonly unrejected: number;
}

export const noDamage: Damage = {
  lost: 0,
  duplicated: 0,
  reordered: 0,
  missing: 0,
  undeleted: 0,
  unrejected: 0,
};

const neverDeleted: Deleted = { asked: 0, acknowledged: 0 };

/** Compares the clients' record with what every key recovers to. */
export function damageOf(
  { acknowledged, deleted = new Map(), rejected = [] }: Ledger,
  journals: ReadonlyMap<string, readonly Recovered[]>,
): Damage {
  const total = { ...noDamage };
  for (const [key, events] of journals) {
    const damage = damageOfJournal(events, deleted.get(key) ?? neverDeleted);
    for (const name of Object.keys(total) as (keyof Damage)[]) total[name] += damage[name];
  }
  const { lost, moved } = missed({ acknowledged, deleted }, journals);
  const stored = new Set([...journals.values()].flat().map(({ operation }) => operation));
  const unrejected = rejected.filter((operation) => stored.has(operation)).length;
  return { ...total, lost, unrejected, reordered: total.reordered + moved };
}

/**
 * Acknowledged appends that are nowhere though nobody deleted them, or not where they were
 * acknowledged.
 */
function missed(
  { acknowledged, deleted }: Required<Pick<Ledger, 'acknowledged' | 'deleted'>>,
  journals: ReadonlyMap<string, readonly Recovered[]>,
): { readonly lost: number; readonly moved: number } {
  const numbers = new Map([...journals].map(([key, events]) => [key, numbersOf(events)]));
  let lost = 0;
  let moved = 0;
  for (const { key, seqNr, operation } of acknowledged) {
    const found = numbers.get(key)?.get(operation);
    if (found !== undefined && seqNr !== undefined && found !== seqNr) moved++;
    if (found === undefined && (seqNr ?? Infinity) > (deleted.get(key)?.asked ?? 0)) lost++;
  }
  return { lost, moved };
}

/** A delete that was asked for may have happened; one that was acknowledged has. */
function damageOfJournal(events: readonly Recovered[], deleted: Deleted): Damage {
  let reordered = 0;
  let missing = 0;
  let previous = Math.min((events[0]?.seqNr ?? 1) - 1, deleted.asked);
  for (const { seqNr } of events) {
    if (seqNr <= previous) reordered++;
    else missing += seqNr - previous - 1;
    previous = seqNr;
  }
  const duplicated = events.length - numbersOf(events).size;
  const undeleted = events.filter(({ seqNr }) => seqNr <= deleted.acknowledged).length;
  return { ...noDamage, duplicated, reordered, missing, undeleted };
}

function numbersOf(events: readonly Recovered[]): ReadonlyMap<string, number> {
  return new Map(events.map(({ operation, seqNr }) => [operation, seqNr]));
}

export function isDamaged(damage: Damage): boolean {
  return Object.values(damage).some((count) => count !== 0);
}

export function damageText(damage: Damage): string {
  return Object.entries(damage)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
}
