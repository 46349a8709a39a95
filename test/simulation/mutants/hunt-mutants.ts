import { fileURLToPath } from 'node:url';
import { environmentOf } from '../../support/mutants/edit.ts';
import { firstWithHolders, holdersEvery } from '../holder-plan.ts';
import { runInChild } from '../workers.ts';
import { holdingMutants } from './holding-mutants.ts';
import type { Mutant } from './mutant.ts';
import { mutants } from './mutant-list.ts';
import { shownBy } from './shown-by.ts';

export interface HuntedMutant {
  readonly name: string;
  readonly rule: string;
  /**
   * Histories until one broke a rule; `undefined` = none did, or what was tried first was enough.
   */
  readonly seeds: number | undefined;
  /** Which rule was broken; `undefined` = nothing shows that the rule is gone. */
  readonly text: string | undefined;
}

export interface Hunt {
  /** First seed. */
  readonly from: number;
  /** Histories that a mutant is given at most. */
  readonly maxSeeds: number;
  /** Part of the names of those that are hunted; default all. */
  readonly only?: string | undefined;
  /**
   * Tries first what showed a mutant the last time, so that most need one history; default false.
   */
  readonly knownFirst?: boolean;
  /** Mutants at once; default 1. */
  readonly workers?: number;
  readonly onHunted?: (mutant: HuntedMutant) => void;
}

const hook = fileURLToPath(new URL('../../support/mutants/load-mutant.ts', import.meta.url));

/** Runs histories and crash points with each rule removed, until one shows that it is gone. */
export async function huntMutants(hunt: Hunt): Promise<readonly HuntedMutant[]> {
  const waiting = [...holdingMutants, ...mutants].filter(({ name }) =>
    name.includes(hunt.only ?? ''),
  );
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

async function huntMutant(mutant: Mutant, hunt: Hunt): Promise<HuntedMutant> {
  const { name, rule, edits } = mutant;
  const { from, maxSeeds, knownFirst = false } = hunt;
  // Only histories with holders can show what the rules of holding are for.
  const isOfHolding = holdingMutants.includes(mutant);
  const step = isOfHolding ? holdersEvery : 1;
  const start = isOfHolding ? from - (from % holdersEvery) + firstWithHolders : from;
  const known = shownBy.get(name);
  const first = knownFirst || typeof known === 'object' ? known : undefined;
  const range = { from: start, count: maxSeeds, step, maxViolations: 1 } as const;
  const task = { ...range, first, crashPoints: true } as const;
  const { violations } = await runInChild(task, ['--import', hook], environmentOf(edits));
  const [found] = violations;
  const isFound = found !== undefined && found.seed >= 0 && found.seed !== first;
  const seeds = isFound ? (found.seed - start) / step + 1 : undefined;
  return { name, rule, seeds, text: found?.text };
}
