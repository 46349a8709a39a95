import { fork } from 'node:child_process';

/** A program that takes a task as JSON in its first argument, and sends one result as a message. */
export interface ChildRun {
  readonly file: string;
  readonly task: unknown;
  /** Further arguments of Node. */
  readonly execArgv: readonly string[];
  /** On top of the environment of this process. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Runs a task in a process of its own.
 *
 * @throws {Error} the process ended without a result; names its exit code, and the end of what it
 * wrote to standard error
 */
export function resultOfChild<R>({ file, task, execArgv, env }: ChildRun): Promise<R> {
  return new Promise((resolve, reject) => {
    const child = fork(file, [JSON.stringify(task)], {
      execArgv: [...execArgv],
      env: { ...process.env, ...env },
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
    });
    let stderr = '';
    let result: R | undefined;
    child.stderr?.on('data', (data: Buffer) => {
      stderr = `${stderr}${data.toString()}`.slice(-2_000);
    });
    child.on('message', (message) => {
      result = message as R;
    });
    child.on('error', reject);
    child.on('exit', (code) => {
      if (result !== undefined) resolve(result);
      else reject(new Error(`${file} ended with exit code ${code} and no result: ${stderr}`));
    });
  });
}
