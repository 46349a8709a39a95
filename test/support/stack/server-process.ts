import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { spawnGuarded } from './guarded-process.ts';
import { waitUntilFree } from './ports.ts';
import { childrenOf, commandLine, endProcess, isAlive } from './process-end.ts';
import type { ServerUser } from './server-user.ts';
import type { StackServer } from './stack.ts';
import { untilAnswers } from './until-answers.ts';

/** Long enough for a machine that does ten other things. */
const startTimeoutMs = 120_000;
const shownLogLines = 30;

export interface ServerPlan {
  readonly name: string;
  readonly address: string;
  /** Receives data and logs; `NAME.out` holds what the process prints. */
  readonly folder: string;
  /** Program and arguments. */
  readonly command: readonly string[];
  /** Every port it listens on. */
  readonly ports: readonly number[];
  /** Resolves once the server serves requests, rejects while it does not. */
  readonly probe: () => Promise<unknown>;
  readonly detached: boolean;
  readonly signal: AbortSignal | undefined;
  /** User and group of the process; ours unless given. */
  readonly owner?: ServerUser | undefined;
  /** What stops it in order; SIGTERM unless given. */
  readonly stopSignal?: NodeJS.Signals;
  /**
   * Command lines of the processes that it starts for its work, which are paused and end with it.
   */
  readonly workers?: RegExp;
}

/** A server as a process of ours. */
export class ServerProcess implements StackServer {
  readonly address: string;
  readonly #plan: ServerPlan;
  #process: ChildProcess | undefined;

  constructor(plan: ServerPlan) {
    this.address = plan.address;
    this.#plan = plan;
  }

  /** Process id while it runs. */
  get pid(): number | undefined {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null)
      return undefined;
    return child.pid;
  }

  async start(): Promise<void> {
    const { name, ports, signal } = this.#plan;
    if (this.#isRunning()) throw new Error(`${name} is already running`);
    signal?.throwIfAborted();
    await waitUntilFree(ports);
    this.#process = this.#launch();
    try {
      await this.#untilReady();
    } catch (error) {
      await this.kill('SIGKILL');
      throw error;
    }
  }

  async kill(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const pid = this.pid;
    if (pid === undefined) return;
    const workers = this.#workers(pid);
    await endProcess(pid, signal === 'SIGTERM' ? (this.#plan.stopSignal ?? signal) : signal);
    // They end by themselves; a restart must not meet one that is slow.
    await Promise.all(workers.map((worker) => endProcess(worker, 'SIGKILL')));
    this.#process = undefined;
  }

  async pause(): Promise<void> {
    this.#send('SIGSTOP');
  }

  async resume(): Promise<void> {
    this.#send('SIGCONT');
  }

  #send(signal: NodeJS.Signals): void {
    const pid = this.pid;
    if (pid === undefined) throw new Error(`${this.#plan.name} is not running`);
    for (const each of [pid, ...this.#workers(pid)]) process.kill(each, signal);
  }

  #workers(pid: number): readonly number[] {
    const { workers } = this.#plan;
    return workers === undefined
      ? []
      : childrenOf(pid).filter((child) => workers.test(commandLine(child)));
  }

  #isRunning(): boolean {
    return this.pid !== undefined && isAlive(this.pid);
  }

  #launch(): ChildProcess {
    const { folder, command, detached, owner } = this.#plan;
    mkdirSync(folder, { recursive: true });
    const output = openSync(this.#outputFile(), 'a');
    try {
      return detached
        ? launchDetached(command, { ...owner, cwd: folder, stdio: ['ignore', output, output] })
        : spawnGuarded(command, { ...owner, cwd: folder, stdout: output, stderr: output });
    } finally {
      closeSync(output);
    }
  }

  async #untilReady(): Promise<void> {
    const { name, address, probe, signal } = this.#plan;
    const check = (): void => {
      if (!this.#isRunning()) throw new Error(`${name} ended`);
    };
    try {
      await untilAnswers(probe, {
        name: `${name} at ${address}`,
        timeoutMs: startTimeoutMs,
        signal,
        check,
      });
    } catch (error) {
      throw new Error(`${name} did not start\n${this.#lastOutput()}`, { cause: error });
    }
  }

  #outputFile(): string {
    return join(this.#plan.folder, `${this.#plan.name}.out`);
  }

  #lastOutput(): string {
    const lines = readFileSync(this.#outputFile(), 'utf8').trimEnd().split('\n');
    return [`${this.#outputFile()} ends:`, ...lines.slice(-shownLogLines)].join('\n');
  }
}

function launchDetached([program = '', ...args]: readonly string[], options: SpawnOptions) {
  const child = spawn(program, args, { ...options, detached: true });
  // A missing command is noticed by the caller, who sees that nothing runs.
  child.on('error', () => undefined);
  child.unref();
  return child;
}
