import type { AnyActorRef, EventObject } from 'xstate';
import { SeqNr } from '../../model/seq-nr.ts';
import type {
  EventFacts,
  JournalPlugin,
  PersistenceId,
  PersistentRepr,
} from '../../ports/journal-plugin.ts';
import { longestTimeoutMs } from '../../runtime/alarms.ts';
import type { EventCoding } from '../evolution/event-coding.ts';
import { catchRejection } from './catch-rejection.ts';
import { checkSame } from './check-same.ts';
import { ChildMessages } from './child-messages.ts';
import type { EntityDeps, EntityStart } from './entity-deps.ts';
import { EntityJournal } from './entity-journal.ts';
import type { EntityLogic, HostedState } from './entity-logic.ts';
import type { EntitySettings, PersistenceSignal } from './entity-options.ts';
import type { Step } from './evaluated.ts';
import { Outbox } from './outbox.ts';
import { RecentCommands } from './recent-commands.ts';
import type { Replayed } from './replayed.ts';
import { initEvent, withVersion } from './stored-event.ts';
import { dueMs, noDelays, Timers } from './timers.ts';
import { Waits } from './waits.ts';

const noChildren: readonly never[] = [];

/** What is stored of an event beside its payload. */
type BesidePayload = Pick<Step<unknown>, 'tags' | 'facts' | 'form' | 'manifest' | 'command'>;

/** How an actor had ended that comes back from a snapshot of its parent. */
export interface EndedPointer extends Required<HostedState> {
  readonly sequenceNr: number;
}

/**
 * Where the init record of a new journal is: stored, to be stored with the first event, or none.
 */
export type InitRecord = 'stored' | 'with-first-event' | 'none';

/**
 * One actor as its journal has it: the committed state and the number of the last stored event.
 * Everybody reads it. It changes only here, in this order:
 *
 * ```
 * adopt ─→ (begin, in a new journal) ─→ commit, commit, … ─→ stop
 *   ↑                                        │
 *   └──────────────── forget ←───────────────┘   after a failure, or the loss of its tenure
 * ```
 *
 * Before `adopt`, where the journal can be held: `journal.hold`. What the entity writes until
 * `forget`, it writes under the tenure under which its recovery began.
 */
export class Entity<S extends HostedState> {
  readonly persistenceId: PersistenceId;
  readonly deps: EntityDeps;
  readonly settings: EntitySettings<S>;
  readonly logic: EntityLogic<S>;
  readonly self: AnyActorRef;
  readonly journal: EntityJournal;
  readonly childMessages = new ChildMessages();
  readonly initialActs: boolean;
  isToldToStop = false;
  readonly #blank: S;
  #state: S;
  #sequenceNr = 0;
  #input: unknown;
  #initPending = false;
  #writerUuid = '';
  #coding: EventCoding | undefined;
  #bornWith: string | undefined;
  #timers = new Timers();
  #waits = new Waits();
  #recent: RecentCommands;
  #outbox = new Outbox();

  constructor(start: EntityStart<S>) {
    const { persistenceId, deps, settings, logic, self, input, state, initialActs } = start;
    this.persistenceId = persistenceId as PersistenceId;
    this.deps = deps;
    this.settings = settings;
    this.logic = logic;
    this.self = self;
    this.initialActs = initialActs;
    this.#blank = state;
    this.#state = state;
    this.#input = input;
    this.#recent = new RecentCommands(settings.actor.commandIds);
    this.journal = new EntityJournal(this);
  }

  /** The committed state. */
  get state(): S {
    return this.#state;
  }

  /**
   * The children of its state. Those of the first state, which it shows while it has none of its
   * own, have never started.
   */
  get children(): readonly AnyActorRef[] {
    return this.#state === this.#blank ? noChildren : this.logic.childrenOf(this.#state);
  }

  /** Number of the last event that is stored and applied. */
  get sequenceNr(): number {
    return this.#sequenceNr;
  }

  /** What the actor was started with; after a recovery: what its journal says. */
  get input(): unknown {
    return this.#input;
  }

  /** The next event gets the number after this one. A pending init record takes a number, too. */
  get numberBeforeNext(): number {
    return this.#initPending ? this.#sequenceNr + 1 : this.#sequenceNr;
  }

