import type { ChaosWorld } from './chaos-world.ts';
import type { JournalLoad } from './journal-load.ts';
import { type Damage, damageOf, damageText, isDamaged, type Ledger, noDamage } from './ledger.ts';
import { readJournals, tryJournals } from './recovered.ts';

/** What a scenario has seen. */
export interface ScenarioResult {
  /** Facts in the order in which they are worth reading. */
  readonly counts: Readonly<Record<string, number | string>>;
  /** Comparisons with what was acknowledged, by when. */
  readonly damages: Readonly<Record<string, Damage>>;
  /** What broke a rule, a line each; has to be empty. */
  readonly problems: readonly string[];
}

const shownProblems = 20;

export function printScenario(name: string, result: ScenarioResult): void {
  const { counts, damages, problems } = result;
  for (const [what, count] of Object.entries(counts)) console.log(`${name}: ${what} ${count}`);
  for (const [when, damage] of Object.entries(damages))
    console.log(`${name}: ${when}: ${damageText(damage)}`);
  console.log(`${name}: rules broken ${problems.length}`);
  for (const problem of problems.slice(0, shownProblems)) console.log(`${name}:   ${problem}`);
}

export function isFine({ damages, problems }: ScenarioResult): boolean {
  return problems.length === 0 && !Object.values(damages).some(isDamaged);
}

/** Compares all journals of a load with its ledger. */
export async function compare({ config }: ChaosWorld, load: JournalLoad): Promise<Damage> {
  return damageOf(load, await readJournals(config, load.keys));
}

/** What journals are found to be. */
export interface Found {
  readonly damage: Damage;
  readonly problems: readonly string[];
}

/** Recovers every journal, and compares it with what the clients were told. */
export async function compareAll(
  config: string,
  keys: readonly string[],
  ledger: Ledger,
): Promise<Found> {
  const outcomes = await tryJournals(config, keys);
  const problems = outcomes.flatMap((outcome, index) =>
    outcome === 'recovered' ? [] : [`${keys[index]} cannot be recovered: ${outcome}`],
  );
  if (problems.length > 0) return { damage: noDamage, problems };
  return { damage: damageOf(ledger, await readJournals(config, keys)), problems };
}

/** What every scenario under load prints of it. */
export function countsOf(load: JournalLoad): Readonly<Record<string, number>> {
  return {
    acknowledged: load.acknowledged.length,
    'recoveries under load': load.recoveries,
    'calls to be tried again': load.failures,
  };
}
