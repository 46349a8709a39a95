import { engineAnswers } from '../stack/container-engine.ts';
import { errorChain } from '../stack/open-stack.ts';
import { type MissingServer, type Stack, serverNames, serverTitles } from '../stack/stack.ts';
import type { Level } from './levels.ts';
import { Outcome } from './outcome.ts';
import { runLevel, runLevelByFile } from './run-level.ts';
import { runTool } from './run-tool.ts';
import type { openServers, ServerNeed, Servers } from './servers.ts';
import type { Tool } from './tools.ts';

export interface LanesOptions {
  readonly root: string;
  readonly tools: readonly Tool[];
  readonly levels: readonly Level[];
  readonly grep: string | undefined;
  readonly signal: AbortSignal;
  readonly openServers: typeof openServers;
  readonly print: (line: string) => void;
  /** Called once for each tool and level, as they end. */
  readonly report: (outcome: Outcome) => void;
}

/** What is left of the work that needs no servers. */
type PlainWork = IterableIterator<() => Promise<void>>;

/** Levels on servers wait more than they work: two lanes of them take less time than one. */
const serverLanes: readonly (readonly ServerNeed[])[] = [['quick'], ['secured', 'keep']];

/**
 * Three lanes side by side: what needs no servers, what shares servers with others, and what needs
 * servers that are secured or may be killed. A lane that is done takes work of the first. Within a
 * lane one thing runs at a time, so that a test meets at most two other processes that work.
 */
export async function runLanes(options: LanesOptions): Promise<void> {
  const levels = withNeed(options, 'nothing').filter(({ name }) => name !== 'examples');
  // One iterator for all lanes: each piece of work is taken once.
  const plain: PlainWork = [
    ...levels.map((level) => () => runPlainLevel(level, options)),
    () => runTools(options),
  ].values();
  const lanes = serverLanes.map((needs) => runServerLane(options, { needs, plain }));
  await Promise.all([runPlainWork(plain), ...lanes]);
  await runContainers(options);
}

async function runTools(options: LanesOptions): Promise<void> {
  const { tools, root, signal, report } = options;
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

async function runPlainWork(plain: PlainWork): Promise<void> {
  for (const work of plain) await work();
}

async function runPlainLevel(level: Level, options: LanesOptions): Promise<void> {
  if (options.signal.aborted) return;
  const outcome = await runLevel(level, { ...options, env: {} });
  if (!options.signal.aborted) options.report(outcome);
}

async function runServerLane(
  options: LanesOptions,
  { needs, plain }: { readonly needs: readonly ServerNeed[]; readonly plain: PlainWork },
): Promise<void> {
  for (const need of needs) await runNeed(options, need);
  await runPlainWork(plain);
}

/** Starts the servers of a need, runs its levels one by one, and stops the servers. */
async function runNeed(options: LanesOptions, need: ServerNeed): Promise<void> {
  const levels = withNeed(options, need);
  if (levels.length === 0 || options.signal.aborted) return;
  const servers = await openOrReport(levels, { options, need });
  if (servers === undefined) return;
  try {
    for (const missing of servers.stack.missing) options.report(missingOutcome(missing, levels));
    for (const level of levels) await runOnServers(level, { options, servers });
  } finally {
    await servers[Symbol.asyncDispose]();
  }
}

async function openOrReport(
  levels: readonly Level[],
  { options, need }: { readonly options: LanesOptions; readonly need: ServerNeed },
): Promise<Servers | undefined> {
  const started = Date.now();
  try {
    const { signal, print } = options;
    const servers = await options.openServers(need, { signal, note: print });
    const seconds = ((Date.now() - started) / 1_000).toFixed(1);
    print(`servers: ${need}, ${describeSources(servers.stack)}, ready after ${seconds} s`);
    return servers;
  } catch (error) {
    if (options.signal.aborted) return undefined;
    const failure = { title: 'the servers were not started', detail: errorChain(error) };
    for (const { name } of levels) options.report(Outcome.failed(name, failure));
    return undefined;
  }
}

function describeSources({ sources }: Stack): string {
  return serverNames.map((name) => `${name} from ${sources[name] ?? 'nowhere'}`).join(', ');
}

/** A green run without a server proves nothing: its absence is a failure, on every machine. */
function missingOutcome({ name, reason }: MissingServer, levels: readonly Level[]): Outcome {
  const without = levels.map((level) => level.name).join(', ');
  const title = `${serverTitles[name]} is missing; what needs it fails in ${without}`;
  return Outcome.failed('servers', { title, detail: reason });
}

async function runOnServers(
  level: Level,
  { options, servers }: { readonly options: LanesOptions; readonly servers: Servers },
): Promise<void> {
  if (options.signal.aborted) return;
  const { stack, env } = servers;
  // A file that needs what is missing may fail while it is loaded, and a whole level with it.
  const run = stack.missing.length > 0 ? runLevelByFile : runLevel;
  const outcome = await run(level, { ...options, env });
  // What an interruption breaks is no failure.
  if (options.signal.aborted) return;
  options.report(outcome);
  if (outcome.failures.length === 0 || stack.folders.length === 0) return;
  stack.keepFolders();
  options.print(`    the servers' logs are kept in ${stack.folders.join(', ')}`);
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
