import { partitionOf } from '../../src/codec/java-hash.ts';
import type { HeadCacheSettings } from '../../src/journal/head-cache/head-cache.ts';
import type { JournalSettings } from '../../src/journal/journal-deps.ts';
import { Random } from './core/random.ts';
import type { FaultRates } from './core/scheduler.ts';
import { type HoldersPlan, holdersOf } from './holder-plan.ts';

/** What a writer does next; numbers are settled when it comes to it. */
export type Operation =
  | {
      readonly type: 'append';
      readonly count: number;
      readonly expires: boolean;
      /** Numbers left out before it. */
      readonly skip: number;
    }
  /** `isBlind`: written without a look at the last number, as nobody should. */
  | { readonly type: 'delete'; readonly share: number; readonly isBlind: boolean }
  | { readonly type: 'purge' }
  | { readonly type: 'mark' }
  | { readonly type: 'expire' }
  | { readonly type: 'read'; readonly delay: number }
  | { readonly type: 'pause'; readonly steps: number };

export interface JournalPlan {
  readonly id: string;
  readonly partition: number;
  readonly operations: readonly Operation[];
  /** Of a second writer of the same journal; usually none. */
  readonly rival: readonly Operation[];
  /** Of somebody who only deletes and purges, by what was there when he looked; usually none. */
  readonly keeper: readonly Operation[];
}

/** The topic gets more partitions, and keys move, while all writers and readers stand still. */
export interface Growth {
  readonly partitions: number;
  /** Part of each writer's operations that it does before. */
  readonly after: number;
}

/** Everything that is settled before a history begins. */
export interface Plan {
  readonly journals: readonly JournalPlan[];
  readonly partitions: number;
  /** The topic gets more partitions; `undefined` = it never does. */
  readonly growth: Growth | undefined;
  readonly segmentSize: number;
  /** Each replicator creates journals with another one. */
  readonly changesSegments: boolean;
  /** By how much the clock of every second replicator is ahead. */
  readonly skewMs: number;
  readonly pageSize: number;
  readonly owners: number;
  /** Most records of one poll of a replicator. */
  readonly pollSize: number;
  readonly keysInFlight: number;
  readonly rates: FaultRates;
  readonly dataIntegrity: JournalSettings['dataIntegrity'];
  /** `undefined` = reads do without. */
  readonly headCache: HeadCacheSettings | undefined;
  readonly readEnd: 'marker' | 'offset';
  /**
   * Reads beside a writer have a process of their own, and of each of its calls: much else happens
   * first. `undefined` = the writer's process reads.
   */
  readonly dawdling: number | undefined;
  /** Scopes of the processes that hold tenures, one after another; none = nobody holds one. */
  readonly scopes: readonly string[];
  /** Appends say what their entity waits for. */
  readonly saysWakes: boolean;
  /** Who writes the journals; `undefined` = writers that hold nothing. */
  readonly holders: HoldersPlan | undefined;
  /** Of each step: something happens to a process. */
  readonly turbulence: number;
  /** At most so many of these happenings. */
  readonly happenings: number;
}

const ids = ['a', 'Ab', 'key-3'];

export function planOf(seed: number): { readonly plan: Plan; readonly random: Random } {
  const random = new Random(seed);
  const keys = random.pick([1, 1, 1, 2, 3]);
  const partitions = keys === 1 ? 1 : random.int(1, 2);
  const withRival = random.chance(0.15);
  const journals = ids.slice(0, keys).map((id, index) => ({
    id,
    partition: partitionOf(Buffer.from(id, 'utf8'), partitions),
    operations: [
      ...operationsOf(random, random.int(3, keys === 1 ? random.pick([6, 12]) : 5)),
      ...(index === 0 ? lifeBesideReads(seed) : []),
    ],
    rival: withRival && index === 0 ? operationsOf(random, random.int(1, 4)) : rivalOf(seed, index),
    keeper: index === 0 ? keeperOf(seed) : [],
  }));
  const isTurbulent = random.chance(0.7);
  const plan = {
    journals,
    partitions,
    growth: undefined,
    segmentSize: random.int(2, 4),
    pageSize: random.pick([2, 3, 5, 100]),
    owners: random.int(1, 2),
    pollSize: random.pick([1, 2, 4, 8, 30]),
    keysInFlight: random.int(1, 3),
    rates: ratesOf(random, stallOf(seed)),
    dataIntegrity: {
      seqNrUniqueness: random.chance(0.7),
      correlateEventsWithMeta: random.chance(0.5),
      gaps: random.pick(['fail', 'warn'] as const),
    },
    headCache: random.chance(0.3) ? headCacheOf(random) : undefined,
    readEnd: random.pick(['marker', 'offset'] as const),
    dawdling: dawdlingOf(seed),
    scopes: scopesOf(seed),
    ...replicatorsOf(seed),
    turbulence: isTurbulent ? 0.02 : 0,
    happenings: isTurbulent ? random.int(1, 5) : 0,
  };
  // A head cache asks for R all the time.
  const sleepsMs = plan.headCache ? [100, 500] : [100, 2_000, 25_000, 90_000];
  const held = heldJournals(seed);
  const maxStepMs = Math.min(plan.rates.maxStepMs, 100);
  const holders = holdersOf(seed, held, { maxStepMs, sleepsMs });
  if (holders === undefined) return { plan: grownPlan(seed, { ...plan, holders }), random };
  return { plan: heldPlan(seed, { ...plan, journals: held }, holders), random };
}

