import { setTimeout as sleep } from 'node:timers/promises';
import { Answers } from './fleet-answers.ts';
import type { Disturbance } from './fleet-disturbances.ts';
import type { FleetInstance } from './fleet-instances.ts';
import type { Call, CallResult, FromInstance } from './fleet-protocol.ts';
import { monotonicMs } from './fleet-protocol.ts';
import type { Gap } from './fleet-stalls.ts';
import { Works } from './fleet-works.ts';
import type { Acknowledged, Ledger } from './ledger.ts';

/** How much is asked of how many entities. */
export interface FleetLoadOptions {
  readonly keys: readonly string[];
  /**
   * How many of the keys are asked all the time, one command at a time: their stalls are measured.
   */
  readonly probes: number;
  /** Commands a second, half of them to the probes. */
  readonly rate: number;
  readonly random: () => number;
}

/** What a load needs of the instances. */
export interface FleetTargets {
  readonly usable: readonly FleetInstance[];
  send(instance: FleetInstance, calls: readonly Call[]): void;
}

/** A call that was not answered well. */
export interface Failure {
  /** Code of the error, and whether the command is stored. */
  readonly name: string;
  /** That it was sent through. */
  readonly instance: string;
  readonly fromMs: number;
  readonly toMs: number;
}

interface Pending {
  readonly key: string;
  readonly operation: string | undefined;
  readonly instance: FleetInstance;
  readonly beganMs: number;
  readonly waiter: PromiseWithResolvers<string | undefined>;
}

/** Of all commands: those that store nothing, and those that begin work. */
const lookShare = 0.2;
const workShare = 0.1;
/** A probe gives up soon and asks through another instance, as an impatient client does. */
const probeTimeoutMs = 1_000;
const timeoutMs = 20_000;
const tickMs = 5;
/** Commands of so long are sent together. */
const flushEveryMs = 2;
const retryPauseMs = 5;
/** What was not sent for so long is not sent later. */
const longestBacklogMs = 200;

/** Commands to entities, each through an instance chosen by chance. */
export class FleetLoad implements Ledger {
  readonly acknowledged: Acknowledged[] = [];
  readonly rejected: string[] = [];
  readonly answers = new Answers();
  readonly works = new Works();
  readonly gaps: Gap[] = [];
  readonly failures: Failure[] = [];
  looks = 0;
  sent = 0;
  longestMs = 0;
  /** For so long this process did not run at all: no figure of time is better than that. */
  longestPauseMs = 0;
  readonly #options: FleetLoadOptions;
  readonly #targets: FleetTargets;
  readonly #pending = new Map<number, Pending>();
  readonly #busy = new Set<string>();
  readonly #outbox = new Map<FleetInstance, Call[]>();
  readonly #ending = new AbortController();
  #flushing: NodeJS.Timeout | undefined;
  #work: readonly Promise<void>[] = [];

  constructor(targets: FleetTargets, options: FleetLoadOptions) {
    this.#targets = targets;
    this.#options = options;
  }

  start(): void {
    const { keys, probes } = this.#options;
    this.#flushing = setInterval(() => this.#flush(), flushEveryMs);
    this.#work = [this.#tick(), ...keys.slice(0, probes).map((key) => this.#probe(key))];
  }

  /** Stalls and failures count from here. */
  forgetWarmUp(): void {
    this.gaps.length = 0;
    this.failures.length = 0;
  }

