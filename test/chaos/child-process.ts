import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';

/** A process of the run that can be killed and started again. */
export class RestartableProcess {
  readonly #start: () => ChildProcess;
  #child: ChildProcess | undefined;
  #ended: Promise<unknown> = Promise.resolve();

  constructor(file: URL, args: () => readonly string[], onMessage?: (message: unknown) => void) {
    this.#start = () => {
      const child = fork(file, [...args()], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
      if (onMessage !== undefined) child.on('message', onMessage);
      return child;
    };
  }

  start(): void {
    this.#child = this.#start();
    this.#ended = once(this.#child, 'exit');
  }

  /** SIGKILL, then a new process. @throws when the process had ended by itself */
  async restart(): Promise<void> {
    const ended = this.#child?.exitCode;
    if (ended !== null) throw new Error(`the process had ended by itself, exit code ${ended}`);
    this.#child?.kill('SIGKILL');
    await this.#ended;
    this.start();
  }

  /** Tells the process to end by itself; SIGKILL when it does not within `limitMs`. */
  async stop(tell: (child: ChildProcess) => void, limitMs: number): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null) return;
    const force = setTimeout(() => child.kill('SIGKILL'), limitMs);
    tell(child);
    await this.#ended;
    clearTimeout(force);
  }
}
