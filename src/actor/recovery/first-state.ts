import type { EventObject } from 'xstate';
import { InvalidInputError, WriteRejectedError } from '../../model/errors.ts';
import { type BesideEvents, EventFacts, type PersistentRepr } from '../../ports/journal-plugin.ts';
import { OutboxDraft } from '../delivery/outbox-draft.ts';
import type { Entity } from '../entity/entity.ts';
import type { DryRun, HostedState } from '../entity/entity-logic.ts';
import { Initialised } from '../entity/host-events.ts';
import type { Lifecycle } from '../entity/lifecycle.ts';
import type { TimerChange } from '../entity/timers.ts';
import { delaysOf } from '../entity/timers.ts';
import type { EntitySnapshots } from '../snapshots/entity-snapshots.ts';

const nothing: readonly never[] = [];

/**
 * The first state of an entity whose journal is empty. Where it does anything, an init record is
 * stored before (`initialising`): if it acted first, a crash would let it act again.
 */
export class FirstState<S extends HostedState> {
  readonly #entity: Entity<S>;
  readonly #life: Lifecycle<S>;
  readonly #snapshots: EntitySnapshots<S>;
  /** What the state arms, and what its init record says, while that is being stored. */
  #timers: readonly TimerChange[] = nothing;
  #facts: EventFacts = EventFacts.none;

  constructor(entity: Entity<S>, life: Lifecycle<S>, snapshots: EntitySnapshots<S>) {
    this.#entity = entity;
    this.#life = life;
    this.#snapshots = snapshots;
  }

  /**
   * Makes the first state live.
   *
   * @returns false: it is not live, since its init record is being stored, or the entity has failed
   * @throws what an initial action throws
   */
  begin(): boolean {
    const entity = this.#entity;
    const time = initTime(entity);
    if (time === 'at-once') {
      this.#store();
      return false;
    }
    const run = entity.logic.dryRun();
    if (entity.initialActs) run.initial(entity.input);
    if (run.outboxChanges.length > 0) {
      const text = `the first state of ${entity.persistenceId} delivers something`;
      const advice = 'with initEvent "never" there is nothing to store it with';
      this.#life.fail(new InvalidInputError(`${text}, and ${advice}; nothing was stored`));
      return false;
    }
    entity.begin(time, EventFacts.none);
    this.#snapshots.begun(run.timerChanges, []);
    return true;
  }

  /** Hands the init record to the journal, which answers through the mailbox. */
  #store(): void {
    const entity = this.#entity;
    const run = entity.logic.dryRun();
    const initial = run.initial(entity.input);
    if (initial.status === 'error') {
      this.#life.fail(initial.error);
      return;
    }
    let facts: EventFacts;
    let beside: BesideEvents | undefined;
    let init: PersistentRepr;
    try {
      facts = this.#factsOf(run);
      init = entity.initRepr(entity.sequenceNr + 1, facts);
      beside = entity.settings.beside?.({
        command: undefined,
        events: [init.payload as EventObject],
      });
    } catch (error) {
      this.#life.fail(error);
      return;
    }
    this.#facts = facts;
    this.#timers = run.timerChanges;
    const nowMs = entity.deps.clock.nowMs();
    const step = { seqNr: 0, delaysMs: facts.delaysMs ?? [] };
    const timers = entity.timers.after(run.timerChanges, step, nowMs);
    const children = entity.logic.childrenOf(initial);
    const deliveries = facts.deliveries?.length ?? 0;
    const wake = entity.waits.next({ children, timers, deliveries }) ?? 'none';
    const { persistenceId } = entity;
    const events = [init] as const;
    const write = { persistenceId, events, wake, ...(beside !== undefined && { beside }) };
    this.#life.report('init.started');
    entity.journal.write([write], () => entity.tell(new Initialised()));
  }

  /**
   * What the init record says of the first state.
   *
   * @throws {InvalidInputError} {@link WriteRejectedError} it delivers what cannot be delivered
   */
  #factsOf({ timerChanges, outboxChanges }: DryRun<S>): EventFacts {
    const draft = new OutboxDraft(this.#entity);
    const event = { seqNr: this.#entity.sequenceNr + 1, part: 0, count: 0 };
    const delaysMs = delaysOf(timerChanges);
    return {
      ...draft.take(outboxChanges, event),
      ...(delaysMs !== undefined && { delaysMs }),
    };
  }

  /**
   * The init record is stored: now the initial actions run.
   *
   * @throws what one of them throws
   */
  stored(): void {
    if (this.#life.state !== 'initialising') return; // lost meanwhile: the recovery finds it
    this.#entity.begin('stored', this.#facts);
    this.#snapshots.begun(this.#timers, this.#facts.delaysMs ?? []);
    this.#life.recovered('write.settled');
  }

  /** The journal has rejected the init record: there is no entity without it. */
  rejected(cause: Error | undefined): void {
    const text = `the journal refused the init record of ${this.#entity.persistenceId}`;
    const error = new WriteRejectedError(text, { cause });
    this.#entity.signal('persist-rejected', error);
    this.#life.fail(error);
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
