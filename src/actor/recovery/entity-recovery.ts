import { InvalidInputError, RecoveryFailedError } from '../../model/errors.ts';
import type { HeldPlugin, JournalPlugin } from '../../ports/journal-plugin.ts';
import { onAbort } from '../../runtime/on-abort.ts';
import type { WaitingCommands } from '../entity/ask.ts';
import type { Entity } from '../entity/entity.ts';
import type { HostedState } from '../entity/entity-logic.ts';
import type { RecoveryEvent } from '../entity/host-events.ts';
import {
  PermitGranted,
  Recovered,
  RecoveryFailed,
  Restart,
  SnapshotLoad,
} from '../entity/host-events.ts';
import type { Lifecycle } from '../entity/lifecycle.ts';
import { endAt, type Moment } from '../entity/moment.ts';
import type { Replayed } from '../entity/replayed.ts';
import { restartDelayMs } from '../entity/restart-delay.ts';
import type { EntitySnapshots } from '../snapshots/entity-snapshots.ts';
import { FirstState } from './first-state.ts';
import { openCoding } from './open-coding.ts';
import { type EntitySources, readEntity } from './read-entity.ts';
import type { PlaceInLine, RecoveryPermits } from './recovery-permits.ts';
import { mayRecoverLater } from './replay.ts';
import { SilenceWatch } from './silence-watch.ts';

/**
 * Why an attempt is aborted that is over, or that was dropped; nobody sees it, and an error would
 * cost more than a short recovery.
 */
const over = 'the recovery is over';

/** What a recovery shares with others. */
export interface RecoveryParts<S extends HostedState> {
  readonly permits: RecoveryPermits;
  readonly snapshots: EntitySnapshots<S>;
  readonly stash: WaitingCommands;
}

/**
 * How an entity gets its state from its journal, and how it starts over. The states are those of
 * `lifecycle.machine.ts`, each with its method:
 *
 * | state | before | after |
 * |---|---|---|
 * | `awaitingPermit` | the start, `backingOff`, `unowned` | `replaying` |
 * | `replaying` | `awaitingPermit`, `loadingSnapshot` | `ready`, `initialising` |
 * | `loadingSnapshot` | `replaying`, for each snapshot it asks for | `replaying` |
 * | `initialising` | `replaying`, if it is new | `ready` |
 * | `backingOff` | any failure, when the entity restarts | `awaitingPermit` |
 *
 * From each of the first four a failure leads to `backingOff` or `failed`, and the loss of the
 * tenure to `unowned`. `initialising` is that of `FirstState`.
 */
export class EntityRecovery<S extends HostedState> {
  readonly #entity: Entity<S>;
  readonly #life: Lifecycle<S>;
  readonly #permits: RecoveryPermits;
  readonly #snapshots: EntitySnapshots<S>;
  readonly #stash: WaitingCommands;
  readonly firstState: FirstState<S>;
  /** Of the last attempt that has asked for a permit, until that has it. */
  #place: PlaceInLine | undefined;
  /** Ends the attempt under way, or the wait for the next one. */
  #attempt: AbortController | undefined;

  constructor(entity: Entity<S>, life: Lifecycle<S>, parts: RecoveryParts<S>) {
    this.#entity = entity;
    this.#life = life;
    this.#permits = parts.permits;
    this.#snapshots = parts.snapshots;
    this.#stash = parts.stash;
    this.firstState = new FirstState(entity, life, parts.snapshots);
  }

  /**
   * `awaitingPermit`: the journal is opened and held, then the entity waits for its turn among all
   * that recover. If an entity took its permit first, those that wait for another process to let
   * the partition go, or for an earlier write or purge, would keep others from reading. So a permit
   * is taken last, and held while the journal is read.
   *
   * The outcome of the attempt comes back through the mailbox, once and last: `Recovered` or
   * `RecoveryFailed`. So an attempt has nothing to say any more when the next one starts. The
   * permit is held until the actor has taken the outcome.
   */
  awaitPermit(): void {
    const attempt = new AbortController();
    this.#attempt = attempt;
    this.#recover(attempt).catch((error) => this.#life.fail(error));
  }

  async #recover(attempt: AbortController): Promise<void> {
    const entity = this.#entity;
    const { signal } = attempt;
    let release: (() => void) | undefined;
    try {
      const watch = this.#watch(attempt);
      const opened = await this.#open(watch, signal);
      const journal = (await this.#hold(opened, watch, signal)) ?? opened;
      const place = this.#permits.enter(signal, () => this.#stash.hasCommand);
      this.#place = place;
      release = await place.granted;
      if (this.#place === place) this.#place = undefined;
      signal.throwIfAborted();
      entity.tell(new PermitGranted());
      const onLoad = (step: 'asked' | 'answered'): void => {
        if (!signal.aborted) entity.tell(new SnapshotLoad(step));
      };
      const replayed = await this.#read(journal, watch, signal, { onLoad });
      const recovered = new Recovered(journal, replayed);
      if (attempt.signal.reason !== over) entity.tell(recovered);
    } catch (error) {
      if (attempt.signal.reason !== over) entity.tell(new RecoveryFailed(error));
    } finally {
      release?.();
      attempt.abort(over);
      if (this.#attempt === attempt) this.#attempt = undefined;
    }
  }

  /** A command has come. */
  hurry(): void {
    this.#place?.hurry();
  }

  /**
   * A write that an earlier actor of this id left under way is awaited first, since its events
   * belong to the journal, and so is a purge, which deletes its snapshots before its events.
   */
  async #open(watch: SilenceWatch, signal: AbortSignal): Promise<JournalPlugin> {
    const { persistenceId, deps, settings } = this.#entity;
    // Opening and holding a journal, and settling a write, have bounds of their own.
    const lingering = () => deps.live.lingeringWrite(persistenceId);
    for (let work = lingering(); work !== undefined; work = lingering()) await watch.guard(work);
    return await watch.guard(deps.journal(settings.journalPluginId, signal));
  }

  #watch(attempt: AbortController): SilenceWatch {
    const { deps, settings } = this.#entity;
    return new SilenceWatch(settings.actor.recoveryEventTimeoutMs, deps.clock, attempt);
  }

