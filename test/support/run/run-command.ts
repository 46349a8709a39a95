import { once } from 'node:events';

import { spawnGuarded } from '../stack/guarded-process.ts';

/** Enough to find a problem, too little to fill the memory. */
const keptOutputChars = 200_000;
const killAfterMs = 5_000;

export interface CommandOptions {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Ends the command with SIGTERM, then SIGKILL. */
  readonly signal: AbortSignal;
  /** After this time the command is ended as if the signal had fired. */
  readonly limitMs: number;
}

export interface CommandResult {
  /** Exit code; `undefined` when a signal ended it. */
  readonly code: number | undefined;
  readonly timedOut: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end; it never outlives this process. */
export async function runCommand(
  command: readonly string[],
  { cwd, env, signal, limitMs }: CommandOptions,
): Promise<CommandResult> {
  const child = spawnGuarded(command, { cwd, env, stdout: 'pipe', stderr: 'pipe' });
  const stdout = collect(child.stdout);
  const stderr = collect(child.stderr);
  const limit = AbortSignal.timeout(limitMs);
  const stop = AbortSignal.any([signal, limit]);
  let killTimer: NodeJS.Timeout | undefined;
  const end = (): void => {
    child.kill('SIGTERM');
    killTimer = setTimeout(() => child.kill('SIGKILL'), killAfterMs);
  };
  stop.addEventListener('abort', end, { once: true });
  if (stop.aborted) end();
  const [code] = await once(child, 'close');
  stop.removeEventListener('abort', end);
  clearTimeout(killTimer);
  return {
    code: code ?? undefined,
    timedOut: limit.aborted && !signal.aborted,
    stdout: stdout(),
    stderr: stderr(),
  };
}

/** Keeps the last part of a stream. */
function collect(stream: NodeJS.ReadableStream | null): () => string {
  let text = '';
  stream?.setEncoding('utf8');
  stream?.on('data', (chunk: string) => {
    text = (text + chunk).slice(-keptOutputChars);
  });
  return () => text.trimEnd();
}
