import { appendFileSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { inspect } from 'node:util';

import type { Hook, MochaOptions, Runner, Test } from 'mocha';

/** A suite that leaves a socket or timer open keeps its process alive; it is told so. */
const exitTimeoutMs = 10_000;
const shownChars = 4_000;

/** One line of the result file. */
export type ResultLine =
  | { readonly type: 'started' | 'passed' | 'pending'; readonly title: string }
  | { readonly type: 'failed'; readonly title: string; readonly detail: string }
  | { readonly type: 'end' }
  | { readonly type: 'stuck'; readonly resources: readonly string[] };

/** A mocha reporter: prints nothing, adds each result to a file as soon as it is known. */
export default class ResultFileReporter {
  constructor(runner: Runner, options: MochaOptions) {
    const file = (options.reporterOptions as { file: string }).file;
    const write = (line: ResultLine): void => appendFileSync(file, `${JSON.stringify(line)}\n`);
    // The processes that tests start load much of what is loaded here, and would compile it again.
    runner.once('start', () => flushCompileCache());
    runner.on('test', (test) => write({ type: 'started', title: titleOf(test) }));
    runner.on('pass', (test) => write({ type: 'passed', title: titleOf(test) }));
    runner.on('pending', (test) => write({ type: 'pending', title: titleOf(test) }));
    runner.on('fail', (test, error) =>
      write({ type: 'failed', title: titleOf(test), detail: describe(error) }),
    );
    runner.once('end', () => {
      write({ type: 'end' });
      endWhenStuck(() => write({ type: 'stuck', resources: process.getActiveResourcesInfo() }));
    });
  }
}

/** The timer does not keep the process alive, so it fires only if something else does. */
function endWhenStuck(report: () => void): void {
  setTimeout(() => {
    report();
    process.exit(1);
  }, exitTimeoutMs).unref();
}

function titleOf(test: Test | Hook): string {
  return test.titlePath().join(' › ');
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const parts = [error.stack ?? error.message, ...comparison(error)];
  if (error.cause !== undefined) parts.push(`caused by: ${describe(error.cause)}`);
  return parts.join('\n');
}

function comparison(error: object): string[] {
  if (!('expected' in error && 'actual' in error)) return [];
  return [`expected: ${show(error.expected)}`, `actual:   ${show(error.actual)}`];
}

function show(value: unknown): string {
  const text = typeof value === 'string' ? value : inspect(value, { depth: 8 });
  return text.length > shownChars ? `${text.slice(0, shownChars)} ...` : text;
}