  /** Sends nothing more; what is under way is answered, or was lost with its instance. */
  async stop(): Promise<void> {
    this.#ending.abort();
    await Promise.all(this.#work);
    clearInterval(this.#flushing);
    this.#flush();
  }

  /** Calls of instances that still run and have not answered. */
  unanswered(lost: ReadonlySet<string>): readonly string[] {
    return [...this.#pending.values()]
      .filter(({ instance }) => !lost.has(instance.name))
      .map(
        ({ key, instance }) => `${key}: a command through ${instance.name} has no answer at all`,
      );
  }

  accept(instance: FleetInstance, { results, works }: FromInstance): void {
    for (const report of works) this.works.accept(instance.name, report);
    for (const result of results) this.#answered(result);
  }

  /**
   * Nobody waits for what is under way through this instance; answers that come late still count.
   */
  lose(lost: FleetInstance): void {
    for (const { instance, waiter } of this.#pending.values()) {
      if (instance === lost) waiter.resolve(undefined);
    }
  }

  #answered(result: CallResult): void {
    const pending = this.#pending.get(result.id);
    if (pending === undefined) return;
    this.#pending.delete(result.id);
    const { key, operation, beganMs, waiter } = pending;
    const receivedMs = monotonicMs();
    this.longestMs = Math.max(this.longestMs, receivedMs - beganMs);
    if ('life' in result) {
      const { seqNr, life } = result;
      this.answers.accept({ key, beganMs, receivedMs, seqNr, life });
      if (operation === undefined) this.looks++;
      else this.acknowledged.push({ key, seqNr, operation });
      waiter.resolve(life);
      return;
    }
    const { stored, code } = result;
    const name = `${code} (stored: ${stored})`;
    this.failures.push({
      name,
      instance: pending.instance.name,
      fromMs: beganMs,
      toMs: receivedMs,
    });
    if (operation !== undefined && stored === 'yes') this.acknowledged.push({ key, operation });
    if (operation !== undefined && stored === 'no') this.rejected.push(operation);
    waiter.resolve(undefined);
  }

  /** Half of the rate, to keys that have no command under way. */
  async #tick(): Promise<void> {
    const { keys, probes, rate, random } = this.#options;
    let dueMs = monotonicMs();
    while (!this.#ending.signal.aborted) {
      const nowMs = monotonicMs();
      dueMs = Math.max(dueMs, nowMs - longestBacklogMs);
      for (; dueMs < nowMs; dueMs += 2_000 / rate) {
        const key = keys[probes + Math.floor(random() * (keys.length - probes))] as string;
        const instance = this.#chosen();
        if (instance === undefined || this.#busy.has(key)) continue;
        this.#busy.add(key);
        const free = (): boolean => this.#busy.delete(key);
        this.#call(key, instance, timeoutMs).then(free, free);
      }
      await sleep(tickMs);
      this.longestPauseMs = Math.max(this.longestPauseMs, monotonicMs() - nowMs - tickMs);
    }
  }

  /** One command after another; the time without an answer is a gap. */
  async #probe(key: string): Promise<void> {
    const { probes, rate } = this.#options;
    const pauseMs = (probes * 2_000) / rate;
    let before: string | undefined;
    let fromMs = monotonicMs();
    while (!this.#ending.signal.aborted) {
      const instance = this.#chosen();
      const after = instance && (await this.#call(key, instance, probeTimeoutMs));
      if (after === undefined) {
        await sleep(retryPauseMs);
        continue;
      }
      if (before !== undefined) this.gaps.push({ key, before, after, fromMs, toMs: monotonicMs() });
      before = after;
      await sleep(pauseMs);
      fromMs = monotonicMs();
    }
  }

  #chosen(): FleetInstance | undefined {
    const { usable } = this.#targets;
    return usable[Math.floor(this.#options.random() * usable.length)];
  }

  /** Which life answered; `undefined` when none did. */
  #call(key: string, instance: FleetInstance, limitMs: number): Promise<string | undefined> {
    const { random } = this.#options;
    const id = this.sent++;
    const operation = random() < lookShare ? undefined : `o${id}`;
    const waiter = Promise.withResolvers<string | undefined>();
    this.#pending.set(id, { key, operation, instance, beganMs: monotonicMs(), waiter });
    const outbox = this.#outbox.get(instance) ?? [];
    this.#outbox.set(instance, outbox);
    outbox.push({
      id,
      key,
      ...(operation === undefined ? {} : { operation }),
      isWork: random() < workShare,
      timeoutMs: limitMs,
    });
    return waiter.promise;
  }

  #flush(): void {
    for (const [instance, calls] of this.#outbox) this.#targets.send(instance, calls);
    this.#outbox.clear();
  }
}

/** How long after the end of a fault commands may still fail by it, beside a session. */
const aftermathMs = 3_000;

interface FailureCount {
  readonly count: number;
  readonly text: string;
}

/**
 * Counts failures by their names; unexplained ones are those of calls that no fault of any instance
 * met.
 */
export function countFailures(
  failures: readonly Failure[],
  disturbances: readonly Disturbance[],
  sessionMs: number,
): { readonly all: FailureCount; readonly unexplained: FailureCount } {
  const faults = disturbances.map(({ what, fromMs, toMs }) => {
    const untilMs = (what === 'kill' ? fromMs : toMs) + sessionMs + aftermathMs;
    return { fromMs, toMs: untilMs };
  });
  const unexplained = failures.filter(
    ({ fromMs, toMs }) => !faults.some((fault) => fault.fromMs <= toMs && fault.toMs >= fromMs),
  );
  return { all: counted(failures), unexplained: counted(unexplained) };
}

function counted(failures: readonly Failure[]): FailureCount {
  const byName = Map.groupBy(failures, ({ name }) => name);
  const texts = [...byName].map(([name, those]) => `${name} ${those.length}`);
  return { count: failures.length, text: texts.length === 0 ? 'none' : texts.join(', ') };
}
