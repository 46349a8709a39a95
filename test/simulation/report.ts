import type { CrashPointsResult } from './crash-points.ts';
import type { HuntedMutant } from './mutants/hunt-mutants.ts';
import type { SeedsResult } from './run-seeds.ts';

/** Violations that are printed. */
const maxShown = 20;

/** What many histories came to, in lines. */
export function describeSeeds({ histories, figures, violations, durationMs }: SeedsResult): string {
  const { errors, ...counts } = figures;
  const perSecond = Math.round((histories * 1_000) / durationMs);
  const shown = violations.slice(0, maxShown).map(({ seed, text }) => `  seed ${seed}: ${text}`);
  return [
    `${histories} histories, ${perSecond} a second, ${(durationMs / histories).toFixed(2)} ms each`,
    textOf({ ...counts }),
    `errors of calls: ${textOf(errors)}`,
    `violations ${violations.length}`,
    ...shown,
  ].join('\n');
}

function textOf(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
}

export function describeMutant({ name, rule, seeds, text }: HuntedMutant): string {
  if (text === undefined) return `${name} (${rule}): NOT FOUND`;
  const after = seeds === undefined ? '' : ` after ${seeds} seeds`;
  return `${name} (${rule}): found${after}: ${text}`;
}

export function describeCrashPoints(results: readonly CrashPointsResult[]): string {
  const lines = results.map(({ name, points, differences }) =>
    [`${name}: ${points} points, ${differences.length} differences`, ...differences].join('\n  '),
  );
  const points = results.reduce((sum, result) => sum + result.points, 0);
  const differences = results.reduce((sum, result) => sum + result.differences.length, 0);
  return [...lines, `${points} crash points, ${differences} differences`].join('\n');
}