  /** The init record is to be stored with the next event. */
  get initPending(): boolean {
    return this.#initPending;
  }

  /** One UUID a recovery: by it the writers of a journal are told apart. */
  get writerUuid(): string {
    return this.#writerUuid;
  }

  /** How its events are stored; `undefined` = as they are. */
  get coding(): EventCoding | undefined {
    return this.#coding;
  }

  /** Version of the machine that began the journal; `undefined` = none is known of it. */
  get bornWith(): string | undefined {
    return this.#bornWith;
  }

  get timers(): Timers {
    return this.#timers;
  }

  /** What its appends say of what it waits for. */
  get waits(): Waits {
    return this.#waits;
  }

  /** The commands whose askers may ask again. */
  get recent(): RecentCommands {
    return this.#recent;
  }

  /** What it has to deliver. */
  get outbox(): Outbox {
    return this.#outbox;
  }

  /** It has reached a final state, and takes no more commands; it lives until all is delivered. */
  get isOnlyDelivering(): boolean {
    return this.#state.status === 'done' && this.#outbox.size > 0;
  }

  /**
   * Takes what the journal says. The state of a journal that was never written is left to `begin`.
   *
   * @throws {RecoveryFailedError} the children of the state cannot be made again
   */
  adopt(journal: JournalPlugin, replayed: Replayed<S>): void {
    this.journal.open(journal);
    this.#writerUuid = this.deps.randomUuid();
    this.#sequenceNr = replayed.sequenceNr;
    this.#coding = replayed.coding;
    this.#bornWith = replayed.state ? replayed.bornWith : this.settings.machineVersion;
    this.#coding?.useNames(this.logic.machineOf(this.#bornWith));
    this.#timers = new Timers();
    this.#waits = new Waits();
    this.#recent = replayed.recent;
    this.#outbox = replayed.outbox;
    if (replayed.state === undefined) return;
    this.#input = replayed.input;
    this.#initPending = false;
    const pauseMs = this.#pauseMs(replayed);
    const { state, run, stillMs } = replayed;
    this.#state = this.logic.adoptReplay(state, run, stillMs + pauseMs);
    const { logic } = this;
    for (const child of this.children) {
      const backoffEndMs = logic.backoffEndMs(child);
      if (!logic.isRunning(child)) this.#waits.endedIn([child]);
      else if (backoffEndMs !== undefined) this.#waits.waitsUntil(child, backoffEndMs);
    }
    if (this.#state.status === 'active') this.#rearm(replayed, pauseMs);
  }

  /** The first state of all, for good. `facts` = what its init record says, such as its delays. */
  begin(init: InitRecord, facts: EventFacts): void {
    if (init === 'stored') this.#sequenceNr = 1;
    this.#initPending = init === 'with-first-event';
    this.#outbox.note(facts, this.#sequenceNr);
    this.#timers.beginStep({ seqNr: 0, delaysMs: facts.delaysMs ?? noDelays });
    this.#state = this.logic.begin(this.#input);
  }

  /**
   * Applies a stored event, or one that is not to be stored.
   *
   * @returns whether effects follow when the actor's turn ends; none do when the outcome of the
   * dry run could be taken as it is
   * @throws what an action throws
   * @throws {InvalidInputError} with `checkDeterminism`: the state is another one than in the dry
   *   run
   */
  commit(step: Step<S>): boolean {
    if (step.seqNr > 0) {
      this.#sequenceNr = step.seqNr;
      this.#initPending = false;
      this.#timers.stillMs = 0;
      const { command, event } = step;
      if (command !== undefined) this.#recent.note(command, [event], this.deps.clock.nowMs());
      // The first part of an event has what concerns all of them.
      if (step.payload !== undefined) this.#outbox.note(step.facts, step.seqNr, command);
    }
    if (step.attempt !== undefined) {
      this.logic.takeAttempt(step.attempt);
      return true;
    }
    if (step.trace !== undefined && step.base === this.#state) {
      this.#state = step.next;
      this.logic.adoptStep(step.next, step.event, step.trace);
      return false;
    }
    const { part, facts } = step;
    this.#timers.beginStep({ seqNr: this.#sequenceNr, part, delaysMs: facts.delaysMs ?? noDelays });
    this.#state = this.logic.commit(this.#state, step.event, this.#sequenceNr, part);
    const isSure = this.settings.actor.checkDeterminism && step.payload !== undefined;
    if (isSure) checkSame(step.event, step.next, this.#state);
    return true;
  }

  /** Nothing of the state is certain any more: the next recovery reads it from the journal. */
  forget(): void {
    this.#state = this.#blank;
    this.#sequenceNr = 0;
    this.#timers = new Timers();
    this.#recent = new RecentCommands(this.settings.actor.commandIds);
    this.#outbox = new Outbox();
    this.journal.close();
  }

  /** The actor is stopped from outside. */
  stop(event: EventObject): void {
    this.#state = this.logic.stop(this.#state, event);
  }

  /** The actor had ended like this, and is shown so again without its journal being read. */
  adoptEnd({ status, output, error, sequenceNr }: EndedPointer): void {
    this.#state = { ...this.#state, status, output, error };
    this.#sequenceNr = sequenceNr;
  }

  /** The event as the journal stores it, with the number `seqNr`. */
  reprOf(
    seqNr: number,
    payload: unknown,
    { tags, facts, form, manifest, command }: BesidePayload,
  ): PersistentRepr {
    const said = command === undefined ? facts : { ...facts, command };
    const repr: PersistentRepr = {
      persistenceId: this.persistenceId,
      seqNr: SeqNr.of(seqNr),
      payload,
      manifest,
      writerUuid: this.#writerUuid,
      timestampMs: undefined,
      tags,
      facts: withVersion(said, this.settings.machineVersion, this.#bornWith),
    };
    return form === undefined ? repr : { ...repr, form };
  }

  /** The init record, the first one of a journal. */
  initRepr(seqNr: number, facts: EventFacts): PersistentRepr {
    const beside = { tags: [], facts, form: undefined, manifest: '', command: undefined };
    return this.reprOf(seqNr, initEvent(this.#input), beside);
  }

  /** What the entity reports to itself takes its turn in the mailbox, where inspectors see it. */
  tell(event: EventObject): void {
    this.self.send(event);
  }

  /**
   * Calls the user's `onSignal`.
   *
   * @throws what that throws
   */
  signal(type: PersistenceSignal['type'], cause?: unknown, sequenceNr = this.#sequenceNr): void {
    const signal = cause === undefined ? { type, sequenceNr } : { type, sequenceNr, cause };
    catchRejection(this.settings.onSignal?.(signal, this.#state), this, type === 'recovery-failed');
  }

  /** One link of a delay that is longer than Node's timers has passed: arms the next one. */
  continueTimer(key: string): void {
    const timer = this.#timers.get(key);
    if (timer === undefined) return;
    const delayMs = Math.max(0, dueMs(timer) - this.deps.clock.nowMs());
    const isArmed = this.logic.arm(this.#state, timer, delayMs);
    const isLastLink = delayMs <= longestTimeoutMs;
    // What goes to others is not seen again.
    if (!isArmed || (isLastLink && timer.target.type !== 'self')) this.#timers.remove(timer);
  }

  /** For how long time has stood still since the last event, ms. */
  #pauseMs({ lastSeenMs = 0 }: Replayed<S>): number {
    const stoodStill = this.settings.actor.timers === 'remaining' && lastSeenMs > 0;
    return stoodStill ? this.deps.clock.nowMs() - lastSeenMs : 0;
  }

  /** Arms what the replay found waiting. What is overdue fires at once, the earliest first. */
  #rearm({ timers: found, lastEventMs }: Replayed<S>, pauseMs: number): void {
    const { deps, settings, persistenceId } = this;
    const nowMs = deps.clock.nowMs();
    found.forgetSent(lastEventMs);
    const timers = found.copy(); // the next snapshot needs them as the events left them
    timers.goOn(pauseMs);
    for (const timer of timers.pending()) {
      if (settings.actor.timers === 'restart') timer.fromMs = nowMs;
      const delayMs = Math.max(0, dueMs(timer) - nowMs);
      if (this.logic.arm(this.#state, timer, delayMs)) continue;
      timers.remove(timer);
      const fields = { persistenceId, timer: timer.id };
      deps.log.warn(fields, 'a delayed event is lost: nobody can tell whom it was for');
    }
    this.#timers = timers;
  }
}
