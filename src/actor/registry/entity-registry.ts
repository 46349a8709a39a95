import type {
  ActorRefFrom,
  AnyActorLogic,
  AnyActorRef,
  EventFromLogic,
  SnapshotFrom,
} from 'xstate';
import { createActor } from 'xstate';
import { atOnce } from '../../model/at-once.ts';
import {
  AskTimeoutError,
  ClosedError,
  DeadlineExceededError,
  InvalidInputError,
  NotOwnerError,
} from '../../model/errors.ts';
import { openAheadMs, type Woken } from '../../model/wake-up.ts';
import { type Alarm, Alarms } from '../../runtime/alarms.ts';
import { Deadline, unlessAborted, within } from '../../runtime/waiting.ts';
import { type AskResult, defaultAskTimeoutMs, type WaitOptions } from '../entity/ask.ts';
import { inTime } from '../entity/bounded-wait.ts';
import {
  checkCommand,
  checkId,
  checkSignal,
  checkTimeout,
  checkWait,
  commandFault,
} from '../entity/check-input.ts';
import { endAt, type Moment } from '../entity/moment.ts';
import type { SnapshotWire } from '../entity/snapshot-wire.ts';
import type { AskOptions, HandOver, LocalEntities } from './entities.ts';
import { hadToMove } from './had-to-move.ts';
import { IdFinder } from './id-finder.ts';
import type { EntityTraits, EntityType, RegistryDeps } from './registry-deps.ts';

interface Entry {
  readonly ref: AnyActorRef;
  readonly place: object | undefined;
  /** What it was started with, or instead of; or whoever woke it counts on it by now. */
  alarm: Alarm | undefined;
  stopping: Promise<void> | undefined;
}

/** An idle time is checked at this fraction of itself. */
const sweepsPerIdleTime = 2;
/** The wait before an entity that failed after it was woken is woken again; doubled each time. */
const firstRetryMs = 1000;
const longestRetryMs = 60_000;
/** After that time whoever woke an entity goes on with others; it goes on recovering. */
const longestWakeMs = 10_000;

/** The entities of one type in this process; ends with the abort of `closing`. */
export class LocalEntityRegistry<L extends AnyActorLogic> implements LocalEntities<L> {
  readonly type: string;
  readonly #traits: EntityTraits<SnapshotFrom<L>>;
  readonly #logic: L;
  readonly #deps: RegistryDeps;
  readonly #input: (id: string) => unknown;
  readonly #entries = new Map<string, Entry>();
  readonly #alarms: Alarms;
  readonly #ids: IdFinder;
  #wakes = false;
  #sweeping = false;
  #placeOf: (id: string) => object | undefined = () => undefined;

  constructor({ type, logic, options, traits }: EntityType<L>, deps: RegistryDeps) {
    this.type = type;
    this.#traits = traits;
    this.#logic = logic;
    this.#deps = deps;
    this.#input = options.input ?? ((id) => ({ id }));
    const { log, clock, closing } = deps;
    this.#ids = new IdFinder({ type, log, persistenceIdOf: (id) => this.persistenceIdOf(id) });
    this.#alarms = new Alarms({ clock, closing, wake: (id) => this.#wake(id) });
  }

  get journalPluginId(): string | undefined {
    return this.#traits.journalPluginId;
  }

  get wire(): SnapshotWire<SnapshotFrom<L>> {
    return this.#traits.wire;
  }

  persistenceIdOf(id: string): string {
    return this.#traits.persistenceIdOf(id, this.#inputOf(id));
  }

  idOf(persistenceId: string): string | undefined {
    return this.#ids.idOf(persistenceId);
  }

  wake(persistenceId: string): Promise<Woken> | undefined {
    const id = this.idOf(persistenceId);
    if (id === undefined) return undefined;
    const stopping = this.#entries.get(id)?.stopping;
    if (stopping === undefined) return this.#recovered(id);
    return this.#ended(stopping, id, { timeout: longestWakeMs }).then(() => this.#recovered(id));
  }

