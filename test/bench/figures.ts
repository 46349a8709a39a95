/** One measured figure, against the raw client, or against what it is to be compared with. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** That one's value in the same run and unit. */
  readonly baseline: number | undefined;
  /** `value / baseline`. */
  readonly ratio: number | undefined;
}

/** `of` is the value, then that which it is compared with. */
export function figure(
  name: string,
  unit: string,
  of: readonly [number, (number | undefined)?],
): Figure {
  const [value, baseline] = of;
  const ratio = baseline === undefined ? undefined : value / baseline;
  return { name, value, unit, baseline, ratio };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low = Number.NaN, high = low] =
    sorted.length % 2 === 1
      ? [sorted[middle], sorted[middle]]
      : [sorted[middle - 1], sorted[middle]];
  return (low + high) / 2;
}

/** The value below which so many of a hundred lie. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.ceil((sorted.length * percent) / 100) - 1] ?? Number.NaN;
}

/** Runs both in turn, A B A B …, so that a drift of the machine hits both. */
export async function alternate(
  rounds: number,
  a: () => Promise<number>,
  b: () => Promise<number>,
): Promise<{ readonly a: number; readonly b: number }> {
  return await inTurn(rounds, { a, b });
}

/** As `alternate`, with as many as there are. */
export async function inTurn<Name extends string>(
  rounds: number,
  runs: Readonly<Record<Name, () => Promise<number>>>,
): Promise<Readonly<Record<Name, number>>> {
  const all = (Object.keys(runs) as Name[]).map((name) => ({ name, values: [] as number[] }));
  for (let round = 0; round < rounds; round++) {
    for (const { name, values } of all) values.push(await runs[name]());
  }
  const medians = all.map(({ name, values }) => [name, median(values)] as const);
  return Object.fromEntries(medians) as Record<Name, number>;
}

/** Calls `run` `total` times with `inFlight` calls under way, and answers calls per second. */
export async function throughput(
  total: number,
  inFlight: number,
  run: (index: number) => Promise<unknown>,
): Promise<number> {
  let next = 0;
  const startMs = performance.now();
  const lane = async (): Promise<void> => {
    while (next < total) await run(next++);
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  return (total / (performance.now() - startMs)) * 1_000;
}

/**
 * CPU time of this thread, µs: where nothing is waited for, it is the time that passes, without
 * what others do on the machine meanwhile.
 */
export async function cpuUs(run: () => unknown): Promise<number> {
  const start = process.threadCpuUsage();
  await run();
  const { user, system } = process.threadCpuUsage(start);
  return user + system;
}

export async function elapsedMs(run: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await run();
  return performance.now() - startMs;
}

export function printFigure({ name, value, unit, baseline, ratio }: Figure, json: boolean): void {
  if (json) {
    console.log(JSON.stringify({ name, value, unit, baseline, ratio }));
    return;
  }
  const shown = (number: number): string =>
    number >= 100 ? Math.round(number).toLocaleString('en') : number.toFixed(2);
  const against =
    baseline === undefined || ratio === undefined
      ? ''
      : `   against ${shown(baseline)} ${unit}   ratio ${ratio.toFixed(2)}`;
  console.log(`${name.padEnd(34)} ${shown(value).padStart(12)} ${unit}${against}`);
}
