import { JournalError, type Stored } from '../../../src/model/errors.ts';
import { FakeGroup } from '../../support/fleet/fake-group.ts';
import { FakeNetwork } from '../../support/fleet/fake-network.ts';
import {
  type Command,
  FleetProcess,
  type FleetWorld,
  fleetSettings,
  topic,
} from '../../support/fleet/fleet-process.ts';
import { SharedLog } from '../../support/fleet/shared-log.ts';
import { VirtualTime } from '../../support/fleet/virtual-time.ts';

/** One command and what its caller heard. */
interface Asked {
  readonly what: string;
  readonly entity: string;
  readonly command: Command;
  /** How many events an answer had shown of the entity when this one was asked for. */
  readonly seenBefore: number;
  outcome: 'open' | 'answered' | Stored;
  error: unknown;
}

const entities = ['a', 'b', 'c', 'd', 'e', 'f'];
const partitions = 4;
const lengthMs = 12_000;
/** Nobody asks for longer, and nothing may take longer after that. */
const longestAskMs = 4_000;

/** What a schedule may do to the processes. */
export interface Disturbances {
  readonly freezes: boolean;
  readonly crashes: boolean;
  readonly losses: boolean;
  readonly lateViews: boolean;
}

/**
 * A random schedule of a few processes that share counters: members come, go, stand still and
 * crash, views come late, calls and heartbeats get lost. Throws when a rule is broken.
 */
export class FleetHistory {
  readonly trace: string[] = [];
  readonly asked: Asked[] = [];
  readonly #random: () => number;
  readonly #time = new VirtualTime();
  readonly #world: FleetWorld;
  readonly #disturbances: Disturbances;
  readonly #processes: FleetProcess[] = [];
  /** By entity: the most events that any answer has shown. */
  readonly #seen = new Map<string, number>();
  readonly #beganMs = this.#time.nowMs;
  #isOver = false;

  constructor(seed: number, disturbances: Disturbances) {
    this.#random = randomOf(seed);
    this.#disturbances = disturbances;
    const [time, random] = [this.#time, this.#random];
    const { sessionTimeoutMs, heartbeatIntervalMs } = fleetSettings;
    const longestDelayMs = disturbances.lateViews ? 1500 : 5;
    const topics = new Map([[topic, partitions]]);
    const timings = { sessionTimeoutMs, heartbeatIntervalMs, longestDelayMs };
    const group = new FakeGroup({ time, random, topics, ...timings });
    const network = new FakeNetwork(time, random);
    const log = new SharedLog(partitions, random);
    this.#world = { time, random, group, network, log };
    if (!disturbances.losses) return;
    network.rates = { request: 0.01, answer: 0.02, refused: 0.03 };
    log.unknownRate = 0.01;
    group.isHeartbeatLost = () => random() < 0.05;
  }

  async run(): Promise<void> {
    for (let i = 0; i < 2; i++) await this.#start();
    const endMs = this.#time.nowMs + lengthMs;
    while (this.#time.nowMs < endMs) {
      await this.#time.pass(Math.floor(this.#random() * 80));
      this.#world.group.look();
      await this.#act();
    }
    this.#isOver = true;
    for (const { clock } of this.#processes) clock.goOn();
    await this.#time.pass(longestAskMs + 1000);
    this.#check();
    await this.#end();
  }

  async #act(): Promise<void> {
    const { freezes, crashes } = this.#disturbances;
    const dice = this.#random();
    const living = this.#processes.filter(({ clock, ends }) => clock.isRunning && !ends);
    const one = this.#oneOf(living);
    if (dice < 0.9) this.#ask();
    else if (dice < 0.94) {
      if (freezes && one !== undefined) this.#freeze(one);
    } else if (dice < 0.96) {
      if (living.length < 4) await this.#start();
    } else if (living.length > 1 && one !== undefined) {
      if (dice < 0.98) this.#stop(one);
      else if (dice < 0.99 && crashes) this.#crash(one);
    }
  }

  #crash({ name, clock }: FleetProcess): void {
    this.#note(`${name} crashes`);
    clock.crash();
  }