/** In a few histories; drawn apart from all else, too. Wake-ups do not follow a key that moves. */
function grownPlan(seed: number, plan: Plan): Plan {
  const random = new Random(seed ^ 0x6a09e667);
  if (!random.chance(0.06)) return plan;
  const partitions = plan.partitions + random.int(1, 3);
  const growth = { partitions, after: random.next() };
  // Reads by end offset are refused from then on, mostly.
  const readEnd = random.chance(0.8) ? 'marker' : plan.readEnd;
  return { ...plan, growth, readEnd, saysWakes: false };
}

/** Drawn apart from all else, too. */
function replicatorsOf(seed: number): Pick<Plan, 'saysWakes' | 'changesSegments' | 'skewMs'> {
  const random = new Random(seed ^ 0x2f0b4c47);
  return {
    saysWakes: random.chance(0.2),
    changesSegments: random.chance(0.1),
    skewMs: random.chance(0.15) ? random.pick([1_000, 10_000]) : 0,
  };
}

/** More often than not several in one partition: one takes the tenure away from the others. */
function heldJournals(seed: number): JournalPlan[] {
  const random = new Random(seed ^ 0x1f83d9ab);
  const partitions = random.pick([1, 1, 2]);
  const rival: Operation[] = [];
  const keeper: Operation[] = [];
  return ids.slice(0, random.pick([1, 2, 2, 3])).map((id) => {
    const partition = partitionOf(Buffer.from(id, 'utf8'), partitions);
    return { id, partition, operations: [], rival, keeper };
  });
}

/** Holders write the journals; others do so rarely, and never know of tenures. */
function heldPlan(seed: number, plan: Omit<Plan, 'holders'>, holders: HoldersPlan): Plan {
  const random = new Random(seed ^ 0x510e527f);
  const pause = (): Operation => ({ type: 'pause', steps: random.int(0, 60) });
  const journals = plan.journals.map(({ id, partition }) => {
    // Expired journals are purged, and writers of old versions are about.
    const rival = random.chance(0.12) ? [pause(), ...operationsOf(random, random.int(1, 2))] : [];
    const expire: Operation = { type: 'expire' };
    const keeper = random.chance(0.15) ? [pause(), expire, pause(), expire] : [];
    return { id, partition, operations: [], rival, keeper };
  });
  return {
    ...plan,
    journals,
    partitions: 1 + Math.max(...journals.map(({ partition }) => partition)),
    holders,
    scopes: [],
    owners: holders.isMixed ? 2 : plan.owners,
    rates: {
      ...plan.rates,
      failure: random.pick([0, 0.02, 0.05, 0.1]),
      maxStepMs: Math.min(plan.rates.maxStepMs, 100),
      maxLate: holders.maxLate,
      slow: plan.rates.slow === 'C' ? 'H' : plan.rates.slow,
    },
    turbulence: random.chance(0.7) ? 0.02 : 0,
    happenings: random.int(2, 7),
  };
}

/** Small, so that its limits are met. */
function headCacheOf(random: Random): HeadCacheSettings {
  return {
    getTimeoutMs: random.pick([50, 1_000]),
    maxIds: random.int(1, 3),
    maxBytes: random.pick([0, 300, 100_000]),
    expiryMs: random.pick([500, 600_000]),
    removalIntervalMs: random.pick([20, 100]),
  };
}

