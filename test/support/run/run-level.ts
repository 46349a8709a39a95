import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { stackRoot } from '../stack/stack-folder.ts';
import type { Level } from './levels.ts';
import type { Failure, Outcome } from './outcome.ts';
import type { ResultLine } from './result-file-reporter.ts';
import { type CommandResult, runCommand } from './run-command.ts';

/** A level that takes longer hangs. */
const levelLimitMs = 660_000;
const shownOutputLines = 100;
const reporter = fileURLToPath(new URL('result-file-reporter.ts', import.meta.url));

export interface LevelRun {
  readonly root: string;
  readonly grep: string | undefined;
  /** Added to the environment of the tests: the addresses of the servers. */
  readonly env: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** Runs the files of one level in one mocha process. */
export async function runLevel(level: Level, run: LevelRun): Promise<Outcome> {
  const started = Date.now();
  const file = resultFile(level.name);
  try {
    const result = await runCommand(mochaCommand(level, { ...run, file }), {
      cwd: run.root,
      env: { ...process.env, ...run.env },
      signal: run.signal,
      limitMs: levelLimitMs,
    });
    return outcomeOf(level, {
      run,
      result,
      lines: readLines(file),
      durationMs: Date.now() - started,
    });
  } finally {
    rmSync(file, { force: true });
  }
}

/** The same with a process for each file: one that cannot even be loaded fails alone. */
export async function runLevelByFile(level: Level, run: LevelRun): Promise<Outcome> {
  const outcomes: Outcome[] = [];
  for (const file of level.files) {
    if (run.signal.aborted) break;
    const outcome = await runLevel({ ...level, files: [file] }, run);
    const failures = outcome.failures.map(({ title, detail }) => ({
      title: `${file}: ${title}`,
      detail,
    }));
    outcomes.push({ ...outcome, failures });
  }
  const sum = (count: (outcome: Outcome) => number): number =>
    outcomes.reduce((total, outcome) => total + count(outcome), 0);
  return {
    name: level.name,
    passed: sum(({ passed }) => passed),
    skipped: sum(({ skipped }) => skipped),
    failures: outcomes.flatMap(({ failures }) => failures),
    durationMs: sum(({ durationMs }) => durationMs),
    notes: outcomes.flatMap(({ notes }) => notes),
  };
}

function mochaCommand(
  { files, testTimeoutMs }: Level,
  { root, grep, file }: LevelRun & { readonly file: string },
): readonly string[] {
  return [
    process.execPath,
    join(root, 'node_modules', 'mocha', 'bin', 'mocha.js'),
    '--reporter',
    reporter,
    '--reporter-option',
    `file=${file}`,
    '--timeout',
    String(testTimeoutMs),
    ...(grep === undefined ? [] : ['--grep', grep]),
    ...files,
  ];
}

function resultFile(name: string): string {
  mkdirSync(stackRoot, { recursive: true });
  return join(stackRoot, `results-${process.pid}-${name}.jsonl`);
}

function readLines(file: string): readonly ResultLine[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as ResultLine);
}

interface Ended {
  readonly run: LevelRun;
  readonly result: CommandResult;
  readonly lines: readonly ResultLine[];
  readonly durationMs: number;
}

/** Exported for its test: what the lines of a result file and an exit code come to. */
export function outcomeOf(level: Pick<Level, 'name'>, ended: Ended): Outcome {
  const { result, lines, durationMs } = ended;
  const count = (type: ResultLine['type']): number =>
    lines.filter((line) => line.type === type).length;
  const failures = [...lines.flatMap(failureOf), ...wholeFailures(ended)];
  return {
    name: level.name,
    passed: count('passed'),
    skipped: count('pending'),
    failures,
    durationMs,
    notes: [...tail(result.stdout), ...(failures.length > 0 ? tail(result.stderr) : [])],
  };
}

function failureOf(line: ResultLine): readonly Failure[] {
  if (line.type === 'failed') return [{ title: line.title, detail: line.detail }];
  if (line.type !== 'stuck') return [];
  const detail = `still open: ${line.resources.join(', ')}`;
  return [{ title: 'the process did not end after its last test', detail }];
}

/** What went wrong with the process as a whole and is no single test's failure. */
function wholeFailures({ run, result, lines }: Ended): readonly Failure[] {
  const ended = lines.some((line) => line.type === 'end');
  const detail = [lastStarted(lines), ...tail(result.stderr)].join('\n');
  if (result.timedOut) {
    return [{ title: `the level did not end in ${levelLimitMs / 1_000} s`, detail }];
  }
  if (!ended) {
    const how = result.code === undefined ? 'a signal' : `exit code ${result.code}`;
    return [{ title: `mocha ended early, with ${how}`, detail }];
  }
  if (lines.length === 1 && run.grep === undefined) {
    return [{ title: 'the level has files but no tests', detail }];
  }
  const unexplained = result.code !== 0 && !lines.some((line) => isFailure(line));
  return unexplained ? [{ title: `mocha ended with exit code ${result.code}`, detail }] : [];
}

/** The test that was under way when a process hung or died. */
function lastStarted(lines: readonly ResultLine[]): string {
  const last = lines.findLast((line) => line.type === 'started');
  return last?.type === 'started' ? `last test: ${last.title}` : 'no test had started';
}

function isFailure({ type }: ResultLine): boolean {
  return type === 'failed' || type === 'stuck';
}

function tail(text: string): readonly string[] {
  return text === '' ? [] : text.split('\n').slice(-shownOutputLines);
}
