import type { Disturbance } from './fleet-disturbances.ts';
import { disturbanceOf } from './fleet-disturbances.ts';
import { instanceOf } from './fleet-protocol.ts';

/** The time in which a key was asked all the time and did not answer. */
export interface Gap {
  readonly key: string;
  /** Which life answered before it, and after. */
  readonly before: string;
  readonly after: string;
  /** When the first call was sent that was not answered; when an answer came. */
  readonly fromMs: number;
  readonly toMs: number;
}

/** How bad it may get. */
export interface FleetLimits {
  /** Commands that fail although nothing but planned changes has happened to any instance. */
  readonly failures: number;
  /** Longest stall, ms: of keys that stay where they are. */
  readonly keptMs: number;
  /** Of keys that move from an instance that lives. */
  readonly movedMs: number;
  /** Of keys whose instance was killed, froze or was cut off from Kafka. */
  readonly lostMs: number;
  /** Of keys whose instance is reached by nobody, after the others reach it again. */
  readonly unreachedMs: number;
}

/** Stalls of one kind. */
interface StallClass {
  count: number;
  longestMs: number;
  over: string[];
}

/** How long answers usually take, and how long keys stalled, by the kind of the stall. */
export interface StallReport {
  readonly usualMs: number;
  readonly classes: Readonly<Record<string, StallClass>>;
}

/** Of what length a gap of a key that stays where it is counts as a stall. */
const countedMs = 50;

/** A stall is the length of a gap without what an answer usually takes. */
export function judgeStalls(
  gaps: readonly Gap[],
  disturbances: readonly Disturbance[],
  limits: FleetLimits,
): StallReport {
  const lengths = gaps.map(lengthOf).sort((a, b) => a - b);
  const usualMs = lengths[Math.floor(lengths.length / 2)] ?? 0;
  const classes: Record<string, StallClass> = {};
  for (const gap of gaps) {
    const { name, limitMs } = classOf(gap, disturbances, limits);
    const stallMs = Math.max(0, lengthOf(gap) - usualMs);
    const stalls = classes[name] ?? { count: 0, longestMs: 0, over: [] };
    classes[name] = stalls;
    if (name !== kept || stallMs > countedMs) stalls.count++;
    stalls.longestMs = Math.max(stalls.longestMs, stallMs);
    if (stallMs <= limitMs) continue;
    const [ms, limit] = [Math.round(stallMs), Math.round(limitMs)];
    stalls.over.push(
      `${gap.key} stalled ${ms} ms (limit ${limit}): ${name}, ${gap.before} to ${gap.after}`,
    );
  }
  return { usualMs, classes };
}

const kept = 'kept';

function classOf(
  { before, after, fromMs, toMs }: Gap,
  disturbances: readonly Disturbance[],
  limits: FleetLimits,
): { readonly name: string; readonly limitMs: number } {
  const by = disturbanceOf(disturbances, instanceOf(before), { fromMs, toMs });
  if (by?.what === 'cut off from its peers') {
    const lengthMs = by.toMs - by.fromMs;
    return { name: `after: ${by.what}`, limitMs: lengthMs + limits.unreachedMs };
  }
  if (by !== undefined) return { name: `after: ${by.what}`, limitMs: limits.lostMs };
  if (instanceOf(before) !== instanceOf(after)) return { name: 'moved', limitMs: limits.movedMs };
  return { name: kept, limitMs: limits.keptMs };
}

function lengthOf({ fromMs, toMs }: Gap): number {
  return toMs - fromMs;
}
