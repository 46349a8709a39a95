import type { Outcome } from './outcome.ts';

const nameColumns = 12;
const countColumns = 24;
const shownDetailLines = 150;

/** One line for an outcome, its notes indented below, then each failure with what is known. */
export function describeOutcome(outcome: Outcome): string {
  const { name, failures, durationMs, notes } = outcome;
  const time = `${(durationMs / 1_000).toFixed(1)} s`.padStart(8);
  const head = `${name.padEnd(nameColumns)} ${counts(outcome).padEnd(countColumns)} ${time}`;
  const below = notes.map((note) => `    ${note}`);
  return [head.trimEnd(), ...below, ...failures.map(describeFailure)].join('\n');
}

function counts({ passed, skipped, failures }: Outcome): string {
  const parts = [`${passed} passed`];
  if (failures.length > 0) parts.push(`${failures.length} FAILED`);
  if (skipped > 0) parts.push(`${skipped} skipped`);
  return parts.join(', ');
}

function describeFailure({ title, detail }: Outcome['failures'][number]): string {
  const lines = detail.split('\n');
  const shown = lines.slice(0, shownDetailLines).map((line) => `      ${line}`);
  if (lines.length > shownDetailLines) shown.push(`      ... ${lines.length} lines in all`);
  return [`  ✗ ${title}`, ...(detail === '' ? [] : shown)].join('\n');
}

/** Names of what failed, for the end of a long run. */
export function describeFailures(outcomes: readonly Outcome[]): string {
  return outcomes
    .flatMap(({ name, failures }) => failures.map(({ title }) => `✗ ${name}: ${title}`))
    .join('\n');
}
