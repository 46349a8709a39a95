import { readdirSync } from 'node:fs';
import { constants, platform, setPriority, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from './chaos-world.ts';
import { RestartableProcess } from './child-process.ts';
import type { Disturbance, Fault } from './fleet-disturbances.ts';
import { type Call, type FromInstance, monotonicMs, type ToInstance } from './fleet-protocol.ts';
import { stopLimitMs } from './replicator-process.ts';

const startLimitMs = 60_000;
/** What was to be sent to an instance is with it after this time. */
const drainMs = 20;

/** How instances are started. */
export interface FleetPlan {
  /** Of an instance until it takes commands, as `os.setPriority` has it. */
  readonly startPriority: number;
  /** Folder for what each instance logs; absent = nothing is kept. */
  readonly logs: string | undefined;
  readonly onMessage: (instance: FleetInstance, message: FromInstance) => void;
  /** What is under way through this instance may never be answered. */
  readonly onLost: (instance: FleetInstance) => void;
}

/** One life of one process of the service. */
export interface FleetInstance {
  readonly name: string;
  readonly process: RestartableProcess;
  /** Whether a load balancer sends to it. */
  isUsable: boolean;
}

/** The instances of the service, and what is done to them. */
export class Fleet {
  readonly disturbances: Disturbance[] = [];
  /** In the order of their start, without those that have ended. */
  readonly running: FleetInstance[] = [];
  starts = 0;
  stops = 0;
  readonly #plan: FleetPlan;

  constructor(plan: FleetPlan) {
    this.#plan = plan;
  }

  get usable(): readonly FleetInstance[] {
    return this.running.filter(({ isUsable }) => isUsable);
  }

  /** `file` is its configuration. Resolves when the new instance takes commands. */
  async start(file: string): Promise<FleetInstance> {
    const { logs, onMessage } = this.#plan;
    const name = `i${++this.starts}`;
    const log = logs === undefined ? [] : [join(logs, `${name}.log`)];
    let isReady = false;
    const process = new RestartableProcess({
      file: new URL('fleet-process.ts', import.meta.url),
      args: () => [file, name, ...log],
      onMessage: (message) => {
        const from = message as FromInstance;
        isReady ||= from.isReady === true;
        onMessage(instance, from);
      },
    });
    const instance: FleetInstance = { name, process, isUsable: false };
    this.running.push(instance);
    process.start();
    prioritise(process.pid, this.#plan.startPriority);
    const ready = (): boolean => {
      process.expectAlive();
      return isReady;
    };
    await until(`${name} is ready`, ready, startLimitMs);
    prioritise(process.pid, constants.priority.PRIORITY_NORMAL);
    instance.isUsable = true;
    return instance;
  }

  send({ process }: FleetInstance, calls: readonly Call[]): void {
    process.trySend({ calls } satisfies ToInstance as never);
  }

  /** In order, as at an update: the load balancer forgets it, then it ends. */
  async stop(instance: FleetInstance): Promise<void> {
    this.stops++;
    instance.isUsable = false;
    instance.process.expectAlive();
    await sleep(drainMs);
    await instance.process.stop(stopLimitMs, (child) => child.send('stop'));
    this.#remove(instance);
  }

  async kill(instance: FleetInstance): Promise<void> {
    this.#disturb('kill', instance);
    await instance.process.kill();
    this.#remove(instance);
  }

  /** SIGSTOP for so long. */
  async freeze(instance: FleetInstance, ms: number): Promise<void> {
    const end = this.#disturb('freeze', instance);
    instance.process.pause();
    await sleep(ms);
    instance.process.resume();
    end();
  }

  /** `cut` cuts something off, and answers how to undo it. */
  async cutOff(
    what: Fault,
    instance: FleetInstance,
    { ms, cut }: { readonly ms: number; readonly cut: () => () => void },
  ): Promise<void> {
    const end = this.#disturb(what, instance);
    const undo = cut();
    await sleep(ms);
    undo();
    end();
  }

  /** Ends what is left. */
  async stopAll(): Promise<void> {
    await Promise.all(
      [...this.running].map((instance) => {
        instance.process.resume();
        return this.stop(instance);
      }),
    );
  }

  #disturb(what: Fault, instance: FleetInstance): () => void {
    const disturbance: Disturbance = {
      what,
      instance: instance.name,
      fromMs: monotonicMs(),
      toMs: Number.POSITIVE_INFINITY,
    };
    this.disturbances.push(disturbance);
    instance.isUsable = false;
    this.#plan.onLost(instance);
    return () => {
      disturbance.toMs = monotonicMs();
      instance.isUsable = true;
    };
  }

  #remove(instance: FleetInstance): void {
    this.running.splice(this.running.indexOf(instance), 1);
  }
}

/** Each thread of Linux has a priority of its own; only root may raise one again. */
function prioritise(pid: number, priority: number): void {
  if (platform() !== 'linux' || userInfo().uid !== 0) return;
  for (const thread of readdirSync(`/proc/${pid}/task`)) setPriority(Number(thread), priority);
}