  /** Of one that lives as well: its recovery may fail, or another process may have had it. */
  async #recovered(id: string): Promise<Woken> {
    const entry = this.#entry(id, 'by itself');
    try {
      await this.#deps.whenRecoveredAnew(entry.ref, { timeout: longestWakeMs });
    } catch (error) {
      if (!(error instanceof DeadlineExceededError)) throw error;
      // Its recovery may still fail, and nobody else wakes it again.
      entry.alarm ??= { atMs: this.#deps.clock.nowMs(), failures: 0, place: entry.place };
      return 'awake';
    }
    return this.#wokenOf(entry.ref);
  }

  #wokenOf(ref: AnyActorRef): Woken {
    const isOver = ref.getSnapshot()?.status === 'done';
    return isOver || this.#deps.hostOf(ref)?.work.waitsForNothing === true ? 'idle' : 'awake';
  }

  wakeStopped(): void {
    this.#wakes = true;
  }

  placeBy(placeOf: (id: string) => object): void {
    this.#placeOf = placeOf;
  }

  ref(id: string): ActorRefFrom<L> {
    return this.#entry(id).ref as ActorRefFrom<L>;
  }

  ask(
    id: string,
    command: EventFromLogic<L>,
    options?: AskOptions,
  ): Promise<AskResult<SnapshotFrom<L>>> {
    try {
      checkCommand(command);
      checkSignal(options?.signal)?.throwIfAborted(); // nothing is started for it
      const stopping = this.#entries.get(id)?.stopping;
      if (stopping !== undefined) return this.#askAfter(stopping, id, command, options);
      return this.#askNow(id, command, options);
    } catch (error) {
      return Promise.reject(error); // not async, which would cost each command a promise
    }
  }

  #askNow(id: string, command: EventFromLogic<L>, options: AskOptions | undefined) {
    const result = this.#deps.ask(this.#entry(id).ref, command, options);
    return result as Promise<AskResult<SnapshotFrom<L>>>;
  }

  /** Asks a new incarnation, once the one that is stopping has ended. */
  async #askAfter(
    stopping: Promise<void>,
    id: string,
    command: EventFromLogic<L>,
    options: AskOptions | undefined,
  ): Promise<AskResult<SnapshotFrom<L>>> {
    const { clock } = this.#deps;
    const timeoutMs = checkTimeout(options?.timeout ?? defaultAskTimeoutMs);
    const endMs = clock.steadyMs() + timeoutMs;
    const ended = unlessAborted(stopping, options?.signal);
    if ((await within(ended, timeoutMs, clock)) === 'expired') {
      const text = `"${id}" of "${this.type}" has not ended within ${timeoutMs} ms; nothing was stored`;
      throw new AskTimeoutError(text, { stored: 'no' });
    }
    const rest = { ...options, timeout: Math.max(1, endMs - clock.steadyMs()) };
    return this.#askNow(id, command, rest);
  }

  async peek(id: string, options?: WaitOptions): Promise<SnapshotFrom<L>> {
    const snapshot = await this.#deps.peek(this.#create(id), options);
    return snapshot as SnapshotFrom<L>;
  }

  async stateAt(id: string, at: Moment, options?: WaitOptions): Promise<SnapshotFrom<L>> {
    endAt(at);
    const snapshot = await this.#deps.peek(this.#create(id), options, at);
    return snapshot as SnapshotFrom<L>;
  }

  async deleteEvents(id: string, to: number, options?: WaitOptions): Promise<void> {
    const stopping = this.#entries.get(id)?.stopping;
    const left = stopping === undefined ? options : await this.#leftAfter(stopping, id, options);
    await this.#deps.deleteEvents(this.#entry(id).ref, to, left);
  }

  /** Waits until the incarnation that stops has ended. Answers how long to wait after that. */
  async #leftAfter(
    stopping: Promise<void>,
    id: string,
    options: WaitOptions | undefined,
  ): Promise<WaitOptions | undefined> {
    checkWait(options);
    checkSignal(options?.signal);
    const { clock } = this.#deps;
    const startMs = clock.steadyMs();
    await this.#ended(stopping, id, options);
    if (options?.timeout === undefined) return options;
    return { ...options, timeout: Math.max(1, options.timeout - (clock.steadyMs() - startMs)) };
  }

  async #ended(stopping: Promise<void>, id: string, options?: WaitOptions): Promise<void> {
    const text = `"${id}" of "${this.type}" has not ended in time; nothing was done`;
    const ended = (signal?: AbortSignal) => unlessAborted(stopping, signal);
    await inTime(this.#deps.clock, { text, stored: 'no' }, options, ended);
  }

  async purge(id: string, options?: WaitOptions): Promise<void> {
    checkWait(options);
    if (options?.timeout !== undefined) checkTimeout(options.timeout);
    checkSignal(options?.signal)?.throwIfAborted(); // it is not ended for that
    const name = this.#traits.nameOf(id, this.#inputOf(id));
    const entry = this.#entries.get(id);
    const alarm = this.#alarms.take(id);
    const purging = this.#deps.purge(name, options);
    if (entry !== undefined) {
      // Commands that come meanwhile wait, and begin the entity anew. It ends also where it is not
      // purged, perhaps later than this call: two actors of one id would meet.
      entry.stopping ??= purging
        .catch(() => this.#stop(id, entry))
        .then(() => this.#forget(id, entry));
    }
    try {
      await purging;
    } catch (error) {
      // What it waits for is still there.
      if (alarm !== undefined && !this.#entries.has(id)) this.#alarms.set(id, alarm);
      // It goes on with what work it had left.
      entry?.stopping
        ?.then(() => {
          const isLeft = this.#deps.hostOf(entry.ref)?.work.isLeft === true;
          if (isLeft && !this.#entries.has(id)) this.#wakeLater(id, 1, entry.place);
        })
        .catch(() => {});
      throw error;
    }
  }

  send(id: string, command: EventFromLogic<L>): void {
    const err = commandFault(command);
    if (err !== undefined) {
      this.#deps.log.warn({ type: this.type, id, err }, 'command refused');
      return;
    }
    const stopping = this.#entries.get(id)?.stopping;
    if (stopping === undefined) {
      this.#entry(id).ref.send(command);
      return;
    }
    stopping
      .then(() => this.#entry(id).ref.send(command))
      .catch((error) => {
        this.#deps.log.warn({ type: this.type, id, err: error }, 'a command came too late');
      });
  }

  async stop(id: string): Promise<void> {
    const entry = this.#entries.get(id);
    if (!this.#wakes) this.#alarms.take(id);
    if (entry === undefined) return;
    entry.stopping ??= this.#stop(id, entry);
    await entry.stopping;
    this.#forget(id, entry);
  }

  async #stop(id: string, entry: Entry): Promise<void> {
    await this.#deps.stop(entry.ref);
    this.#wakeWhenDue(id, entry);
  }

  /** Whoever owns the partition may have opened it for its timer already, and does so only once. */
  #wakeWhenDue(id: string, { ref, place, alarm }: Entry): void {
    if (!this.#wakes || ref.getSnapshot()?.status !== 'stopped') return;
    const wasDueMs = this.#deps.hostOf(ref)?.work.wasDueMs;
    const atMs = wasDueMs === 'unknown' ? alarm?.atMs : wasDueMs;
    if (atMs !== undefined) this.#alarms.set(id, { atMs, failures: 0, place });
  }

  ids(): readonly string[] {
    return [...this.#entries.keys()];
  }

  async handOver(place: object, { reason, limitMs }: HandOver): Promise<void> {
    this.#alarms.dropAt(place);
    const ends: ((deadline: Deadline) => Promise<void>)[] = [];
    for (const [id, entry] of this.#entries) {
      const host = entry.place === place ? this.#deps.hostOf(entry.ref) : undefined;
      if (host === undefined) continue;
      const ending = limitMs === 0 ? host.drop(reason) : host.handOver(reason);
      entry.stopping = ending.then(() => this.#forget(id, entry));
      ends.push(async (deadline) => {
        // What is being written may take long, and gets its answer whoever has the entity by then.
        if ((await deadline.within(ending)) === 'expired') host.drop(reason).catch(() => {});
      });
    }
    if (ends.length === 0) return;
    const deadline = new Deadline(limitMs, this.#deps.clock);
    await Promise.all(ends.map((end) => end(deadline)));
    deadline.end();
  }

  /** What the entity is started with. */
  #inputOf(id: string): unknown {
    if (this.#deps.closing.aborted) throw new ClosedError('the persistence is shut down');
    checkId(id, 'the id of an entity');
    let input: unknown;
    try {
      input = this.#input(id);
    } catch (cause) {
      const text = `the input of "${this.type}" for "${id}" threw; nothing was started`;
      throw new InvalidInputError(text, { cause });
    }
    return atOnce(input, `the input of "${this.type}"`);
  }

  /** An actor that is not started: nothing of it is known but its input. */
  #create(id: string): AnyActorRef {
    const input = this.#inputOf(id);
    return createActor(this.#logic, { id, input } as never) as AnyActorRef;
  }

  #entry(id: string, starts?: 'by itself'): Entry {
    const existing = this.#entries.get(id);
    if (existing !== undefined) return existing;
    const place = this.#placeOf(id);
    const ref = this.#create(id);
    const entry: Entry = { ref, place, alarm: this.#alarms.take(id), stopping: undefined };
    this.#entries.set(id, entry);
    // An error that nobody observes would end the process.
    ref.subscribe({
      complete: () => {
        this.#forget(id, entry);
        if (entry.stopping === undefined) this.#wakeWhenDue(id, entry); // by its ref
      },
      error: (err: unknown) => {
        // Its partition has just gone to another process of the fleet.
        const isGone = place !== undefined && hadToMove(err);
        this.#deps.log[isGone ? 'debug' : 'error']({ type: this.type, id, err }, 'entity failed');
        this.#forget(id, entry);
        const goesOn = entry.alarm !== undefined || this.#deps.hostOf(ref)?.work.isLeft === true;
        if (goesOn) this.#wakeLater(id, (entry.alarm?.failures ?? 0) + 1, place);
      },
    });
    if (starts === 'by itself') this.#deps.hostOf(ref)?.work.startsByItself();
    ref.start();
    const idleMs = this.#deps.hostOf(ref)?.work.passivateAfterMs ?? 0;
    if (idleMs > 0 && !this.#sweeping) this.#sweep(idleMs).catch(() => {}); // shut down
    return entry;
  }

  /** A delayed event is due soon. */
  #wake(id: string): void {
    try {
      this.#entry(id, 'by itself');
    } catch (err) {
      const alarm = this.#alarms.take(id);
      if (err instanceof NotOwnerError) return; // another process goes on with it
      this.#deps.log.error({ type: this.type, id, err }, 'entity cannot be woken');
      this.#wakeLater(id, (alarm?.failures ?? 0) + 1, alarm?.place);
    }
  }

  #wakeLater(id: string, failures: number, place: object | undefined): void {
    const { clock, closing } = this.#deps;
    if (closing.aborted) return;
    const delayMs = Math.min(longestRetryMs, firstRetryMs * 2 ** Math.min(failures - 1, 30));
    this.#alarms.set(id, { atMs: clock.nowMs() + delayMs, failures, place });
  }

  #forget(id: string, entry: Entry): void {
    if (this.#entries.get(id) === entry) this.#entries.delete(id);
  }

  /** Stops idle entities; ends with the last one. */
  async #sweep(idleMs: number): Promise<void> {
    this.#sweeping = true;
    const { clock, closing } = this.#deps;
    const everyMs = Math.max(1, Math.ceil(idleMs / sweepsPerIdleTime));
    try {
      while (this.#entries.size > 0) {
        await clock.sleep(everyMs, { signal: closing });
        for (const [id, { ref, place }] of this.#entries) {
          const work = this.#deps.hostOf(ref)?.work;
          if (work?.isIdleFor(idleMs) !== true) continue;
          const atMs = work.nextTimerMs;
          if (atMs !== undefined && this.#alarms.size >= this.#deps.maxWakeUps) continue;
          ref.stop(); // nothing is under way in an idle one, so this ends it on the spot
          if (atMs === undefined) continue;
          this.#alarms.set(id, { atMs: atMs - openAheadMs, failures: 0, place });
        }
      }
    } finally {
      this.#sweeping = false;
    }
  }
}
