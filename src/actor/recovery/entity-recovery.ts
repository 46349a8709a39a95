import { RecoveryFailedError } from '../../model/errors.ts';
import { SeqNr } from '../../model/seq-nr.ts';
import { EventFacts } from '../../ports/journal-plugin.ts';
import type { Entity } from '../entity/entity.ts';
import type { HostedState } from '../entity/entity-logic.ts';
import type { ResolvedBackoff } from '../entity/entity-options.ts';
import type { RecoveryEvent } from '../entity/host-events.ts';
import {
  Initialised,
  PermitGranted,
  Recovered,
  RecoveryFailed,
  Restart,
} from '../entity/host-events.ts';
import type { Lifecycle } from '../entity/lifecycle.ts';
import { delaysOf } from '../entity/timers.ts';
import type { RecoveryPermits } from './recovery-permits.ts';
import { mayRecoverLater, ReplayFold, replay } from './replay.ts';
import { SilenceWatch } from './silence-watch.ts';

/**
 * Why an attempt is aborted; nobody sees it, and an error would cost more than a short recovery.
 */
const over = 'the recovery is over';

/**
 * How an entity gets its state from its journal, and how it starts over. The states are those of
 * `lifecycle.machine.ts`, each with its method here:
 *
 * | state | before | after |
 * |---|---|---|
 * | `awaitingPermit` | the start, `backingOff` | `replaying` |
 * | `replaying` | `awaitingPermit` | `ready`, `initialising`; `backingOff` or `failed` |
 * | `initialising` | `replaying`, for a new journal | `ready`; `backingOff` or `failed` |
 * | `backingOff` | any failure, when the entity restarts | `awaitingPermit` |
 */
export class EntityRecovery<S extends HostedState> {
  readonly #entity: Entity<S>;
  readonly #life: Lifecycle<S>;
  readonly #permits: RecoveryPermits;
  /** Ends the attempt under way, or the wait for the next one. */
  #attempt = new AbortController();
  /** The delays that the init record holds, while it is being stored. */
  #initialDelaysMs: readonly (number | null)[] = [];

  constructor(entity: Entity<S>, life: Lifecycle<S>, permits: RecoveryPermits) {
    this.#entity = entity;
    this.#life = life;
    this.#permits = permits;
  }

  /**
   * `awaitingPermit`: the entity waits for its turn among all that recover.
   *
   * The outcome of the attempt comes back through the mailbox, once and last: `Recovered` or
   * `RecoveryFailed`. So an attempt has nothing to say any more when the next one starts. The
   * permit is held until the actor has taken the outcome.
   */
  awaitPermit(): void {
    this.#attempt = new AbortController();
    this.#recover(this.#attempt).catch((error) => this.#life.fail(error));
  }

  async #recover(attempt: AbortController): Promise<void> {
    const entity = this.#entity;
    let release: (() => void) | undefined;
    try {
      release = await this.#permits.acquire(attempt.signal);
      entity.tell(new PermitGranted());
      entity.tell(await this.#replay(attempt));
    } catch (error) {
      entity.tell(new RecoveryFailed(error));
    } finally {
      release?.();
      attempt.abort(over);
    }
  }

