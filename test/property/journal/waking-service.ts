import { HeldTenure } from '../../../src/journal/holding/held-tenure.ts';
import { PartitionScout, type ScoutDeps } from '../../../src/journal/waking/partition-scout.ts';
import { PartitionWaker } from '../../../src/journal/waking/partition-waker.ts';
import type { ActionRecord } from '../../../src/model/action.ts';
import { ClosedError } from '../../../src/model/errors.ts';
import { Offset, Partition, Topic } from '../../../src/model/position.ts';
import { SeqNr } from '../../../src/model/seq-nr.ts';
import type { Wake, WakeUpEntry } from '../../../src/model/wake-up.ts';
import { silentLogger } from '../../../src/observability/logger.ts';
import { unlessAborted } from '../../../src/runtime/waiting.ts';
import { ManualClock, settle } from '../../unit/actor/support.ts';

const place = { topic: Topic.of('journal'), partition: Partition.of(0) };
const recoveryMs = 3;

/** What a process has in memory. */
interface Life {
  readonly dying: AbortController;
  /** Entities that are open; a call says that their timers have changed. */
  readonly live: Map<string, () => void>;
  isHeld: boolean;
}

/** What the journal of an entity says. */
interface Entity {
  readonly armed: number[];
  /** Deadline and time of each timer that has fired, in their order. */
  readonly fired: { readonly dueMs: number; readonly atMs: number }[];
}

/**
 * A service with one process at a time and one partition: entities whose timers the real waking
 * code has to bring about. Its store gets the log whenever the test says so.
 */
export class WakingService {
  readonly clock = new ManualClock();
  readonly entities = new Map<string, Entity>();
  /** When each process has started. */
  readonly startsMs: number[] = [];
  readonly #isFleet: boolean;
  readonly #log: ActionRecord[] = [];
  readonly #store = new Map<string, WakeUpEntry>();
  #end = 0;
  #replicated = 0;
  /** Of the process that lives; `undefined` = none does. */
  #life: Life | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(isFleet: boolean) {
    this.#isFleet = isFleet;
  }

  async start(): Promise<void> {
    if (this.#life !== undefined) return;
    const life: Life = {
      dying: new AbortController(),
      live: new Map<string, () => void>(),
      isHeld: false,
    };
    this.#life = life;
    this.startsMs.push(this.clock.nowMs());
    const deps = this.#deps(life);
    const waking = this.#isFleet
      ? new PartitionWaker(place, deps)
      : new PartitionScout(place, deps);
    this.#running = waking.run(life.dying.signal).catch(() => {});
    await settle();
  }

  /** All that is in memory is gone. */
  async crash(): Promise<void> {
    this.#life?.dying.abort(new ClosedError('crashed'));
    this.#life = undefined;
    await settle();
    await this.#running;
  }

  async pass(ms: number): Promise<void> {
    await this.clock.pass(ms);
    await settle();
  }

  /** A command: nothing where no process lives. */
  async arm(id: string, inMs: number): Promise<void> {
    const life = this.#life;
    if (life === undefined) return;
    life.isHeld = true;
    const entity = this.#entity(id);
    entity.armed.push(this.clock.nowMs() + inMs);
    this.#append(id);
    this.#open(id, life);
    life.live.get(id)?.();
    await settle();
  }

  /** The replicator goes so far, of what is not replicated; 1 = all. */
  replicate(share: number): void {
    const to = this.#replicated + Math.ceil((this.#end - this.#replicated) * share);
    for (const { action, at } of this.#log) {
      if (at.offset < this.#replicated || at.offset >= to) continue;
      const { header, key } = action;
      if (header.type !== 'append' || header.wake === undefined) continue;
      if (typeof header.wake !== 'number') this.#store.delete(key.id);
      else {
        const entry = {
          id: key.id,
          dueMs: header.wake,
          reason: 'time',
          offset: at.offset,
        } as const;
        this.#store.set(key.id, entry);
      }
    }
    this.#replicated = to;
  }

  #entity(id: string): Entity {
    const entity = this.entities.get(id) ?? { armed: [], fired: [] };
    this.entities.set(id, entity);
    return entity;
  }

  #next({ armed, fired }: Entity): number | undefined {
    return armed.toSorted((a, b) => a - b)[fired.length];
  }

  #append(id: string): void {
    const wake: Wake = this.#next(this.#entity(id)) ?? 'none';
    const range = { from: SeqNr.of(1), to: SeqNr.of(1) };
    const by = { origin: undefined, version: undefined };
    const header = {
      type: 'append',
      range,
      ...by,
      payloadType: 'json',
      metadata: {},
      wake,
    } as const;
    const of = { key: { topic: place.topic, id }, timestampMs: this.clock.nowMs(), headers: {} };
    const at = { partition: place.partition, offset: Offset.of(this.#end++) };
    this.#log.push({ action: { ...of, header, value: Buffer.alloc(0) }, at });
  }

  /** Recovers, then fires one timer after another at its time, as long as the process lives. */
  #open(id: string, { dying, live }: Life): void {
    if (live.has(id)) return;
    let changed = Promise.withResolvers<void>();
    live.set(id, () => {
      changed.resolve();
      changed = Promise.withResolvers();
    });
    const fire = async (): Promise<void> => {
      await this.clock.sleep(recoveryMs);
      while (!dying.signal.aborted) {
        const entity = this.#entity(id);
        const dueMs = this.#next(entity);
        const leftMs = dueMs === undefined ? 0 : dueMs - this.clock.nowMs();
        if (dueMs !== undefined && leftMs <= 0) {
          entity.fired.push({ dueMs, atMs: this.clock.nowMs() });
          this.#append(id);
        } else if (dueMs === undefined) await changed.promise;
        else await Promise.race([changed.promise, this.clock.sleep(leftMs)]);
      }
    };
    fire().catch(() => {});
  }

  #deps(life: Life): ScoutDeps {
    const { signal } = life.dying;
    return {
      clock: {
        nowMs: () => this.clock.nowMs(),
        steadyMs: () => this.clock.steadyMs(),
        sleep: (ms, options) => unlessAborted(this.clock.sleep(ms), options?.signal),
      },
      log: silentLogger,
      random: () => 0.5,
      tenures: {
        keep: async () => {
          life.isHeld = true;
          return new HeldTenure({ ...place, scope: '' }, Offset.of(this.#end++));
        },
        holds: () => life.isHeld,
      },
      consumer: {
        follow: ({ from }) => this.#follow(from),
        endOffset: async () => Offset.of(this.#end),
      },
      eventual: { offset: async () => this.#r(), lastTenure: async () => undefined },
      wakeUps: { until: async () => this.#r(), due: ({ toMs }) => this.#due(toMs) },
      open: async ({ id }) => {
        signal.throwIfAborted();
        this.#open(id, life);
        return 'awake';
      },
      types: () => 1,
    };
  }

  #r(): Offset | undefined {
    return this.#replicated === 0 ? undefined : Offset.of(this.#replicated - 1);
  }

  async *#follow(from: Offset) {
    const records = this.#log.filter(({ at }) => at.offset >= from);
    yield { records, undecodable: [], next: Offset.of(this.#end) };
  }

  async *#due(toMs: number) {
    const due = [...this.#store.values()].filter(({ dueMs }) => dueMs <= toMs);
    yield* due.sort((a, b) => a.dueMs - b.dueMs);
  }
}
