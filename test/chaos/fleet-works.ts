import type { Disturbance } from './fleet-disturbances.ts';
import { disturbanceOf } from './fleet-disturbances.ts';
import type { WorkReport } from './fleet-protocol.ts';

interface Report extends WorkReport {
  readonly instance: string;
}

/** What became of the attempts that were begun. */
export interface WorkCounts {
  readonly begun: number;
  /** Begun once more, by the reason. */
  readonly again: Readonly<Record<string, number>>;
  /** Begun once more while nothing had ended the first one. */
  readonly broken: readonly string[];
}

/** Collects beginnings and ends of invoked work. */
export class Works {
  readonly #reports = new Map<string, Report[]>();

  accept(instance: string, report: WorkReport): void {
    const reports = this.#reports.get(report.attempt) ?? [];
    reports.push({ ...report, instance });
    this.#reports.set(report.attempt, reports);
  }

  /**
   * Every beginning after the first one needs a reason: the one before it ended, or its instance
   * was disturbed.
   */
  judge(disturbances: readonly Disturbance[]): WorkCounts {
    const again: Record<string, number> = {};
    const broken: string[] = [];
    for (const [attempt, unsorted] of this.#reports) {
      const reports = unsorted.toSorted((a, b) => a.atMs - b.atMs);
      const begins = reports.filter(({ type }) => type === 'begun');
      for (const [index, next] of begins.slice(1).entries()) {
        const first = begins[index] as Report;
        const reason = reasonOf({ first, next }, reports, disturbances);
        if (reason !== undefined) again[reason] = (again[reason] ?? 0) + 1;
        else broken.push(brokenText(attempt, first, next));
      }
    }
    return { begun: this.#reports.size, again, broken };
  }
}

function reasonOf(
  { first, next }: { readonly first: Report; readonly next: Report },
  reports: readonly Report[],
  disturbances: readonly Disturbance[],
): string | undefined {
  const end = reports.find(
    ({ type, instance, atMs }) =>
      type !== 'begun' && instance === first.instance && atMs >= first.atMs && atMs <= next.atMs,
  );
  if (end?.type === 'aborted') return 'after an abort';
  if (end?.type === 'done') return 'done, but its end was not stored';
  const span = { fromMs: first.atMs, toMs: next.atMs };
  return disturbanceOf(disturbances, first.instance, span)?.what;
}

function brokenText(attempt: string, first: Report, next: Report): string {
  const ms = (next.atMs - first.atMs).toFixed(1);
  return `${attempt}: ${next.instance} began, ${ms} ms after ${first.instance}, which had not ended it`;
}