  /**
   * `replaying`: the journal is opened and its events are folded in a dry run. A write that an
   * earlier actor of this id left under way is awaited first, since its events belong to the
   * journal.
   */
  async #replay(attempt: AbortController): Promise<Recovered<S>> {
    const { persistenceId, deps, settings, logic, input } = this.#entity;
    const { signal } = attempt;
    const limitMs = settings.actor.recoveryEventTimeoutMs;
    const watch = new SilenceWatch(limitMs, deps.clock, attempt);
    const fold = new ReplayFold({
      persistenceId,
      input,
      run: logic.replayRun(),
      nowMs: () => deps.clock.nowMs(),
      unhandled: settings.actor.unhandledReplayedEvent,
      describe: (state) => logic.describe(state),
      warn: (fields, message) => deps.log.warn(fields, message),
    });
    // Opening a journal and settling a write have bounds of their own.
    const lingering = deps.live.lingeringWrite(persistenceId);
    if (lingering !== undefined) await watch.guard(lingering);
    const journal = await watch.guard(deps.journal(settings.journalPluginId, signal));
    watch.start();
    const replayed = await replay({
      journal,
      persistenceId,
      to: settings.recoverTo ?? SeqNr.max,
      maxEvents: settings.recoverMaxEvents,
      yieldEvery: settings.actor.replayYieldEvery,
      fold,
      watch,
      signal,
    });
    return new Recovered(journal, replayed);
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
      case 'persistence.recovered':
        this.#adopt(event);
        break;
      case 'persistence.recovery-failed':
        this.#failed(event.error);
        break;
      case 'persistence.initialised':
        this.#entity.begin('stored', this.#initialDelaysMs);
        this.#life.recovered('write.settled');
        break;
      case 'persistence.restart':
        this.#life.report('backoff.elapsed');
        break;
    }
  }

  /** The end of `replaying`: what the journal says becomes live. */
  #adopt({ journal, replayed }: Recovered<S>): void {
    const entity = this.#entity;
    try {
      entity.adopt(journal, replayed);
    } catch (error) {
      this.#failed(error);
      return;
    }
    const time = replayed.state === undefined ? initTime(entity) : undefined;
    if (time === 'at-once') {
      this.#initialise();
      return;
    }
    if (time !== undefined) entity.begin(time, []);
    this.#life.recovered('replay.completed');
  }

  /** `initialising`: the init record of a new journal is stored before the initial actions run. */
  #initialise(): void {
    const entity = this.#entity;
    const run = entity.logic.dryRun();
    const initial = run.initial(entity.input);
    if (initial.status === 'error') {
      this.#life.fail(initial.error);
      return;
    }
    const delaysMs = delaysOf(run.timerChanges);
    this.#initialDelaysMs = delaysMs ?? [];
    const facts = delaysMs === undefined ? EventFacts.none : { delaysMs };
    const init = entity.initRepr(entity.sequenceNr + 1, facts);
    const write = { persistenceId: entity.persistenceId, events: [init] } as const;
    this.#life.report('init.started');
    entity.write([write], () => entity.tell(new Initialised()));
  }

  #failed(error: unknown): void {
    const text = `${this.#entity.persistenceId} cannot be recovered`;
    const failure =
      error instanceof RecoveryFailedError
        ? error
        : new RecoveryFailedError(text, { cause: error });
    this.#entity.signal('recovery-failed', failure);
    if (mayRecoverLater(error)) this.#life.failed(failure, 'recovery.failed');
    else this.#life.fail(failure);
  }

  /** `backingOff`: the entity waits before it recovers again. */
  backOff(): void {
    const { deps, settings } = this.#entity;
    const { restart } = settings;
    if (restart === undefined) return;
    this.#attempt = new AbortController();
    const delayMs = restartDelayMs(restart, this.#life.failuresInARow, deps.random());
    deps.clock.sleep(delayMs, { signal: this.#attempt.signal }).then(
      () => this.#entity.tell(new Restart()),
      () => {}, // the actor stopped first
    );
  }

  /** The entity has ended: nothing is recovered any more. */
  end(): void {
    this.#attempt.abort(this.#life.lastError ?? over);
  }
}

/**
 * When the init record of a new journal is stored: at once if the initial state does anything, so
 * that it does so once; otherwise with the first event, so that an entity that was only looked at
 * leaves no journal.
 */
function initTime<S extends HostedState>({
  settings,
  logic,
  input,
  initialActs,
}: Entity<S>): 'at-once' | 'with-first-event' | 'none' {
  if (settings.actor.initEvent === 'always') return 'at-once';
  if (settings.actor.initEvent === 'never') return 'none';
  if (initialActs) return 'at-once';
  return logic.needsInit(input) ? 'with-first-event' : 'none';
}

/** The delay before try number `failures` + 1, ms. */
export function restartDelayMs(backoff: ResolvedBackoff, failures: number, random: number): number {
  const step = Math.min(backoff.maxMs, backoff.minMs * 2 ** Math.min(failures - 1, 30));
  return Math.round(step * (1 + random * backoff.randomFactor));
}
