import { Random } from './core/random.ts';

/** What an application does next with a journal that it holds. */
export type HolderOperation =
  /** `isAwaited: false`: it holds the journal anew while the append is under way. */
  | {
      readonly type: 'append';
      readonly count: number;
      readonly expires: boolean;
      readonly isAwaited: boolean;
    }
  | { readonly type: 'delete'; readonly share: number }
  | { readonly type: 'purge' }
  /** Asks for the last number again. */
  | { readonly type: 'pointer' }
  /** A read by somebody else, at the same time. */
  | { readonly type: 'read'; readonly delay: number }
  /** Writes the journal in the same process without its tenure, and goes on with what is held. */
  | { readonly type: 'past'; readonly what: 'append' | 'purge' }
  | { readonly type: 'release' }
  | { readonly type: 'sleep'; readonly ms: number }
  | { readonly type: 'pause'; readonly steps: number };

/** One journal in the hands of one process. */
interface HolderWork {
  readonly id: string;
  readonly operations: readonly HolderOperation[];
}

export interface HolderPlan {
  readonly scope: string;
  readonly work: readonly HolderWork[];
}

/** Processes that hold the journals which they write, without routing. */
export interface HoldersPlan {
  readonly processes: readonly HolderPlan[];
  readonly holdingTimeMs: number;
  /** How long it may take to know whether a write counts. */
  readonly limitMs: number;
  /** Most steps by which what a process sent lands after the process gave it up. */
  readonly maxLate: number;
  /** Some replicators move R, and keep no opening marks. */
  readonly isMixed: boolean;
}

interface PlannedJournal {
  readonly id: string;
  readonly partition: number;
}

/** One history in this many has holders. */
export const holdersEvery = 5;

/** The first of these histories. */
export const firstWithHolders = 2;

/** In every fifth history; drawn apart from all else, which is the same with it and without. */
export function holdersOf(
  seed: number,
  journals: readonly PlannedJournal[],
  { maxStepMs, sleepsMs }: { readonly maxStepMs: number; readonly sleepsMs: readonly number[] },
): HoldersPlan | undefined {
  if (seed % holdersEvery !== firstWithHolders) return undefined;
  const random = new Random(seed ^ 0x6a09e667);
  // Services that share a topic have scopes of their own, and never a journal in common.
  const scopes = journals.length > 1 && random.chance(0.3) ? ['', 'other'] : [''];
  const most = random.int(2, 5);
  const processes = Array.from({ length: random.int(2, 3) }, (_, index) => {
    const scope = scopes[index % scopes.length] as string;
    const own = journals.filter((_it, place) => scopes[place % scopes.length] === scope);
    const some = own.filter((_it, place) => place === 0 || random.chance(0.7));
    const work = some.map(({ id }) => {
      return { id, operations: operationsOf(random, random.int(1, most), sleepsMs) };
    });
    return { scope, work };
  });
  return {
    processes,
    holdingTimeMs: Math.max(400, maxStepMs * random.pick([5, 20, 60])),
    limitMs: Math.max(200, maxStepMs * random.pick([10, 100, 100])),
    maxLate: random.pick([0, 20, 80]),
    isMixed: random.chance(0.07),
  };
}

function operationsOf(
  random: Random,
  count: number,
  sleepsMs: readonly number[],
): HolderOperation[] {
  return Array.from({ length: count }, () => operationOf(random, sleepsMs)).flatMap((operation) =>
    random.chance(0.15) ? [operation, { type: 'read', delay: random.int(0, 12) }] : [operation],
  );
}

function operationOf(random: Random, sleepsMs: readonly number[]): HolderOperation {
  const dice = random.int(1, 100);
  if (dice <= 60) {
    const expires = random.chance(0.15);
    return { type: 'append', count: random.int(1, 2), expires, isAwaited: random.chance(0.92) };
  }
  if (dice <= 70) return { type: 'delete', share: random.next() * 1.2 };
  if (dice <= 77) return { type: 'purge' };
  if (dice <= 81) return { type: 'pointer' };
  if (dice <= 84) return { type: 'past', what: random.pick(['append', 'purge']) };
  if (dice <= 88) return { type: 'release' };
  if (dice <= 93) return { type: 'sleep', ms: random.pick(sleepsMs) };
  return { type: 'pause', steps: random.int(1, 30) };
}