  async #start(): Promise<void> {
    const name = `p${this.#processes.length}`;
    this.#note(`${name} starts`);
    this.#processes.push(await FleetProcess.open(name, this.#world));
  }

  #stop(process: FleetProcess): void {
    this.#note(`${process.name} stops`);
    process.stop().then(
      () => this.#note(`${process.name} has stopped`),
      (error) => this.#note(`${process.name} did not stop: ${String(error)}`),
    );
  }

  #freeze(process: FleetProcess): void {
    const ms = Math.floor(this.#random() ** 2 * 6000);
    this.#note(`${process.name} stands still for ${ms} ms`);
    process.clock.freeze();
    this.#time.after(ms, () => {
      if (process.clock.hasCrashed || this.#isOver) return;
      this.#note(`${process.name} goes on`);
      process.clock.goOn();
      // Whoever asks first asks a process that has heard of nothing.
      for (const entity of entities) this.#askOf(process, entity, { type: 'look' });
    });
  }

  /** Also of processes that are stopping. */
  #ask(): void {
    const isStopped = this.#random() < 0.02;
    const process = this.#oneOf(
      this.#processes.filter(({ clock, hasEnded }) => clock.isRunning && hasEnded === isStopped),
    );
    const entity = this.#oneOf(entities);
    if (process === undefined || entity === undefined) return;
    const isAdd = this.#random() < 0.6;
    const name = `c${this.asked.length}`;
    this.#askOf(process, entity, isAdd ? { type: 'add', name } : { type: 'look' });
  }

  #askOf({ name, counters, clock }: FleetProcess, entity: string, command: Command): void {
    const timeout = 50 + Math.floor(this.#random() ** 2 * (longestAskMs - 50));
    const caller = new AbortController();
    if (this.#random() < 0.05) this.#time.after(this.#random() * 100, () => caller.abort('enough'));
    const added = command.type === 'add' ? ` ${command.name}` : '';
    const what = `${name}: ${command.type}${added} ${entity}`;
    const seenBefore = this.#seen.get(entity) ?? 0;
    const asked: Asked = { what, entity, command, seenBefore, outcome: 'open', error: undefined };
    this.asked.push(asked);
    counters.ask(entity, command, { timeout, signal: caller.signal }).then(
      (result) => {
        if (clock.hasCrashed) return;
        asked.outcome = 'answered';
        const count = result.reply as number;
        this.#note(`${what} → ${count}`);
        if (count < seenBefore) {
          asked.error = new Error(`${what} showed ${count} of ${seenBefore} events`);
        }
        this.#seen.set(entity, Math.max(count, this.#seen.get(entity) ?? 0));
      },
      (error: unknown) => {
        asked.outcome = error instanceof JournalError ? error.stored : 'unknown';
        asked.error = error;
        this.#note(`${what} ✗ ${asked.outcome} ${String(error)}`);
      },
    );
  }

  #check(): void {
    const { log } = this.#world;
    const stored = new Map<string, number>();
    for (const entity of entities) {
      for (const { payload } of log.events(entity)) {
        const { name } = payload as { readonly name: string };
        stored.set(name, (stored.get(name) ?? 0) + 1);
      }
    }
    for (const asked of this.asked) {
      const { what, outcome, error } = asked;
      if (outcome === 'open' && !this.#crashed(what)) throw new Error(`${what} never ended`);
      if (outcome === 'answered' && error !== undefined) throw error;
      checkStored(asked, stored);
    }
  }

  /** Everything can be ended, whatever happened to it. */
  async #end(): Promise<void> {
    const alive = this.#processes.filter(({ clock }) => !clock.hasCrashed);
    let open = alive.length;
    for (const process of alive) process.stop().then(() => open--, this.#failed);
    await this.#time.pass(10_000);
    if (open > 0) throw new Error(`${open} processes did not end`);
  }

  readonly #failed = (error: unknown): void =>
    this.#note(`a process did not end: ${String(error)}`);

  #crashed(what: string): boolean {
    return this.#processes.some(
      ({ name, clock }) => what.startsWith(`${name}:`) && clock.hasCrashed,
    );
  }

  #oneOf<T>(all: readonly T[]): T | undefined {
    return all[Math.floor(this.#random() * all.length)];
  }

  #note(text: string): void {
    this.trace.push(`${Math.floor(this.#time.nowMs - this.#beganMs)} ${text}`);
  }
}

function checkStored(asked: Asked, stored: ReadonlyMap<string, number>): void {
  const { what, command, outcome, error } = asked;
  if (command.type !== 'add') return;
  const times = stored.get(command.name) ?? 0;
  if (times > 1) throw new Error(`${what} was stored ${times} times`);
  if (outcome === 'answered' && times !== 1) throw new Error(`${what} is lost`);
  if (outcome === 'no' && times !== 0) throw new Error(`${what} is stored: ${String(error)}`);
}

/** mulberry32. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
