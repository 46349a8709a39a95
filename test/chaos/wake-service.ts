import type { OpenJournals } from '../../src/compose/open-journals.ts';
import { until } from './chaos-world.ts';
import { RestartableProcess } from './child-process.ts';
import type { Armed, FromWaking, ToWaking, WakePlan } from './wake-protocol.ts';

const startLimitMs = 60_000;
const armLimitMs = 120_000;

/** A process of `wake-process.ts`; nobody asks its entities for anything but to wait. */
export class WakeService {
  readonly process: RestartableProcess;
  readonly #heard: FromWaking[] = [];

  private constructor(file: string, life: 'first' | 'later') {
    this.process = new RestartableProcess({
      file: new URL('wake-process.ts', import.meta.url),
      args: () => [file, life],
      onMessage: (message) => this.#heard.push(message as FromWaking),
    });
  }

  /** Resolves when its persistence is open and its type is known. */
  static async start(file: string, life: 'first' | 'later'): Promise<WakeService> {
    const service = new WakeService(file, life);
    service.process.start();
    await service.#hear('ready', startLimitMs);
    return service;
  }

  /** Resolves when all of it is stored. */
  async arm(plans: readonly WakePlan[]): Promise<void> {
    this.#heard.length = 0;
    this.process.trySend({ arm: plans } satisfies ToWaking as never);
    await this.#hear('armed', armLimitMs);
  }

  kill(): Promise<void> {
    return this.process.kill();
  }

  stop(): Promise<void> {
    return this.process.stop(20_000, (child) => child.send('stop'));
  }

  #hear(message: FromWaking, limitMs: number): Promise<void> {
    const isHeard = (): boolean => {
      this.process.expectAlive();
      return this.#heard.includes(message);
    };
    return until(`the process says ${message}`, isHeard, limitMs);
  }
}

/** What the journal of an entity says of its waiting. */
export interface Waited {
  readonly id: string;
  /** Numbers of the timers in the order in which they fired. */
  readonly fired: readonly number[];
  /** By timer: when it was due, and when it fired, ms since the epoch. */
  readonly times: readonly { readonly dueMs: number; readonly firedMs: number }[];
  /** How often its work ended. */
  readonly worked: number;
}

/**
 * What each of these entities waited for, by its journal. It is read without a tenure, so their
 * owners go on.
 */
export async function readWaited(
  journals: OpenJournals,
  ids: readonly string[],
): Promise<Waited[]> {
  const read = async (id: string): Promise<Waited> => {
    let armed: { readonly atMs: number; readonly delays: readonly number[] } | undefined;
    const fired: number[] = [];
    const times: { dueMs: number; firedMs: number }[] = [];
    let worked = 0;
    for await (const batch of journals.of(journals.keyOf(`sleeper-${id}`)).read()) {
      for (const { event, record } of batch) {
        const text = JSON.stringify(event.payload);
        const atMs = record.timestampMs;
        const timer = /xstate\.after\.delay(\d)/.exec(text)?.[1];
        if (text.includes('xstate.done.actor')) worked++;
        else if (timer !== undefined) {
          fired.push(Number(timer));
          const dueMs = (armed?.atMs ?? 0) + (armed?.delays[Number(timer)] ?? 0);
          times.push({ dueMs, firedMs: atMs });
        } else if (text.includes('"armed"')) armed = { atMs, delays: delaysIn(text) };
      }
    }
    return { id, fired, times, worked };
  };
  const found: Waited[] = [];
  for (let at = 0; at < ids.length; at += readsAtOnce)
    found.push(...(await Promise.all(ids.slice(at, at + readsAtOnce).map(read))));
  return found;
}

const readsAtOnce = 50;
/** Node's timers go by another clock than `Date`. */
const clockDriftMs = 5;

function delaysIn(text: string): readonly number[] {
  const list = /\\?"delays\\?":\[([\d,]*)\]/.exec(text)?.[1] ?? '';
  return list.split(',').filter(Boolean).map(Number);
}

/**
 * What is wrong with it; nothing = each timer fired once, in the order of their times, and the work
 * ended once.
 */
export function wrongIn(waited: Waited, { delays, hasWork }: Armed): readonly string[] {
  const wrong: string[] = [];
  const order = delays.map((ms, timer) => ({ ms, timer })).sort((a, b) => a.ms - b.ms);
  const expected = order.map(({ timer }) => timer).join();
  if (waited.fired.join() !== expected)
    wrong.push(`${waited.id} fired ${waited.fired.join()}, not ${expected}`);
  if (waited.worked !== Number(hasWork)) wrong.push(`${waited.id} worked ${waited.worked} times`);
  const early = waited.times.filter(({ dueMs, firedMs }) => firedMs < dueMs - clockDriftMs);
  if (early.length > 0) wrong.push(`${waited.id} fired ${early.length} timers too early`);
  return wrong;
}
