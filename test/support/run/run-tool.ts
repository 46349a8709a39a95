import { Outcome } from './outcome.ts';
import { runCommand } from './run-command.ts';
import type { Tool } from './tools.ts';

const toolLimitMs = 180_000;

/** Runs the commands of one check; the first that fails is the check's failure. */
export async function runTool(
  { name, commands }: Tool,
  { root, signal }: { readonly root: string; readonly signal: AbortSignal },
): Promise<Outcome> {
  const started = Date.now();
  for (const command of commands) {
    // Compilers written in Go collect garbage all the time; with more of it they do half the work.
    const env = { GOGC: '400', ...process.env, FORCE_COLOR: '0', NO_COLOR: '1' };
    const result = await runCommand(command, { cwd: root, env, signal, limitMs: toolLimitMs });
    if (result.code === 0) continue;
    const how = result.timedOut ? `did not end in ${toolLimitMs / 1_000} s` : 'found problems';
    const detail = [result.stdout, result.stderr].filter((text) => text !== '').join('\n');
    return Outcome.failed(name, { title: `${name} ${how}`, detail }, Date.now() - started);
  }
  return {
    name,
    passed: 1,
    skipped: 0,
    failures: [],
    durationMs: Date.now() - started,
    notes: [],
  };
}
