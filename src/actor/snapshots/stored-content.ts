import { atOnce } from '../../model/at-once.ts';
import { storedForm } from '../../model/stored-form.ts';
import type { Entity } from '../entity/entity.ts';
import type { HostedState } from '../entity/entity-logic.ts';
import type { Step } from '../entity/evaluated.ts';
import type { Replayed } from '../entity/replayed.ts';
import type { TimerChange } from '../entity/timers.ts';
import { Timers } from '../entity/timers.ts';
import { packEvent } from './packed-event.ts';
import { encodeSnapshot, programOf } from './snapshot-content.ts';
import { toStoredTimers } from './stored-timers.ts';

/**
 * What a snapshot of one entity holds: its state, and what the journal says of its delayed events
 * and of its last event. So nothing is in it that is not stored.
 */
export class StoredContent<S extends HostedState> {
  readonly #entity: Entity<S>;
  /**
   * The delayed events by what is stored: those that fired are in it until that is stored, too.
   */
  #timers = new Timers();
  /** For how long time will have stood still for them, as the next event will say. */
  #stillMs = 0;
  #writerUuid = '';
  #lastEventMs = 0;

  constructor(entity: Entity<S>) {
    this.#entity = entity;
  }

  /** The entity has taken what its journal says. */
  adopted({ timers, writerUuid, lastEventMs }: Replayed<S>): void {
    this.#timers = timers.copy();
    this.#stillMs = this.#entity.timers.stillMs;
    this.#writerUuid = writerUuid;
    this.#lastEventMs = lastEventMs;
  }

  /** The first state of all is live; `changes` = the delayed events that it arms. */
  begun(changes: readonly TimerChange[], delaysMs: readonly (number | null)[]): void {
    this.#writerUuid = this.#entity.writerUuid;
    this.#lastEventMs = this.#entity.deps.clock.nowMs();
    this.#timers.note(changes, { seqNr: 0, delaysMs }, this.#lastEventMs);
  }

  /** The entity has committed an event. */
  committed({ seqNr, part, event, facts, timerChanges }: Step<S>): void {
    const { timer, delaysMs = [] } = facts;
    this.#writerUuid = this.#entity.writerUuid;
    this.#lastEventMs = this.#entity.deps.clock.nowMs();
    this.#timers.standStill(this.#stillMs);
    this.#stillMs = 0;
    if (timer !== undefined) this.#timers.removeFired(timer, event);
    if (timerChanges.length === 0) return;
    this.#timers.note(timerChanges, { seqNr, part, delaysMs }, this.#lastEventMs);
    this.#timers.forgetSent(this.#lastEventMs);
  }

  /** @throws {WriteRejectedError} something cannot be kept; names the place */
  bytes(): Uint8Array {
    const { settings, logic, state, sequenceNr, input, recent, bornWith } = this.#entity;
    const { outbox, coding, persistenceId } = this.#entity;
    const { adapter } = settings.snapshots;
    const persisted = logic.persist(state, this.#stillMs);
    const isInputStored = settings.actor.initEvent !== 'never';
    return encodeSnapshot({
      ...programOf(this.#entity, bornWith),
      witness: { seqNr: sequenceNr, writerUuid: this.#writerUuid },
      input: isInputStored ? { value: input } : undefined,
      // JSON would leave out or change what it cannot hold, and say nothing.
      state:
        adapter === undefined
          ? persisted
          : storedForm(atOnce(adapter.toStore(persisted), 'toStore'), 'state'),
      timers: toStoredTimers(this.#timers, { persistenceId, coding, seqNr: sequenceNr }),
      lastEventMs: this.#lastEventMs,
      commands: recent.toPlain((event, seqNr) =>
        packEvent(event, { persistenceId, coding, seqNr }),
      ),
      deliveries: outbox.toPlain(),
      bornWith,
      // Further state of the entity that a recovery needs goes here.
    });
  }
}
