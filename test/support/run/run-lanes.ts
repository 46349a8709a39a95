import { engineAnswers } from '../stack/container-engine.ts';
import { errorChain } from '../stack/open-stack.ts';
import { type MissingServer, type Stack, serverNames, serverTitles } from '../stack/stack.ts';
import type { Level } from './levels.ts';
import { Outcome } from './outcome.ts';
import { runLevel, runLevelByFile } from './run-level.ts';
import { runTool } from './run-tool.ts';
import type { openServers, ServerNeed, Servers } from './servers.ts';
import { packageFile, packageVariable, type Tool } from './tools.ts';

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

/** Work that several lanes share: each piece is taken once, by the first that has time. */
class Work {
  readonly #waiting: (() => Promise<void>)[] = [];
  readonly #begun: Promise<void>[] = [];

  add(...pieces: readonly (() => Promise<void>)[]): void {
    this.#waiting.push(...pieces);
  }

  /** Takes one piece after the other until nothing is left. */
  async take(): Promise<void> {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      const piece = next();
      this.#begun.push(piece);
      await piece;
    }
  }

  /** Waits for the pieces that others took. */
  async done(): Promise<void> {
    await Promise.all(this.#begun);
  }
}

/** What the lanes share. */
interface SharedWork {
  /** Needs the servers of `quick`, whose tests get on with each other. */
  readonly quick: Work;
  /** Settles when `quick` has its work: its servers are open, or are not to be had. */
  readonly quickOpened: Promise<void>;
}

/**
 * Three lanes side by side: what needs no servers, what shares servers with others, and what needs
 * servers that are secured or may be killed. A lane that is done takes work of the others. The
 * third one, which is done first, helps the second: what needs servers waits more than it works,
 * and would leave the processor idle if it came last. Within a lane one thing runs at a time, so
 * that a test meets at most two other levels that work.
 */
export async function runLanes(options: LanesOptions): Promise<void> {
  const plain = new Work();
  const quick = new Work();
  const { promise: quickOpened, resolve: opened } = Promise.withResolvers<void>();
  const shared = { quick, quickOpened };
  // What is wrong with the types or the style is worth knowing first.
  plain.add(() => runTools(options));
  for (const level of withNeed(options, 'nothing')) {
    if (level.name !== 'examples') plain.add(() => runPlainLevel(level, options));
  }
  await Promise.all([
    plain.take().then(() => takeQuick(shared)),
    runQuick(options, { plain, quick, opened }).then(() => plain.take()),
    runNeed(options, 'secured')
      .then(() => runNeed(options, 'keep'))
      .then(() => takeQuick(shared))
      .then(() => plain.take()),
  ]);
  await runContainers(options);
}

async function takeQuick({ quick, quickOpened }: SharedWork): Promise<void> {
  await quickOpened;
  await quick.take();
}

async function runTools(options: LanesOptions): Promise<void> {
  const { tools, root, signal, report } = options;
  const env: Record<string, string> = {};
  for (const tool of tools) {
    if (signal.aborted) return;
    const outcome = await runTool(tool, { root, signal });
    if (!signal.aborted) report(outcome);
    const isPacked = tool.name === 'package' && outcome.failures.length === 0;
    if (isPacked) env[packageVariable] = packageFile(root);
  }
  // Last, because they use the package that the tools have built.
  for (const level of withNeed(options, 'nothing')) {
    if (level.name === 'examples') await runPlainLevel(level, options, env);
  }
}

async function runPlainLevel(
  level: Level,
  options: LanesOptions,
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  if (options.signal.aborted) return;
  const outcome = await runLevel(level, { ...options, env });
  if (!options.signal.aborted) options.report(outcome);
}

interface QuickLane {
  readonly plain: Work;
  readonly quick: Work;
  readonly opened: () => void;
}

/**
 * Shares the levels of `quick` with the lanes that have time; the servers are there until all are
 * done.
 */
async function runQuick(options: LanesOptions, { plain, quick, opened }: QuickLane): Promise<void> {
  try {
    await withServers(options, 'quick', async (levels, servers) => {
      quick.add(...levels.map((level) => () => runOnServers(level, { options, servers })));
      opened();
      await quick.take();
      await plain.take();
      await quick.done();
    });
  } finally {
    opened();
  }
}

/** Runs the levels of a need one by one. */
async function runNeed(options: LanesOptions, need: ServerNeed): Promise<void> {
  await withServers(options, need, async (levels, servers) => {
    for (const level of levels) await runOnServers(level, { options, servers });
  });
}

/** Starts the servers of a need, runs what is to be run on them, and stops them. */
async function withServers(
  options: LanesOptions,
  need: ServerNeed,
  run: (levels: readonly Level[], servers: Servers) => Promise<void>,
): Promise<void> {
  const levels = withNeed(options, need);
  if (levels.length === 0 || options.signal.aborted) return;
  const servers = await openOrReport(levels, { options, need });
  if (servers === undefined) return;
  try {
    for (const missing of servers.stack.missing) options.report(missingOutcome(missing, levels));
    await run(levels, servers);
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
