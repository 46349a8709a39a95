import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { stackRoot } from '../stack/stack-folder.ts';
import { findLevels, levelNames } from './levels.ts';
import { type Outcome, totalsLine } from './outcome.ts';
import { describeFailures, describeOutcome } from './report.ts';
import { runLanes } from './run-lanes.ts';
import { readSelection, type Selection } from './selection.ts';
import { openServers } from './servers.ts';
import { type Tool, tools } from './tools.ts';

const interruptedExitCode = 130;
const root = fileURLToPath(new URL('../../..', import.meta.url));

// What levels, their children and tools load is compiled, and rid of its types, once.
process.env['NODE_COMPILE_CACHE'] ??= join(stackRoot, 'compile-cache');

process.exitCode = await main(process.argv.slice(2));

/** Runs the chosen checks and levels; the last line it prints is the totals. */
async function main(args: readonly string[]): Promise<number> {
  const allTools = tools(root);
  const allLevels = findLevels(root);
  let selection: Selection;
  try {
    selection = readSelection(args, ['tools', ...allTools.map(({ name }) => name), ...levelNames]);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return 2;
  }
  const started = Date.now();
  const interrupted = interruption();
  const outcomes: Outcome[] = [];
  await runLanes({
    root,
    tools: allTools.filter((tool) => wantsTool(selection, tool)),
    levels: allLevels.filter((level) => selection.names?.has(level.name) ?? true),
    grep: selection.grep,
    signal: interrupted,
    openServers,
    print: console.log,
    report(outcome) {
      outcomes.push(outcome);
      console.log(describeOutcome(outcome));
    },
  });
  return conclude(outcomes, { started, interrupted, selection });
}

interface Ending {
  readonly started: number;
  readonly interrupted: AbortSignal;
  readonly selection: Selection;
}

function conclude(outcomes: readonly Outcome[], ending: Ending): number {
  const ran = outcomes.some(({ passed, failures }) => passed + failures.length > 0);
  const failed = outcomes.some(({ failures }) => failures.length > 0);
  console.log(`\n${((Date.now() - ending.started) / 1_000).toFixed(1)} s in all`);
  if (failed) console.log(describeFailures(outcomes));
  if (ending.interrupted.aborted) console.log('interrupted: not everything ran');
  if (!ran) console.log('nothing ran');
  console.log(totalsLine(outcomes));
  if (ending.interrupted.aborted) return interruptedExitCode;
  return failed || !ran ? 1 : 0;
}

function wantsTool({ names, grep }: Selection, { name }: Tool): boolean {
  if (grep !== undefined) return false;
  return names === undefined || names.has('tools') || names.has(name);
}

/** The first signal ends the run in order; the second ends it at once. Servers end either way. */
function interruption(): AbortSignal {
  const controller = new AbortController();
  const interrupt = (): void => {
    if (controller.signal.aborted) process.exit(interruptedExitCode);
    console.log('\ninterrupted: stopping the servers ...');
    controller.abort(new Error('interrupted'));
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  return controller.signal;
}
