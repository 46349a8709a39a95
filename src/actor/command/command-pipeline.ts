import { atOnce } from '../../model/at-once.ts';
import { DataIntegrityError, WriteFailedError } from '../../model/errors.ts';
import { withoutOutput } from '../delivery/hear-report.ts';
import type { DeliverySender } from '../delivery/sender.ts';
import type { Entity } from '../entity/entity.ts';
import type { HostedState } from '../entity/entity-logic.ts';
import { type Envelope, type Evaluated, isSentAgain } from '../entity/evaluated.ts';
import { GoOn, StoredAfterLoss, type WriteRejected, Written } from '../entity/host-events.ts';
import type { Lifecycle } from '../entity/lifecycle.ts';
import type { EntitySnapshots } from '../snapshots/entity-snapshots.ts';
import { Answers } from './answers.ts';
import { BatchEvaluator } from './batch-evaluator.ts';
import { CommandStash } from './command-stash.ts';
import { type PlannedWrite, planWrites } from './plan-writes.ts';
import { answerStored, isWritten } from './stored-after-loss.ts';

/** What follows on a commit. */
export interface CommitParts<S extends HostedState> {
  readonly snapshots: EntitySnapshots<S>;
  readonly sender: DeliverySender<S>;
}

const nothing: readonly never[] = [];

/**
 * The way of a command through its entity, in this order:
 *
 * 1. *wait*: `receive` puts it into the stash, where it waits for its turn;
 * 2. *evaluate*: `BatchEvaluator` says which events it leads to, nothing has happened yet;
 * 3. *write*: its events get their numbers and go to the journal plugin;
 * 4. *commit*: each stored event is applied for good, one message of the mailbox an event;
 * 5. *answer*: the asker gets its result, from `Answers`.
 *
 * Commands that wait while a write is under way are evaluated together when it is settled, each
 * against the state that those before it lead to, and go out in one write. Nothing of a command
 * can be seen before its own events are stored; answers without events wait for the writes before
 * them.
 *
 * A write may also be *rejected* (certainly not stored) or have *failed* (it may or may not be
 * stored), and the entity may be *lost* to another process meanwhile: see those methods.
 */
export class CommandPipeline<S extends HostedState> {
  readonly stash: CommandStash;
  readonly #entity: Entity<S>;
  readonly #life: Lifecycle<S>;
  readonly #snapshots: EntitySnapshots<S>;
  readonly #sender: DeliverySender<S>;
  readonly #evaluator: BatchEvaluator<S>;
  readonly answers: Answers<S>;
  #batch: readonly Evaluated<S>[] = nothing;
  #planned: readonly PlannedWrite<S>[] = nothing;
  /** How many entries of the batch have had their answer. */
  #answered = 0;
  /** The turn under way ends with effects: of the first state, or of a step of the machine. */
  #hasEffects = true;
  /** The journal has confirmed the write of the batch. */
  #isStored = false;
  /** What `decide` has stashed comes back when the batch is settled. */
  #unstashes = false;
  #waitsForSnapshot = false;
  /** The last committed state of an entity that was lost, while a write is under way. */
  #lostState: S | undefined;

  constructor(entity: Entity<S>, life: Lifecycle<S>, { snapshots, sender }: CommitParts<S>) {
    this.#entity = entity;
    this.#life = life;
    this.#snapshots = snapshots;
    this.#sender = sender;
    this.stash = new CommandStash(entity);
    this.answers = new Answers(entity, life, this.stash);
    this.#evaluator = new BatchEvaluator(entity, life, this.stash, this.answers);
  }

  get isIdle(): boolean {
    return !this.isWriting && this.stash.isEmpty;
  }

  /** What was handed to the journal has not come to its end. */
  get isWriting(): boolean {
    return this.#batch.length > 0;
  }

  /** What a child or a timer of the entity has sent is not stored yet. */
  get hasInput(): boolean {
    return this.#batch.some(({ envelope }) => isSentAgain(envelope)) || this.stash.hasInput;
  }

