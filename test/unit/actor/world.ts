import type { ActorRefFrom, AnyStateMachine } from 'xstate';
import { createActor, SimulatedClock } from 'xstate';
import type { Clock } from '../../../src/runtime/clock.ts';
import { clocksApartMs } from '../../support/clocks-apart.ts';
import { MemoryJournalPlugin } from '../../support/memory-journal-plugin.ts';
import { settle, type TestHostOptions, testHost } from './support.ts';

/** Where an entity lives: a process, which may crash, on a time that only a test moves. */
export class World implements Clock {
  readonly scheduler = new SimulatedClock();
  readonly journal: MemoryJournalPlugin;
  readonly #time: { ms: number };

  constructor(time = { ms: 1_700_000_000_000 }, journal?: MemoryJournalPlugin) {
    this.#time = time;
    this.journal = journal ?? new MemoryJournalPlugin({ nowMs: () => time.ms });
  }

  nowMs(): number {
    return this.#time.ms;
  }

  steadyMs(): number {
    return this.nowMs() - clocksApartMs;
  }

  /** Backoffs of the tests are 1 ms; nothing else may come to its end. */
  sleep(ms: number): Promise<void> {
    return ms <= 1 ? Promise.resolve() : new Promise(() => {});
  }

  async pass(ms: number): Promise<void> {
    this.#time.ms += ms;
    this.scheduler.increment(ms);
    await settle();
  }

  crash(): World {
    return new World(this.#time, this.journal);
  }

  start<M extends AnyStateMachine>(
    machine: M,
    input?: unknown,
    options?: object,
    deps?: Partial<Pick<TestHostOptions, 'journalCoding' | 'snapshotStore'>>,
  ) {
    const { host } = testHost({ journal: this.journal, clock: this, ...deps });
    const logic = host.persistent(machine, { persistenceId: 'e', ...options } as never);
    const actor = createActor(logic, { clock: this.scheduler, input } as never);
    actor.subscribe({ error: () => {} });
    actor.start();
    return {
      host,
      actor: actor as unknown as ActorRefFrom<M>,
      tell: (type: string, fields: object = {}) =>
        host.ask(actor as never, { type, ...fields } as never),
    };
  }
}
