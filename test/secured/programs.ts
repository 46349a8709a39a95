import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type CommandResult, runCommand } from '../support/run/run-command.ts';
import { spawnGuarded } from '../support/stack/guarded-process.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const setupLimitMs = 30_000;
const lineLimitMs = 20_000;
const stopLimitMs = 15_000;
const pollMs = 20;
const errorLevel = 50;

/** `kafka-journal setup --config FILE`, as an operator runs it. */
export async function setup(file: string): Promise<CommandResult> {
  const signal = new AbortController().signal;
  const options = { cwd: root, env: process.env, signal, limitMs: setupLimitMs };
  return await runCommand(commandLine('setup', file), options);
}

/** One line of the replicator's log. */
export interface ReplicatorLine {
  /** pino's: 30 info, 40 warn, 50 error. */
  readonly level: number;
  readonly msg: string;
  readonly err?: { readonly code?: string; readonly message?: string };
}

/** `kafka-journal replicator --config FILE`, a process of its own. Disposing it stops it. */
export interface ReplicatorProcess extends AsyncDisposable {
  /**
   * The first line that fits, said already or to come.
   *
   * @throws when none came in time
   */
  line(fits: (line: ReplicatorLine) => boolean): Promise<ReplicatorLine>;
  /** Errors so far; a broker that has just started is worth warnings. */
  errors(): readonly ReplicatorLine[];
  /** Its exit code, when it has ended by itself. */
  readonly exited: Promise<number | null>;
  /** SIGTERM; answers the exit code. */
  stop(): Promise<number | null>;
}

export function startReplicatorProcess(file: string): ReplicatorProcess {
  const options = { cwd: root, env: process.env, stdout: 'pipe', stderr: 'inherit' } as const;
  const child = spawnGuarded(commandLine('replicator', file), options);
  const lines: ReplicatorLine[] = [];
  const { stdout } = child;
  if (stdout === null) throw new Error('the output of the replicator is not piped');
  createInterface({ input: stdout }).on('line', (line) => lines.push(JSON.parse(line)));
  const exited = once(child, 'close').then(([code]) => code as number | null);
  const stop = async (): Promise<number | null> => {
    const force = setTimeout(() => child.kill('SIGKILL'), stopLimitMs);
    child.kill('SIGTERM');
    try {
      return await exited;
    } finally {
      clearTimeout(force);
    }
  };
  return {
    exited,
    errors: () => lines.filter(({ level }) => level >= errorLevel),
    async line(fits) {
      const limit = Date.now() + lineLimitMs;
      for (;;) {
        const found = lines.find(fits);
        if (found !== undefined) return found;
        if (Date.now() > limit) throw new Error(`no such line in:\n${describe(lines)}`);
        await sleep(pollMs);
      }
    },
    stop,
    async [Symbol.asyncDispose]() {
      await stop();
    },
  };
}

function commandLine(command: string, file: string): readonly string[] {
  return [process.execPath, 'src/cli/main.ts', command, '--config', file];
}

function describe(lines: readonly ReplicatorLine[]): string {
  return lines.map((line) => JSON.stringify(line)).join('\n');
}
