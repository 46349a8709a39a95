import { type ChildProcess, fork, type Serializable } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface ProcessPlan {
  readonly file: URL;
  /** Asked at each start. */
  readonly args: () => readonly string[];
  readonly onMessage?: (message: unknown) => void;
  /** Further arguments of Node. */
  readonly execArgv?: readonly string[];
  /** Receives what the process prints; unless given, nobody does. */
  readonly onLine?: (line: string) => void;
}

/** Processes of this run that are alive: none outlives it. */
const alive = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

/**
 * An installed program is JavaScript: these processes strip TypeScript at their first start only.
 */
const compileCache = fileURLToPath(new URL('../../node_modules/.cache/node', import.meta.url));

/** A process of the run that can be killed, frozen and started again. */
export class RestartableProcess {
  readonly #plan: ProcessPlan;
  #child: ChildProcess | undefined;
  #ended: Promise<unknown> = Promise.resolve();

  constructor(plan: ProcessPlan) {
    this.#plan = plan;
  }

  /** Process id of the last start. */
  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error('the process was not started');
    return pid;
  }

  start(): void {
    const { file, args, execArgv = [], onMessage, onLine } = this.#plan;
    const stdout = onLine === undefined ? 'ignore' : 'pipe';
    const child = fork(file, [...args()], {
      execArgv: [...execArgv],
      env: { ...process.env, NODE_COMPILE_CACHE: compileCache },
      stdio: ['ignore', stdout, 'inherit', 'ipc'],
    });
    if (onMessage !== undefined) child.on('message', onMessage);
    if (onLine !== undefined && child.stdout !== null)
      createInterface({ input: child.stdout }).on('line', onLine);
    alive.add(child);
    this.#child = child;
    this.#ended = once(child, 'exit').then(() => alive.delete(child));
  }

  /** @throws when the process had ended by itself */
  send(message: string): void {
    this.expectAlive();
    this.#child?.send(message);
  }

  /** The same, unless it has just ended. */
  trySend(message: Serializable): void {
    if (this.#child?.connected === true) this.#child.send(message, () => {});
  }

  /**
   * SIGKILL, then a new process.
   *
   * @throws when the process had ended by itself
   */
  async restart(): Promise<void> {
    await this.kill();
    this.start();
  }

  /**
   * SIGKILL; resolves when it has ended.
   *
   * @throws when the process had ended by itself
   */
  async kill(): Promise<void> {
    this.expectAlive();
    this.#child?.kill('SIGKILL');
    await this.#ended;
  }

  /**
   * SIGSTOP: it keeps its sockets and does nothing.
   *
   * @throws when the process had ended by itself
   */
  pause(): void {
    this.expectAlive();
    this.#child?.kill('SIGSTOP');
  }

  /** SIGCONT. */
  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  /** SIGTERM unless told otherwise; SIGKILL when it does not end within `limitMs`. */
  async stop(
    limitMs: number,
    tell: (child: ChildProcess) => void = (child) => child.kill('SIGTERM'),
  ): Promise<void> {
    const child = this.#child;
    if (child === undefined || !alive.has(child)) return;
    const force = setTimeout(() => child.kill('SIGKILL'), limitMs);
    tell(child);
    await this.#ended;
    clearTimeout(force);
  }

  /** @throws when the process had ended by itself */
  expectAlive(): void {
    const { exitCode, signalCode } = this.#child ?? { exitCode: null, signalCode: null };
    const how = exitCode ?? signalCode;
    if (how !== null) throw new Error(`the process had ended by itself: ${how}`);
  }
}