  /** A message of a machine below the entity is neither stored nor decided upon. */
  get hasChildMessage(): boolean {
    const isOpen = ({ envelope, outcome }: Evaluated<S>): boolean =>
      envelope.fromChild && (!this.#isStored || outcome.type === 'stash');
    return this.#batch.some(isOpen) || this.stash.hasChildMessage;
  }

  /** 1. Wait: the command takes its turn, which may be now. */
  receive(envelope: Envelope): void {
    if (!this.stash.offer(envelope)) {
      this.answers.overflow(envelope);
      return;
    }
    this.drain();
    if (!this.stash.isEmpty) this.stash.note(envelope);
  }

  /**
   * Takes what waits until something has to be written; does nothing while the entity is not
   * ready.
   */
  drain(): void {
    while (this.#life.isReady && !this.stash.isEmpty) {
      const batch = this.#evaluator.evaluate();
      if (batch.length > 0) this.#write(batch);
    }
  }

  /**
   * `drain`, once the effects of the last commit have happened: xstate sends messages and starts
   * children when the turn of the actor ends, and children that answer at once may change what the
   * next command finds.
   */
  drainAfterEffects(): void {
    if (!this.#hasEffects) this.drain();
    else if (!this.stash.isEmpty) this.#entity.tell(new GoOn());
  }

  /**
   * 3. Write: hands the events to the journal, those of a command as one atomic write. It answers
   * through the mailbox.
   */
  #write(batch: readonly Evaluated<S>[]): void {
    const entity = this.#entity;
    const planned = planWrites(entity, batch);
    this.#batch = batch;
    this.#planned = planned;
    this.#answered = 0;
    for (const { envelope } of planned.map(({ evaluated }) => evaluated))
      if (envelope.ask !== undefined) envelope.ask.stored = 'unknown';
    this.#life.report('write.started');
    if (planned.length === 0) {
      this.#tellCommits();
      return;
    }
    const writes = planned.map(({ write }) => write);
    entity.journal.write(writes, () => {
      this.#isStored = true;
      if (this.#life.isLive) this.#tellCommits();
      else entity.tell(new StoredAfterLoss());
    });
  }

  /** One message an event, so that each commit has its own observers and its own children. */
  #tellCommits(): boolean {
    const batch = this.#batch;
    let left = batch.reduce((sum, { steps }) => sum + steps.length, 0);
    if (left === 0) return false;
    for (const evaluated of batch) {
      for (const step of evaluated.steps) {
        this.#entity.tell(new Written(evaluated, step, --left === 0));
      }
    }
    return true;
  }

  /**
   * 4. Commit: applies one stored event. The last one of a command answers it, the last one of a
   * write lets the next write begin.
   */
  commit(written: Written<S>): void {
    if (!this.#life.isLive) return; // lost meanwhile, and answered
    const { evaluated, step, isLast } = written;
    this.#life.succeeded();
    const before = this.#entity.state;
    this.#hasEffects = this.#entity.commit(step);
    this.#snapshots.committed(written);
    if (step.payload !== undefined) this.#sender.committed(step.facts);
    const { state } = this.#entity;
    if (this.#bringsBack(before, state)) this.#unstashes = true;
    if (step === evaluated.steps[evaluated.steps.length - 1]) this.#answerThrough(evaluated);
    if (state.status !== 'active') this.#life.reachedFinalState();
    if (isLast && this.#batch.length > 0) {
      this.#waitsForSnapshot = this.#snapshots.holdsCommands;
      if (!this.#waitsForSnapshot) this.#finish();
    }
  }

  /** What `decide` has stashed comes back after an event that led from one state to the other. */
  #bringsBack(before: S, after: S): boolean {
    const { unstashes } = this.#entity.settings;
    return unstashes === undefined || atOnce(unstashes(before, after), 'unstashOn');
  }

  /** The effects of a commit have happened, or a snapshot is put off: what waited may go on. */
  goOn(): void {
    this.snapshotReported();
    this.drain();
  }

  /** A snapshot was saved, has failed or is put off: commands that wait for it may go on. */
  snapshotReported(): void {
    if (this.#waitsForSnapshot && !this.#snapshots.holdsCommands) this.#finish();
  }

  /** 5. Answer: a command, and those after it that had nothing to store. */
  #answerThrough(evaluated: Evaluated<S>): void {
    for (;;) {
      const next = this.#batch[this.#answered]; // none when an answer has ended the entity
      if (next === undefined || (next !== evaluated && next.steps.length > 0)) return;
      this.#answered++;
      this.answers.answer(next);
    }
  }

  /**
   * Some or all of a write is certainly not stored; the commands before the first such one are.
   */
  rejected({ causes }: WriteRejected): void {
    const first = causes.findIndex((cause) => cause !== undefined);
    const cause = causes[first];
    const culprit = this.#planned[first]?.evaluated;
    if (cause === undefined || culprit === undefined || this.#isTorn(causes)) return;
    const at = this.#batch.indexOf(culprit);
    const isOnlyWrite = this.#planned.length === 1;
    const again = isOnlyWrite ? this.#judge(culprit.envelope, cause) : nothing;
    if (!isOnlyWrite) this.#evaluator.evaluateAlone(this.#batch.length - at);
    const rest = this.#batch.slice(isOnlyWrite ? at + 1 : at);
    for (const { envelope } of rest) if (envelope.ask !== undefined) envelope.ask.stored = 'no';
    this.stash.putBack([...again, ...rest.map(({ envelope }) => envelope)]);
    this.#batch = this.#batch.slice(0, at);
    this.#isStored = true;
    if (!this.#tellCommits()) this.#finish();
  }

  /** The journal has rejected this command, and no other. Gives what is to be tried again of it. */
  #judge(envelope: Envelope, cause: Error): readonly Envelope[] {
    const bare = withoutOutput(envelope, cause);
    if (bare === undefined) {
      this.answers.rejectedByJournal(envelope, cause);
      return nothing;
    }
    const { persistenceId, deps } = this.#entity;
    const fields = { persistenceId, delivery: envelope.delivery, err: cause };
    deps.log.warn(fields, 'a delivery is confirmed without its output, which the journal refused');
    return [bare];
  }

  /** A write was rejected and a later one stored, decided on events that do not exist. */
  #isTorn(causes: WriteRejected['causes']): boolean {
    const first = causes.findIndex((cause) => cause !== undefined);
    if (first < 0 || !causes.slice(first).includes(undefined)) return false;
    const text = 'the journal refused a write and stored a later one';
    this.failed(new WriteFailedError(text, { cause: causes[first] }));
    return true;
  }

  /**
   * The write may or may not be stored. Its askers hear so; commands that had nothing to store are
   * evaluated again when the entity has recovered.
   */
  failed(cause: unknown): void {
    // A DataIntegrityError: another writer has taken the numbers, and the journal has sent nothing.
    const isKnown = cause instanceof WriteFailedError || cause instanceof DataIntegrityError;
    const text = `a write of ${this.#entity.persistenceId} failed; it may or may not be stored`;
    const error = isKnown ? cause : new WriteFailedError(text, { cause });
    const open = this.#batch.slice(this.#answered);
    this.#clearBatch();
    this.#hasEffects = true; // of the recovery to come
    for (const { envelope, steps } of open) if (steps.length > 0) envelope.ask?.fail(error);
    const unwritten = open.filter(({ steps }) => steps.length === 0);
    this.stash.putBack(unwritten.map(({ envelope }) => envelope));
    this.#entity.signal('persist-failed', error);
    this.#life.failed(error, 'write.failed');
  }

  /**
   * The entity is no longer held; its state is still there. What the journal has not answered is
   * settled by its answer, and nothing is recovered before that.
   */
  lost(): void {
    this.#hasEffects = true; // of the recovery to come
    this.#lostState = this.#entity.state;
    if (this.#isStored) this.settledAfterLoss([]);
    else if (this.#planned.length === 0) this.#takeBack(this.#batch.slice(this.#answered));
  }

  /**
   * The journal has answered a write of an entity that was lost meanwhile: `causes` as of
   * `WriteRejected`, empty = all is stored. What is not stored goes back into the stash, and is
   * evaluated anew after the recovery: its askers see nothing of the loss.
   */
  settledAfterLoss(causes: readonly (Error | undefined)[]): void {
    if (this.#isTorn(causes)) return;
    const first = causes.findIndex((cause) => cause !== undefined);
    const culprit = this.#planned[first]?.evaluated;
    const at = culprit === undefined ? this.#batch.length : this.#batch.indexOf(culprit);
    const stored = this.#batch.slice(this.#answered, at);
    answerStored(stored, this.#lostState, (...of) => this.#life.exposeUnowned(...of));
    this.#takeBack([...stored.filter(({ steps }) => !isWritten(steps)), ...this.#batch.slice(at)]);
  }

  /** Certainly not stored, and nothing of it has happened. Children and timers start again. */
  #takeBack(batch: readonly Evaluated<S>[]): void {
    this.#clearBatch();
    const envelopes = batch.map(({ envelope }) => envelope).filter((one) => !isSentAgain(one));
    for (const { ask } of envelopes) if (ask !== undefined) ask.stored = 'no';
    this.stash.putBack(envelopes);
  }

  /** The entity has ended: whoever still waits hears what became of the command. */
  end(): void {
    for (const { envelope, steps } of this.#batch.slice(this.#answered)) {
      const stored = !isWritten(steps) ? 'no' : this.#isStored ? 'yes' : 'unknown';
      envelope.ask?.fail(this.#life.endedError(stored));
    }
    this.#clearBatch();
    for (const { ask } of this.stash.drain()) if (ask !== undefined) this.answers.end(ask);
  }

  #finish(): void {
    if (this.#unstashes) this.stash.bringBack();
    this.#clearBatch();
    this.#life.report('write.settled');
  }

  #clearBatch(): void {
    this.#batch = nothing;
    this.#planned = nothing;
    this.#answered = 0;
    this.#isStored = false;
    this.#unstashes = false;
    this.#waitsForSnapshot = false;
    this.#lostState = undefined;
  }
}
