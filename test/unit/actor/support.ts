import { setTimeout as sleep } from 'node:timers/promises';
import type { ActorHost } from '../../../src/actor/actor-host.ts';
import { type ActorHostOptions, createActorHost } from '../../../src/actor/create-actor-host.ts';
import type { ActorSettings } from '../../../src/actor/entity/entity-options.ts';
import { silentLogger } from '../../../src/observability/logger.ts';
import { type Clock, systemClock } from '../../../src/runtime/clock.ts';
import { clocksApartMs } from '../../support/clocks-apart.ts';
import { MemoryJournalPlugin } from '../../support/memory-journal-plugin.ts';

export const testSettings: ActorSettings = {
  maxConcurrentRecoveries: 50,
  stashCapacity: 4096,
  stashOverflow: 'drop',
  logStashing: false,
  groupCommitMaxCommands: 64,
  commandIds: { maxCount: 100, maxAgeMs: 86_400_000 },
  deliveries: {
    redeliverIntervalMs: 5_000,
    redeliveryBurst: 10_000,
    warnAfterAttempts: 5,
    maxUnconfirmed: 100_000,
  },
  timers: 'deadline',
  initEvent: 'auto',
  unhandledReplayedEvent: 'fail',
  unhandledCommand: 'ignore',
  onRejected: 'stop',
  singleWriterGuard: true,
  replayYieldEvery: 1000,
  checkDeterminism: true,
  passivateAfterMs: 0,
  recoveryEventTimeoutMs: 30_000,
};

export interface TestHostOptions extends Partial<Omit<ActorHostOptions, 'settings' | 'journal'>> {
  readonly settings?: Partial<ActorSettings>;
  readonly journal?: MemoryJournalPlugin;
  readonly openJournal?: ActorHostOptions['journal'];
}

export interface TestHost {
  readonly host: ActorHost;
  readonly journal: MemoryJournalPlugin;
}

/** Nothing of a test may outlive it; a test that still holds back a write has given up on it. */
const opened: ActorHost[] = [];
const longestShutdownMs = 20;

afterEach(async () => {
  const shutdowns = opened.splice(0).map((host) => host.shutdown());
  await Promise.race([Promise.all(shutdowns), sleep(longestShutdownMs)]);
});

/**
 * A host over a journal in memory; another one over the same journal is "the process after a
 * crash".
 */
export function testHost(options: TestHostOptions = {}): TestHost {
  const { journal = new MemoryJournalPlugin(), settings, openJournal, ...rest } = options;
  let uuids = 0;
  const host = createActorHost({
    settings: { ...testSettings, ...settings },
    journal: openJournal ?? (async () => journal),
    log: silentLogger,
    clock: systemClock,
    randomUuid: () => `writer-${++uuids}`,
    random: () => 0,
    ...rest,
  });
  opened.push(host);
  return { host, journal };
}

/** Time that passes only when a test says so. */
export class ManualClock implements Clock {
  #ms = 1_700_000_000_000;
  #sleepers: { readonly atMs: number; readonly wake: () => void }[] = [];

  nowMs(): number {
    return this.#ms;
  }

  steadyMs(): number {
    return this.nowMs() - clocksApartMs;
  }

  sleep(ms: number): Promise<void> {
    return new Promise((wake) => {
      this.#sleepers.push({ atMs: this.#ms + ms, wake });
    });
  }

  /** One millisecond at a time, and all that is due in it runs. */
  async pass(ms: number): Promise<void> {
    for (const endMs = this.#ms + ms; this.#ms < endMs; ) {
      this.#ms++;
      const due = this.#sleepers.filter(({ atMs }) => atMs <= this.#ms);
      if (due.length === 0) continue;
      this.#sleepers = this.#sleepers.filter(({ atMs }) => atMs > this.#ms);
      for (const { wake } of due) wake();
      await settle();
    }
  }
}

/** Lets everything that is due run. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
}

export const longestWaitMs = 4_000;

/** Waits for a condition, within a bound. */
export async function eventually(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + longestWaitMs;
  while (!condition()) {
    if (Date.now() > deadline)
      throw new Error(`not within ${longestWaitMs} ms: ${String(condition)}`);
    await sleep(1);
  }
}

/** The error that a promise rejects with. */
export async function failureOf(promise: Promise<unknown>): Promise<Error & { code?: string }> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error('the promise was expected to reject');
}
