import { type ChildProcess, fork } from 'node:child_process';

/** A process of its own that takes calls, as `remote-child.ts` says; disposing kills it. */
export class ChildOwner implements Disposable {
  readonly address: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, address: string) {
    this.#child = child;
    this.address = address;
  }

  static async open(maxCallsInFlight: number): Promise<ChildOwner> {
    const child = fork(new URL('./remote-child.ts', import.meta.url), [String(maxCallsInFlight)], {
      execArgv: ['--disable-warning=ExperimentalWarning'],
    });
    const address = await new Promise((resolve, reject) => {
      child.once('message', resolve);
      child.once('exit', (code) => reject(new Error(`ended with exit code ${code}`)));
    });
    return new ChildOwner(child, String(address));
  }

  /** Resolves when the next call is held. */
  async holding(): Promise<void> {
    await new Promise((resolve) => this.#child.once('message', resolve));
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  [Symbol.dispose](): void {
    this.kill();
  }
}
