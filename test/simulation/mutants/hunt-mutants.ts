import { fileURLToPath } from 'node:url';
import { runInChild } from '../workers.ts';
import { type Mutant, mutants } from './mutant-list.ts';
import { mutantVariable } from './mutant-variable.ts';

export interface HuntedMutant {
  readonly name: string;
  readonly rule: string;
  /** Histories until one broke a rule; `undefined` = none did, so the crash points were tried. */
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

const hook = fileURLToPath(new URL('load-mutant.ts', import.meta.url));

/** Runs histories, then crash points, with each rule removed, until one shows that it is gone. */
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

async function huntMutant({ name, rule }: Mutant, { from, maxSeeds }: Hunt): Promise<HuntedMutant> {
  const task = { from, count: maxSeeds, maxViolations: 1, thenCrashPoints: true };
  const { violations } = await runInChild(task, ['--import', hook], { [mutantVariable]: name });
  const [first] = violations;
  const seeds = first === undefined || first.seed < 0 ? undefined : first.seed - from + 1;
  return { name, rule, seeds, text: first?.text };
}
