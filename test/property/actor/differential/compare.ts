import { isDeepStrictEqual } from 'node:util';
import { isStorable } from './commands.ts';
import type { Differences } from './differences.ts';
import { Shelf } from './journal-of-process.ts';
import { PersistentWorld } from './persistent-world.ts';
import { PlainWorld } from './plain-world.ts';
import type { HistoryPlan, StepPlan } from './plan.ts';
import type { Answer, World } from './world.ts';

export interface Difference {
  readonly run: 'without restarts' | 'with restarts';
  /** -1 = before the first step. */
  readonly step: number;
  readonly what: string;
  readonly plain: unknown;
  readonly persistent: unknown;
  readonly journal: readonly string[];
}

/** The first difference between plain xstate and the persistent actor, in either run. */
export async function findDifference(
  plan: HistoryPlan,
  differences: Differences,
): Promise<Difference | undefined> {
  return (
    (await compareRun(plan, differences, false)) ??
    (plan.steps.some(({ type }) => type === 'restart')
      ? await compareRun(plan, differences, true)
      : undefined)
  );
}

async function compareRun(
  plan: HistoryPlan,
  differences: Differences,
  restarts: boolean,
): Promise<Difference | undefined> {
  const shelf = new Shelf();
  const run = restarts ? 'with restarts' : 'without restarts';
  const found = (step: number, difference: Found): Difference => {
    return { run, step, ...difference, journal: shelf.payloads };
  };
  let persistent: PersistentWorld | undefined;
  let at = -1;
  try {
    const plain = await PlainWorld.open(plan, differences, restarts);
    persistent = await PersistentWorld.open(plan, shelf, restarts);
    const first = differenceAtStart(plain, persistent);
    if (first !== undefined) return found(at, first);
    if (plain.view().status === 'error') return undefined;
    for (const step of plan.steps) {
      at++;
      plain.lastStoredMs = shelf.lastStoredMs;
      const difference = await compareStep(step, plain, persistent);
      if (difference !== undefined) return found(at, difference);
      if (plain.view().status === 'error') break;
    }
    return undefined;
  } catch (error) {
    return found(at, { what: 'an error', plain: 'none', persistent: causesOf(error) });
  } finally {
    await persistent?.close();
  }
}

function differenceAtStart(plain: World, persistent: World): Found | undefined {
  const [before, after] = [plain.view().status, persistent.view().status];
  // The first state of a persistent actor is tried before anything is done, a plain one's is not.
  if (before === 'error' && after === 'error') return undefined;
  return differenceOf(plain, persistent);
}

async function compareStep(
  step: StepPlan,
  plain: World,
  persistent: World,
): Promise<Found | undefined> {
  const expected = await plain.perform(step);
  const answers = await persistent.perform(step);
  return differenceOfAnswers(step, expected, answers) ?? differenceOf(plain, persistent);
}

interface Found {
  readonly what: string;
  readonly plain: unknown;
  readonly persistent: unknown;
}

function differenceOfAnswers(
  step: StepPlan,
  plain: readonly Answer[],
  persistent: readonly Answer[],
): Found | undefined {
  const commands = step.type === 'burst' ? step.commands : [];
  const isStored = (i: number): boolean => {
    const command = step.type === 'command' ? step.command : commands[i];
    return command === undefined || isStorable(command);
  };
  // What cannot be stored is refused before or after it is looked for a transition, or after the
  // end.
  const isSame = plain.every((answer, i) => {
    const other = persistent[i];
    return answer === other || (!isStored(i) && (other === 'unhandled' || other === 'ended'));
  });
  return isSame ? undefined : { what: 'answers', plain, persistent };
}

function differenceOf(plain: World, persistent: World): Found | undefined {
  const seen = { plain: plain.takeSeen(), persistent: persistent.takeSeen() };
  if (plain.view().status === 'error') {
    // Row `children-of-a-failed-actor-stop`.
    const isOwn = (text: string): boolean => /^note|^emits/.test(text);
    seen.plain = seen.plain.filter(isOwn);
    seen.persistent = seen.persistent.filter(isOwn);
  }
  seen.plain = inLanes(seen.plain);
  seen.persistent = inLanes(seen.persistent);
  if (!isDeepStrictEqual(seen.plain, seen.persistent)) return { what: 'what was done', ...seen };
  const expected: Readonly<Record<string, unknown>> = { ...plain.view() };
  const actual: Readonly<Record<string, unknown>> = { ...persistent.view() };
  for (const what of Object.keys(expected)) {
    // A child that has no name any more (row `unnamed-child-is-gone`) goes on in both.
    if (what === 'works' && expected.status === 'error') continue;
    if (isDeepStrictEqual(expected[what], actual[what])) continue;
    return { what, plain: expected[what], persistent: actual[what] };
  }
  return undefined;
}

/**
 * The entity's own doings are compared in order, and so is what each child hears. The order between
 * them is not compared, since it depends on which actor is busy. Nor is the order in which children
 * are stopped.
 */
function inLanes(seen: readonly string[]): readonly string[] {
  const isHeard = (text: string): boolean => text.includes(' hears ');
  const isEnd = (text: string): boolean => text.endsWith(' is put away');
  const own = seen.filter((text) => !isHeard(text) && !isEnd(text));
  const heard = seen.filter(isHeard).toSorted((a, b) => siteOf(a).localeCompare(siteOf(b)));
  return [...own, ...heard, ...seen.filter(isEnd).toSorted()];
}

function siteOf(text: string): string {
  return text.slice(0, text.indexOf(' '));
}

function causesOf(error: unknown): string {
  const texts: string[] = [];
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    texts.push(texts.length === 0 ? (cause.stack ?? cause.message) : cause.message);
  }
  return texts.join(' ← ');
}
