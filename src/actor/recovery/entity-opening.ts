import { EntityStoppedError, RecoveryFailedError } from '../../model/errors.ts';
import { type AtomicWrite, EventFacts } from '../../ports/journal-plugin.ts';
import { initWrite } from '../command/write-batch.ts';
import type { Entity, PipelineHost } from '../entity.ts';
import type { HostFact } from '../entity-host.machine.ts';
import type { HostedState } from '../entity-logic.ts';
import type { OpeningEvent, Recovered, RecoveryFailed } from '../host-events.ts';
import { Initialised, Restart } from '../host-events.ts';
import { Occasion } from '../occasion.ts';
import { initEvent } from '../stored-event.ts';
import { delaysOf, Timers } from '../timers.ts';
import { recoverEntity } from './recover-entity.ts';
import { mayRecoverLater } from './replay.ts';
import { initTime, rearmTimers, restartDelayMs } from './start-entity.ts';

/**
 * Why an attempt is aborted when the actor simply stops: an error would cost more than the stop.
 */
const stopped = 'the actor stopped';

/** What an opening asks of its host. */
export interface OpeningHost extends PipelineHost {
  /** Stores the init record; `onStored` is called once it is. */
  write(writes: readonly AtomicWrite[], onStored: () => void): void;
}

/** How an entity becomes ready, and how it starts over: permit, replay, init record, backoff. */
export class EntityOpening<S extends HostedState> {
  readonly #entity: Entity<S>;
  readonly #host: OpeningHost;
  readonly #recovered = new Occasion();
  /** Ends a recovery under way, or the wait for the next one. */
  #attempt = new AbortController();
  #failuresInARow = 0;
  /** The delays that were stored with the input. */
  #initialDelaysMs: readonly (number | null)[] = [];
  #hasRecovered = false;
  #endReason: unknown;

  constructor(entity: Entity<S>, host: OpeningHost) {
    this.#entity = entity;
    this.#host = host;
  }

  recover(): void {
    const entity = this.#entity;
    entity.writerUuid = entity.deps.randomUuid();
    this.#attempt = new AbortController();
    recoverEntity(entity, {
      recovery: this.#attempt,
      tell: (event) => this.#host.tell(event),
    }).catch((error) => this.#host.fail(error));
  }

  scheduleRestart(): void {
    const { deps, settings } = this.#entity;
    const { restart } = settings;
    if (restart === undefined) return;
    this.#attempt = new AbortController();
    const delayMs = restartDelayMs(restart, this.#failuresInARow, deps.random());
    deps.clock.sleep(delayMs, { signal: this.#attempt.signal }).then(
      () => this.#host.tell(new Restart()),
      () => {}, // the actor stopped first
    );
  }

  /** A failure that the backoff of the entity covers, as long as it has tries left. */
  failed(error: Error, fact: HostFact): void {
    const { restart } = this.#entity.settings;
    this.#host.lastError = error;
    this.#failuresInARow++;
    if (restart !== undefined && this.#failuresInARow > restart.maxRestarts) this.#host.fail(error);
    else this.#host.advance(fact);
  }

  /** An event was stored: whatever failed before is over. */
  succeeded(): void {
    this.#failuresInARow = 0;
  }

  hear(event: OpeningEvent<S>): void {
    switch (event.type) {
      case 'persistence.permit-granted':
        this.#host.advance('permit.granted');
        break;
      case 'persistence.recovered':
        this.#completed(event);
        break;
      case 'persistence.recovery-failed':
        this.#recoveryFailed(event);
        break;
      case 'persistence.initialised':
        this.#entity.sequenceNr = 1;
        this.#begin('write.settled');
        break;
      case 'persistence.restart':
        this.#host.advance('backoff.elapsed');
        break;
    }
  }

  #completed({ journal, replayed }: Recovered<S>): void {
    const entity = this.#entity;
    entity.journal = journal;
    entity.sequenceNr = replayed.sequenceNr;
    entity.timers = new Timers();
    if (replayed.state === undefined) {
      this.#beginNew();
      return;
    }
    entity.input = replayed.input;
    entity.initPending = false;
    try {
      entity.state = entity.logic.adoptReplay(replayed.state, replayed.run);
    } catch (error) {
      this.#recoveryFailed({ error });
      return;
    }
    if (entity.state.status === 'active') entity.timers = rearmTimers(entity, replayed);
    this.#becomeReady('replay.completed');
  }

  #recoveryFailed({ error }: Pick<RecoveryFailed, 'error'>): void {
    const { persistenceId } = this.#entity;
    const text = `${persistenceId} cannot be recovered`;
    const failure =
      error instanceof RecoveryFailedError
        ? error
        : new RecoveryFailedError(text, { cause: error });
    this.#host.signal('recovery-failed', failure);
    if (mayRecoverLater(error)) this.failed(failure, 'recovery.failed');
    else this.#host.fail(failure);
  }

  /** The actor ends, with the failure behind it if there is one. */
  end(failure: unknown): void {
    const reason = failure ?? stopped;
    this.#endReason = reason;
    this.#attempt.abort(reason);
    if (this.#recovered.isAwaited) this.#recovered.fail(this.#endError());
  }

  whenRecovered(signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted === true) return Promise.reject(signal.reason);
    if (this.#hasRecovered) return Promise.resolve();
    if (this.#endReason === undefined) return this.#recovered.wait(signal);
    return Promise.reject(this.#endError());
  }

  #endError(): unknown {
    if (this.#endReason !== stopped) return this.#endReason;
    return new EntityStoppedError(`${this.#entity.persistenceId} stopped before it had recovered`);
  }

  #beginNew(): void {
    const entity = this.#entity;
    const time = initTime(entity);
    entity.initPending = time === 'with-first-event';
    if (time === 'at-once') this.#storeInit();
    else this.#begin('replay.completed');
  }

  #storeInit(): void {
    const entity = this.#entity;
    const { persistenceId, writerUuid, sequenceNr } = entity;
    const position = { persistenceId, writerUuid, sequenceNr, init: undefined };
    const run = entity.logic.dryRun();
    const initial = run.initial(entity.input);
    if (initial.status === 'error') {
      this.#host.fail(initial.error);
      return;
    }
    this.#initialDelaysMs = delaysOf(run.timerChanges) ?? [];
    const facts =
      this.#initialDelaysMs.length === 0 ? EventFacts.none : { delaysMs: this.#initialDelaysMs };
    this.#host.advance('init.started');
    this.#host.write([initWrite(position, initEvent(entity.input), facts)], () => {
      this.#host.tell(new Initialised());
    });
  }

  #begin(fact: HostFact): void {
    const entity = this.#entity;
    entity.timers.beginStep({ seqNr: 0, delaysMs: this.#initialDelaysMs });
    entity.state = entity.logic.begin(entity.input);
    this.#becomeReady(fact);
  }

  #becomeReady(fact: HostFact): void {
    this.#hasRecovered = true;
    this.#host.signal('recovery-completed');
    this.#recovered.fire();
    if (this.#entity.state.status === 'active') this.#host.advance(fact);
    else this.#host.ended();
  }
}
