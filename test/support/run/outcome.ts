/** One thing that went wrong, as it is shown. */
export interface Failure {
  readonly title: string;
  readonly detail: string;
}

/** What came of one tool or one test level. */
export interface Outcome {
  readonly name: string;
  readonly passed: number;
  readonly skipped: number;
  /** Each counts as one failed test. */
  readonly failures: readonly Failure[];
  readonly durationMs: number;
  /** What is shown beside the counts: why it did not run, what the tests printed. */
  readonly notes: readonly string[];
}

export const Outcome = {
  failed(name: string, failure: Failure, durationMs = 0): Outcome {
    return { name, passed: 0, skipped: 0, failures: [failure], durationMs, notes: [] };
  },
};

/** The true sums over all outcomes, as the last line of the run says them. */
export function totalsLine(outcomes: readonly Outcome[]): string {
  const sum = (count: (outcome: Outcome) => number): number =>
    outcomes.reduce((total, outcome) => total + count(outcome), 0);
  const skipped = sum((outcome) => outcome.skipped);
  const passed = sum((outcome) => outcome.passed);
  const failed = sum((outcome) => outcome.failures.length);
  const line = `${passed} passed, ${failed} failed`;
  return skipped === 0 ? line : `${line}, ${skipped} skipped`;
}
