import { fileURLToPath } from 'node:url';
import { environmentOf } from '../../support/mutants/edit.ts';
import { runInChild } from '../workers.ts';
import { type Mutant, mutants } from './mutant-list.ts';

export interface HuntedMutant {
  readonly name: string;
  readonly rule: string;
  /** Histories until one broke a rule; `undefined` = none did, or the crash points were enough. */
  readonly seeds: number | undefined;
  /** Which rule was broken; `undefined` = nothing shows that the rule is gone. */
  readonly text: string | undefined;
}

export interface Hunt {
  /** First seed. */
  readonly from: number;
  /** Histories that a mutant is given at most. */
  readonly maxSeeds: number;
  /** Mutants at once; default 1. */
  readonly workers?: number;
  readonly onHunted?: (mutant: HuntedMutant) => void;
}

/** Mutants that no random history shows, or only one in hundreds: their hunt begins with the crash points. */
const shownByCrashPoints: ReadonlySet<string> = new Set([
  'a gap before the first event does not restart',
  'a purge after the end passes for a journal that begins later',
  'a purge under way is not recognised',
  'a delete moves the offset first',
  'a purge without a row leaves rows',
]);

const hook = fileURLToPath(new URL('../../support/mutants/load-mutant.ts', import.meta.url));

/** Runs histories and crash points with each rule removed, until one shows that it is gone. */
export async function huntMutants(hunt: Hunt): Promise<readonly HuntedMutant[]> {
  const waiting = [...mutants];
  const hunted: HuntedMutant[] = [];
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const result = await huntMutant(next, hunt);
      hunted.push(result);
      hunt.onHunted?.(result);
    }
  };
  await Promise.all(Array.from({ length: hunt.workers ?? 1 }, worker));
  return hunted;
}

async function huntMutant(
  { name, rule, edits }: Mutant,
  { from, maxSeeds }: Hunt,
): Promise<HuntedMutant> {
  const crashPoints = shownByCrashPoints.has(name) ? 'before' : 'after';
  const task = { from, count: maxSeeds, maxViolations: 1, crashPoints } as const;
  const { violations } = await runInChild(task, ['--import', hook], environmentOf(edits));
  const [first] = violations;
  const seeds = first === undefined || first.seed < 0 ? undefined : first.seed - from + 1;
  return { name, rule, seeds, text: first?.text };
}
