import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { spawnGuarded } from './guarded-process.ts';
import { waitUntilFree } from './ports.ts';
import { endProcess, isAlive } from './process-end.ts';
import type { StackServer } from './stack.ts';
import { untilAnswers } from './until-answers.ts';

/** Long enough for a machine that does ten other things. */
const startTimeoutMs = 120_000;
const shownLogLines = 30;

export interface JavaServerPlan {
  readonly name: string;
  readonly address: string;
  /** Receives data and logs; `NAME.out` holds what the process prints. */
  readonly folder: string;
  /** Arguments of `java`. */
  readonly javaArguments: readonly string[];
  /** Every port it listens on. */
  readonly ports: readonly number[];
  /** Resolves once the server serves requests, rejects while it does not. */
  readonly probe: () => Promise<unknown>;
  readonly detached: boolean;
  readonly signal: AbortSignal | undefined;
}

/** A server as a Java process of ours. */
export class JavaServer implements StackServer {
  readonly address: string;
  readonly #plan: JavaServerPlan;
  #process: ChildProcess | undefined;

  constructor(plan: JavaServerPlan) {
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
    await endProcess(pid, signal);
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
    process.kill(pid, signal);
  }

  #isRunning(): boolean {
    return this.pid !== undefined && isAlive(this.pid);
  }

  #launch(): ChildProcess {
    const { folder, javaArguments, detached } = this.#plan;
    mkdirSync(folder, { recursive: true });
    const output = openSync(this.#outputFile(), 'a');
    try {
      return detached
        ? launchDetached(javaArguments, folder, output)
        : spawnGuarded(['java', ...javaArguments], { cwd: folder, stdout: output, stderr: output });
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

function launchDetached(args: readonly string[], cwd: string, output: number): ChildProcess {
  const child = spawn('java', args, { cwd, detached: true, stdio: ['ignore', output, output] });
  // A missing command is noticed by the caller, who sees that nothing runs.
  child.on('error', () => undefined);
  child.unref();
  return child;
}
