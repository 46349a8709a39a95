import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ChaosWorld, until } from './chaos-world.ts';
import { RestartableProcess } from './child-process.ts';
import type { Acknowledged, Deleted, Ledger } from './ledger.ts';
import { stopLimitMs } from './replicator-process.ts';

/** What the process under load tells. */
export type LoadMessage =
  | ({ readonly type: 'appended' } & Acknowledged)
  | { readonly type: 'deleting' | 'deleted'; readonly key: string; readonly to: number }
  | { readonly type: 'recovered'; readonly key: string }
  /** A call failed in a way that allows to try again. */
  | { readonly type: 'failed' }
  /** A recovery was wrong, or a call failed in a way that nothing explains. */
  | { readonly type: 'broken'; readonly text: string };

const keys = 40;
const progressLimitMs = 60_000;

/**
 * Journals of a process of its own that are appended to, deleted from and recovered without rest.
 */
export class JournalLoad implements Ledger {
  readonly acknowledged: Acknowledged[] = [];
  readonly deleted = new Map<string, Deleted>();
  /** What no fault explains; has to stay empty. */
  readonly broken: string[] = [];
  recoveries = 0;
  failures = 0;
  readonly #process: RestartableProcess;

  constructor({ file }: ChaosWorld) {
    this.#process = new RestartableProcess({
      file: new URL('load-process.ts', import.meta.url),
      args: () => [file, randomUUID().slice(0, 8), String(keys)],
      onMessage: (messages) => {
        for (const message of messages as readonly LoadMessage[]) this.#accept(message);
      },
    });
  }

  /** Keys that anything was acknowledged of. */
  get keys(): readonly string[] {
    return [...new Set(this.acknowledged.map(({ key }) => key))];
  }

  /** Starts, and resolves when every key has been appended to. */
  async start(): Promise<void> {
    const before = this.acknowledged.length;
    this.#process.start();
    await this.progress(before + keys);
  }

  /** Waits for acknowledgements up to so many. */
  progress(count: number): Promise<void> {
    const what = `${count} appends are acknowledged`;
    const isSo = (): boolean => {
      this.#process.expectAlive();
      return this.acknowledged.length >= count;
    };
    return until(what, isSo, progressLimitMs);
  }

  /** Everything that was acknowledged is in the ledger when this resolves. */
  async stop(): Promise<void> {
    await this.#process.stop(stopLimitMs, (child) => child.send('stop'));
  }

  async runFor(ms: number): Promise<void> {
    await this.start();
    await sleep(ms);
    await this.stop();
  }

  #accept(message: LoadMessage): void {
    switch (message.type) {
      case 'appended':
        this.acknowledged.push(message);
        break;
      case 'deleting':
        this.#delete(message.key, { asked: message.to });
        break;
      case 'deleted':
        this.#delete(message.key, { acknowledged: message.to });
        break;
      case 'recovered':
        this.recoveries++;
        break;
      case 'failed':
        this.failures++;
        break;
      case 'broken':
        this.broken.push(message.text);
    }
  }

  #delete(key: string, change: Partial<Deleted>): void {
    const before = this.deleted.get(key) ?? { asked: 0, acknowledged: 0 };
    this.deleted.set(key, { ...before, ...change });
  }
}
