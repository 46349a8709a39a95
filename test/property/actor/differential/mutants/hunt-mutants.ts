import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { environmentOf } from '../../../../support/mutants/edit.ts';
import { runInChild } from '../workers.ts';
import { type Mutant, mutants } from './mutant-list.ts';

export interface Hunted {
  readonly name: string;
  /** How the break showed itself; `undefined` = it did not. */
  readonly found: string | undefined;
}

export interface Hunt {
  readonly seed: number;
  /** Histories that a mutant is given at most. */
  readonly histories: number;
  readonly workers: number;
}

const root = new URL('../../../../../', import.meta.url);
const hook = fileURLToPath(new URL('../../../../support/mutants/load-mutant.ts', import.meta.url));

/**
 * The edits whose place the product no longer has exactly once. A file that was moved would not be
 * edited at all, and its mutants would survive unseen.
 */
export function lostPlaces(): readonly string[] {
  const edits = mutants.flatMap((mutant) => mutant.edits);
  return edits
    .filter(({ file, find }) => readFileSync(new URL(file, root), 'utf8').split(find).length !== 2)
    .map(({ file, find }) => `${file}: ${find}`);
}

/** Runs histories with each break of the actors, until one shows a difference. */
export async function huntMutants({ seed, histories, workers }: Hunt): Promise<readonly Hunted[]> {
  const waiting = [...mutants];
  const hunted: Hunted[] = [];
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      hunted.push(await huntMutant(next, { seed, histories }));
    }
  };
  await Promise.all(Array.from({ length: workers }, worker));
  return hunted;
}

async function huntMutant(
  { name, edits }: Mutant,
  { seed, histories }: Omit<Hunt, 'workers'>,
): Promise<Hunted> {
  const task = { seed, histories, shrink: false };
  const { failure, figures } = await runInChild(task, ['--import', hook], environmentOf(edits));
  if (failure === undefined) return { name, found: undefined };
  const what = failure.split('\n').find((line) => /^with(out)? restarts/.test(line));
  return { name, found: `history ${figures.histories}: ${what ?? failure.slice(0, 200)}` };
}
