import { outsideMicrotasks } from './core/drain.ts';
import { type HistoryResult, runHistory } from './history.ts';
import { type Figures, noFigures } from './world.ts';

/** What some histories came to. */
export interface SeedsResult {
  readonly histories: number;
  readonly figures: Figures;
  /** Histories that broke a rule, in the order of their seeds. */
  readonly violations: readonly { readonly seed: number; readonly text: string }[];
  readonly durationMs: number;
}

export interface SeedRange {
  readonly from: number;
  readonly count: number;
  /** Ends after so many histories that broke a rule; default never. */
  readonly maxViolations?: number;
  /** Every `step`-th seed; default 1. */
  readonly step?: number;
  /** Told now and then what came to be so far. */
  readonly onProgress?: (soFar: SeedsResult) => void;
}

/** Histories between two turns of the event loop, which frees what is weakly held. */
const historiesInTurn = 20;
const progressEvery = 10_000;

/** Runs the histories of many seeds, one after the other. */
export async function runSeeds(range: SeedRange): Promise<SeedsResult> {
  const { from, count, step = 1, maxViolations = Number.POSITIVE_INFINITY } = range;
  const figures = noFigures();
  const violations: { seed: number; text: string }[] = [];
  const rejections = new UnhandledRejections();
  const started = performance.now();
  let histories = 0;
  const soFar = (): SeedsResult => {
    return { histories, figures, violations, durationMs: performance.now() - started };
  };
  try {
    while (histories < count && violations.length < maxViolations) {
      const turn = Math.min(historiesInTurn, count - histories);
      const first = from + histories * step;
      const missing = maxViolations - violations.length;
      const results = await outsideMicrotasks(() => runTurn({ first, step, turn, missing }));
      await rejections.settled();
      for (const result of results) collect(result, figures, violations);
      rejections.report(first, violations);
      histories += results.length;
      if (histories % progressEvery === 0) range.onProgress?.(soFar());
    }
  } finally {
    rejections.stop();
  }
  return soFar();
}

interface Turn {
  readonly first: number;
  readonly step: number;
  readonly turn: number;
  /** Histories that broke a rule, after which the turn ends early. */
  readonly missing: number;
}

function runTurn({ first, step, turn, missing }: Turn): readonly HistoryResult[] {
  const results: HistoryResult[] = [];
  let broken = 0;
  for (let index = 0; index < turn && broken < missing; index++) {
    const result = runHistory(first + index * step, { trace: false });
    results.push(result);
    if (result.violations.length > 0) broken++;
  }
  return results;
}

function collect(
  { seed, figures, violations }: HistoryResult,
  total: Figures,
  broken: { seed: number; text: string }[],
): void {
  addFigures(total, figures);
  const [text] = violations;
  if (text !== undefined) broken.push({ seed, text });
}

/** Adds the second to the first. */
export function addFigures(total: Figures, { errors, ...counts }: Figures): void {
  for (const [name, count] of Object.entries(counts)) {
    total[name as keyof typeof counts] += count;
  }
  for (const [name, count] of Object.entries(errors)) {
    total.errors[name] = (total.errors[name] ?? 0) + count;
  }
}

/** A promise that nobody looks at must not fail: that would end a real process. */
class UnhandledRejections {
  readonly #reasons: unknown[] = [];
  readonly #listener = (reason: unknown): void => void this.#reasons.push(reason);

  constructor() {
    process.on('unhandledRejection', this.#listener);
  }

  settled(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }

  report(seed: number, violations: { seed: number; text: string }[]): void {
    for (const reason of this.#reasons.splice(0)) {
      const text = `an unhandled rejection, in this or one of the next seeds: ${String(reason)}`;
      violations.push({ seed, text });
    }
  }

  stop(): void {
    process.off('unhandledRejection', this.#listener);
  }
}
