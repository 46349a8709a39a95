import { engineAnswers } from '../stack/container-engine.ts';
import { NoStackError } from '../stack/open-stack.ts';
import type { Level } from './levels.ts';
import { Outcome } from './outcome.ts';
import { runLevel } from './run-level.ts';
import { runTool } from './run-tool.ts';
import { openServers, type ServerNeed, type Servers } from './servers.ts';
import type { Tool } from './tools.ts';

export interface LanesOptions {
  readonly root: string;
  readonly tools: readonly Tool[];
  readonly levels: readonly Level[];
  readonly grep: string | undefined;
  readonly signal: AbortSignal;
  /** Where it is set, a level without its servers is a failure. */
  readonly isCi: boolean;
  readonly print: (line: string) => void;
  /** Called once for each tool and level, as they end. */
  readonly report: (outcome: Outcome) => void;
}

const serverNeeds: readonly ServerNeed[] = ['quick', 'secured', 'keep'];

/**
 * Two lanes side by side: what needs no servers, and what does. Within a lane one thing runs at a
 * time, so that a test meets at most one other process that works.
 */
export async function runLanes(options: LanesOptions): Promise<void> {
  await Promise.all([runStaticLane(options), runServerLane(options)]);
  await runContainers(options);
}

async function runStaticLane(options: LanesOptions): Promise<void> {
  const { tools, root, signal, report } = options;
  for (const level of withNeed(options, 'nothing')) {
    if (level.name !== 'examples') await runPlainLevel(level, options);
  }
  for (const tool of tools) {
    if (signal.aborted) return;
    const outcome = await runTool(tool, { root, signal });
    if (!signal.aborted) report(outcome);
  }
  // Last, because they use the package that the tools have built.
  for (const level of withNeed(options, 'nothing')) {
    if (level.name === 'examples') await runPlainLevel(level, options);
  }
}

async function runPlainLevel(level: Level, options: LanesOptions): Promise<void> {
  if (options.signal.aborted) return;
  const outcome = await runLevel(level, { ...options, env: {} });
  if (!options.signal.aborted) options.report(outcome);
}

async function runServerLane(options: LanesOptions): Promise<void> {
  for (const need of serverNeeds) await runNeed(options, need);
}

/** Starts the servers of a need, runs its levels one by one, and stops the servers. */
async function runNeed(options: LanesOptions, need: ServerNeed): Promise<void> {
  const levels = withNeed(options, need);
  if (levels.length === 0 || options.signal.aborted) return;
  const servers = await openOrReport(levels, { options, need });
  try {
    for (const level of levels) {
      if (servers !== undefined) await runOnServers(level, { options, servers });
    }
  } finally {
    await servers?.[Symbol.asyncDispose]();
  }
}

async function openOrReport(
  levels: readonly Level[],
  { options, need }: { readonly options: LanesOptions; readonly need: ServerNeed },
): Promise<Servers | undefined> {
  const started = Date.now();
  try {
    const servers = await openServers(need, { signal: options.signal, note: options.print });
    const seconds = ((Date.now() - started) / 1_000).toFixed(1);
    options.print(`servers: ${need}, from ${servers.stack.source}, ready after ${seconds} s`);
    return servers;
  } catch (error) {
    if (options.signal.aborted) return undefined;
    for (const { name } of levels) options.report(missing(name, { error, isCi: options.isCi }));
    return undefined;
  }
}

/** A machine without any source may skip, a CI may not; a source that broke is always a failure. */
function missing(
  name: string,
  { error, isCi }: { readonly error: unknown; readonly isCi: boolean },
): Outcome {
  const noSource = error instanceof NoStackError;
  const detail = chain(error);
  if (!noSource || isCi) {
    return Outcome.failed(name, { title: `${name} is missing its servers`, detail });
  }
  return {
    name,
    passed: 0,
    skipped: 1,
    failures: [],
    durationMs: 0,
    notes: [`missing: ${detail}`],
  };
}

async function runOnServers(
  level: Level,
  { options, servers }: { readonly options: LanesOptions; readonly servers: Servers },
): Promise<void> {
  if (options.signal.aborted) return;
  const { stack, env } = servers;
  const outcome = await runLevel(level, { ...options, env });
  // What an interruption breaks is no failure.
  if (options.signal.aborted) return;
  options.report(outcome);
  if (outcome.failures.length === 0 || stack.folder === undefined) return;
  stack.keepFolder();
  options.print(`    the servers' logs are kept in ${stack.folder}`);
}

/** Alone and last: containers take all the processor there is. */
async function runContainers(options: LanesOptions): Promise<void> {
  if (withNeed(options, 'engine').length === 0 || options.signal.aborted) return;
  if (await engineAnswers()) await runNeed(options, 'engine');
  else options.print('containers: no container engine');
}

function withNeed({ levels }: LanesOptions, need: Level['need']): readonly Level[] {
  return levels.filter((level) => level.need === need);
}

function chain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { message, cause } = error;
  return cause === undefined ? message : `${message}\ncaused by: ${chain(cause)}`;
}