  /** @throws the abort reason when the attempt is over, or the journal is lost, by then */
  async #hold(
    journal: JournalPlugin,
    watch: SilenceWatch,
    signal: AbortSignal,
  ): Promise<HeldPlugin | undefined> {
    const entity = this.#entity;
    const holding = journal.hold?.(entity.persistenceId, { signal }) ?? Promise.resolve(undefined);
    let held: HeldPlugin | undefined;
    try {
      held = await watch.guard(holding);
      signal.throwIfAborted();
    } catch (error) {
      // It may still come, for nobody.
      holding.then((late) => late?.[Symbol.asyncDispose]()).catch(() => {});
      throw error;
    }
    if (held !== undefined) entity.journal.hold(held);
    signal.throwIfAborted();
    return held;
  }

  /** `replaying`: folds what snapshots and journal hold in a dry run; nothing happens by that. */
  async #read(
    journal: JournalPlugin,
    watch: SilenceWatch,
    signal: AbortSignal,
    { end, onLoad }: Pick<Partial<EntitySources<S>>, 'end' | 'onLoad'>,
  ): Promise<Replayed<S>> {
    // Opening a store has bounds of its own, as opening a journal has.
    const store = await watch.guard(this.#snapshots.open(signal));
    const coding = await watch.guard(openCoding(this.#entity, signal));
    const sources = { entity: this.#entity, journal, store, coding, watch, signal };
    return await readEntity({ ...sources, end, onLoad });
  }

  /**
   * What the journal says, at present or at an earlier moment. Nothing is held, started or written,
   * and the entity itself does not change. It takes its turn among all that recover.
   *
   * @throws {RecoveryFailedError} the journal cannot be read, or its events not be applied
   * @throws {InvalidInputError} the journal has not come to the moment
   * @throws the abort reason when `signal` fires
   */
  async peek(signal: AbortSignal | undefined, moment?: Moment): Promise<Replayed<S>> {
    const end = moment === undefined ? undefined : endAt(moment);
    const attempt = new AbortController();
    const stopListening = onAbort(signal, (reason) => attempt.abort(reason));
    let release: (() => void) | undefined;
    try {
      const watch = this.#watch(attempt);
      const journal = await this.#open(watch, attempt.signal);
      release = await this.#permits.enter(attempt.signal, () => true).granted;
      return await this.#read(journal, watch, attempt.signal, { end });
    } catch (error) {
      signal?.throwIfAborted();
      throw error instanceof InvalidInputError ? error : this.#failureOf(error);
    } finally {
      release?.();
      stopListening();
      attempt.abort(over);
    }
  }

  /**
   * The attempt under way, or the wait for the next one, comes to nothing. An actor that is started
   * again after its end must not hear of it.
   */
  drop(): void {
    this.#attempt?.abort(over);
  }

  /**
   * Takes what an attempt reports.
   *
   * @throws what an action or a callback of the user throws
   */
  hear(event: RecoveryEvent<S>): void {
    switch (event.type) {
      case 'persistence.permit-granted':
        this.#life.report('permit.granted');
        break;
      case 'persistence.snapshot-load':
        this.#life.report(`snapshot.${event.step}`);
        break;
      case 'persistence.recovered':
        this.#adopt(event);
        break;
      case 'persistence.recovery-failed':
        this.#failed(event.error);
        break;
      case 'persistence.initialised':
        this.firstState.stored();
        break;
      case 'persistence.restart':
        this.#life.report('backoff.elapsed');
        break;
    }
  }

  /** The end of `replaying`: what the journal says becomes live. */
  #adopt({ journal, replayed }: Recovered<S>): void {
    const entity = this.#entity;
    // The message that says so follows: nothing may start meanwhile.
    if (entity.journal.isLost) return;
    try {
      entity.adopt(journal, replayed);
      this.#snapshots.adopted(replayed);
    } catch (error) {
      this.#failed(error);
      return;
    }
    if (replayed.state === undefined && !this.firstState.begin()) return;
    this.#life.recovered('replay.completed');
    this.#snapshots.recovered(replayed);
  }

  #failed(error: unknown): void {
    const failure = this.#failureOf(error);
    try {
      this.#entity.signal('recovery-failed', failure);
    } catch (err) {
      // It must not hide why the recovery failed, nor end what is to be tried again.
      const { persistenceId, deps } = this.#entity;
      deps.log.error({ persistenceId, err }, 'onSignal threw when it heard of a failed recovery');
    }
    if (mayRecoverLater(error)) this.#life.failed(failure, 'recovery.failed');
    else this.#life.fail(failure);
  }

  #failureOf(error: unknown): RecoveryFailedError {
    if (error instanceof RecoveryFailedError) return error;
    const text = `${this.#entity.persistenceId} cannot be recovered`;
    return new RecoveryFailedError(text, { cause: error });
  }

  /** `backingOff`: the entity waits before it recovers again. */
  backOff(): void {
    const { deps, settings } = this.#entity;
    const { restart } = settings;
    if (restart === undefined) return;
    const attempt = new AbortController();
    this.#attempt = attempt;
    const delayMs = restartDelayMs(restart, this.#life.failuresInARow, deps.random());
    deps.clock.sleep(delayMs, { signal: attempt.signal }).then(
      () => this.#entity.tell(new Restart()),
      () => {}, // the actor stopped first
    );
  }
}
