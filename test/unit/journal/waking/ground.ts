import { HeldTenure } from '../../../../src/journal/holding/held-tenure.ts';
import type { ScoutDeps } from '../../../../src/journal/waking/partition-scout.ts';
import type { ActionHeader, ActionRecord, AppendHeader } from '../../../../src/model/action.ts';
import { type ClosedError, StoreUnavailableError } from '../../../../src/model/errors.ts';
import { Offset, Partition, Topic } from '../../../../src/model/position.ts';
import { SeqNr } from '../../../../src/model/seq-nr.ts';
import type { Wake, WakeUpEntry } from '../../../../src/model/wake-up.ts';
import { unlessAborted } from '../../../../src/runtime/waiting.ts';
import { RecordingLogger } from '../../../support/recording-logger.ts';
import { ManualClock, settle } from '../../actor/support.ts';

export const place = { topic: Topic.of('journal'), partition: Partition.of(0) };
export const clockStartMs = new ManualClock().nowMs();

/** One partition: what the store holds up to R, the log after it, and who holds it. */
export class Ground {
  readonly clock = new ManualClock();
  readonly log = new RecordingLogger();
  /** The entities opened so far, with the time, ms since the start. */
  readonly opened: [string, number][] = [];
  readonly failing = new Set<string>();
  /** Entities that wait for nothing once they have recovered. */
  readonly idle = new Set<string>();
  /** How long a look at the store takes, and how often it was looked at. */
  lookMs = 0;
  looks = 0;
  readonly entries = new Map<string, WakeUpEntry>();
  readonly records: ActionRecord[] = [];
  replicated: Offset | undefined = Offset.of(9);
  until: Offset | undefined = Offset.of(9);
  /** How often the partition was taken. */
  taken = 0;
  tenure = new HeldTenure({ ...place, scope: '' }, Offset.of(100));
  readonly stopping = new AbortController();
  /** Failures to come. */
  storeFails = 0;
  /** What the store answers instead of entries. */
  refusal: Error | undefined;
  readonly keepFails: Error[] = [];
  logReads = 0;
  isHeld = false;
  running: Promise<void> = Promise.resolve();

  readonly deps: ScoutDeps = {
    clock: {
      nowMs: () => this.clock.nowMs(),
      steadyMs: () => this.clock.steadyMs(),
      sleep: (ms, options) => unlessAborted(this.clock.sleep(ms), options?.signal),
    },
    log: this.log,
    random: () => 0,
    tenures: {
      keep: async () => {
        const failure = this.keepFails.shift();
        if (failure !== undefined) throw failure;
        this.taken++;
        if (this.tenure.isOver) this.tenure = new HeldTenure({ ...place, scope: '' }, this.#end());
        this.isHeld = true;
        return this.tenure;
      },
      holds: () => this.isHeld,
    },
    consumer: { follow: ({ from }) => this.#follow(from), endOffset: async () => this.#end() },
    eventual: {
      offset: async () => this.#answer(this.replicated),
      lastTenure: async () => undefined,
    },
    wakeUps: {
      until: async () => this.#answer(this.until),
      due: ({ toMs }) => this.#due(toMs),
    },
    open: async ({ id }) => {
      this.opened.push([id, this.clock.nowMs() - clockStartMs]);
      if (this.failing.has(id)) throw new Error('poison');
      return this.idle.has(id) ? 'idle' : 'awake';
    },
    types: () => 1,
  };

  stored(id: string, inMs: number, offset: number, reason: WakeUpEntry['reason'] = 'time'): void {
    const dueMs = clockStartMs + inMs;
    this.entries.set(id, { id, dueMs, offset: Offset.of(offset), reason });
  }

  written(id: string, offset: number, wake: Wake | undefined): void {
    const range = { from: SeqNr.of(1), to: SeqNr.of(1) };
    const by = { origin: undefined, version: undefined };
    const append: AppendHeader = {
      type: 'append',
      range,
      ...by,
      payloadType: 'json',
      metadata: {},
      wake,
    };
    this.#write(id, offset, append);
  }

  purged(id: string, offset: number): void {
    this.#write(id, offset, { type: 'purge', origin: undefined, version: undefined });
  }

  /** Another process takes the partition. */
  lose(reason: ClosedError): void {
    this.isHeld = false;
    this.tenure.giveUp(reason);
  }

  /** Runs a waker, or a scout. */
  async start(waking: { run(signal: AbortSignal): Promise<void> }): Promise<void> {
    this.running = waking.run(this.stopping.signal);
    this.running.catch(() => {});
    await settle();
    await this.pass(1); // what is overdue fires with the next timer
  }

  async pass(ms: number): Promise<void> {
    await this.clock.pass(ms);
    await settle();
  }

  ids(): readonly string[] {
    return this.opened.map(([id]) => id);
  }

  #write(id: string, offset: number, header: ActionHeader): void {
    const at = { partition: place.partition, offset: Offset.of(offset) };
    const key = { topic: place.topic, id };
    const record = { key, timestampMs: this.clock.nowMs(), headers: {} };
    const value = header.type === 'append' ? { value: Buffer.alloc(0) } : {};
    this.records.push({ action: { ...record, header, ...value } as ActionRecord['action'], at });
  }

  #end(): Offset {
    return Offset.of(Math.max(100, ...this.records.map(({ at }) => at.offset + 1)));
  }

  async *#follow(from: Offset) {
    this.logReads++;
    const records = this.records.filter(({ at }) => at.offset >= from);
    yield { records, undecodable: [], next: this.#end() };
  }

  async *#due(toMs: number) {
    if (this.refusal !== undefined) throw this.refusal;
    this.looks++;
    if (this.lookMs > 0) await this.clock.sleep(this.lookMs);
    const due = [...this.entries.values()].filter(({ dueMs }) => dueMs <= toMs);
    yield* due.sort((a, b) => a.dueMs - b.dueMs);
  }

  async #answer<T>(value: T): Promise<T> {
    if (this.storeFails-- > 0) throw new StoreUnavailableError('gone');
    return value;
  }
}