/** Of every third history; drawn apart from all else, which is the same with it and without. */
function stallOf(seed: number): number {
  return seed % 3 === 0 ? new Random(~seed).pick([0.02, 0.05, 0.1]) : 0;
}

/** In every third history; drawn apart from all else, too. */
function scopesOf(seed: number): readonly string[] {
  const random = new Random(seed ^ 0x3c6ef372);
  if (!random.chance(0.34)) return [];
  return random.chance(0.7) ? [''] : ['', 'other'];
}

/** In every fourth history; drawn apart from all else, too. */
function dawdlingOf(seed: number): number | undefined {
  const random = new Random(seed ^ 0x5bd1e995);
  return random.chance(0.25) ? random.pick([0.3, 0.6, 0.9]) : undefined;
}

/**
 * What is written while a slow reader is between two of its calls: appends, and then a delete or
 * purge after the end of its read, which the replicator applies before the reader has seen the
 * journal's row.
 */
function lifeBesideReads(seed: number): Operation[] {
  if (dawdlingOf(seed) === undefined) return [];
  const random = new Random(seed ^ 0x27d4eb2f);
  const pause = (most: number): Operation => ({ type: 'pause', steps: random.int(0, most) });
  const append = (expires: boolean): Operation => {
    return { type: 'append', count: random.int(1, 2), expires, skip: 0 };
  };
  const appends = (most: number): Operation[] =>
    Array.from({ length: random.int(0, most) }, () => append(false));
  const read: Operation = { type: 'read', delay: 0 };
  return Array.from({ length: random.int(1, 3) }).flatMap(() => {
    const dice = random.int(1, 10);
    if (dice <= 2) return [append(true), pause(60), { type: 'expire' }, ...appends(1), read];
    const last: Operation =
      dice <= 7 ? { type: 'delete', share: random.next() * 1.3, isBlind: true } : { type: 'purge' };
    return [
      append(false),
      pause(60),
      append(false),
      read,
      pause(20),
      ...appends(2),
      last,
      pause(60),
      read,
      ...appends(2),
    ];
  });
}

/** In every fourth history; drawn apart from all else, too. */
function keeperOf(seed: number): Operation[] {
  const random = new Random(seed ^ 0x2545f491);
  if (!random.chance(0.25)) return [];
  return Array.from({ length: random.int(1, 5) }, () => {
    const dice = random.int(1, 10);
    if (dice <= 4) return { type: 'delete', share: random.next() * 1.6, isBlind: true };
    if (dice <= 7) return { type: 'purge' };
    return { type: 'pause', steps: random.int(1, 40) };
  });
}

/**
 * In some of the histories that have no other rival: one that writes and deletes without looking
 * again.
 */
function rivalOf(seed: number, index: number): Operation[] {
  const random = new Random(seed ^ 0x1b873593);
  if (index > 0 || !random.chance(0.15)) return [];
  return Array.from({ length: random.int(2, 4) }).flatMap(() => {
    const append = { type: 'append', count: random.int(1, 3), expires: false, skip: 0 } as const;
    const deletion = { type: 'delete', share: 0.8 + random.next(), isBlind: true } as const;
    return random.chance(0.6) ? [append, deletion] : [append];
  });
}

function ratesOf(random: Random, stall: number): FaultRates {
  return {
    stall,
    failure: random.chance(0.5) ? 0 : random.pick([0.01, 0.03, 0.1]),
    slowAnswer: random.pick([0, 0.1, 0.4]),
    maxStepMs: random.pick([2, 5, 20, 20, 50, 50, 100, 2_000]),
    slow: random.pick(['', 'C', 'R']),
  };
}

function operationsOf(random: Random, count: number): Operation[] {
  return Array.from({ length: count }, () => operationOf(random)).flatMap((operation) =>
    random.chance(0.3) ? [operation, { type: 'read', delay: random.int(0, 12) }] : [operation],
  );
}

function operationOf(random: Random): Operation {
  const dice = random.int(1, 100);
  if (dice <= 62) return appendOf(random);
  if (dice <= 80) {
    return { type: 'delete', share: random.next() * 1.3, isBlind: random.chance(0.15) };
  }
  if (dice <= 89) return { type: 'purge' };
  if (dice <= 94) return { type: 'mark' };
  return { type: 'expire' };
}

function appendOf(random: Random): Operation {
  const expires = random.chance(0.15);
  const skip = random.chance(0.04) ? random.int(1, 6) : 0;
  return { type: 'append', count: random.int(1, 4), expires, skip };
}
