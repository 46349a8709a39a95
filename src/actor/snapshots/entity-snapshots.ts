import type { EventObject } from 'xstate';
import { atOnce } from '../../model/at-once.ts';
import { NotOwnerError } from '../../model/errors.ts';
import { SeqNr } from '../../model/seq-nr.ts';
import type { JournalPlugin } from '../../ports/journal-plugin.ts';
import type { SnapshotMetadata, SnapshotStore } from '../../ports/snapshot-store.ts';
import { SnapshotCriteria } from '../../ports/snapshot-store.ts';
import type { Entity } from '../entity/entity.ts';
import type { HostedState } from '../entity/entity-logic.ts';
import type { PersistenceSignal } from '../entity/entity-options.ts';
import { isStored } from '../entity/evaluated.ts';
import type { Written } from '../entity/host-events.ts';
import { GoOn, SnapshotReport } from '../entity/host-events.ts';
import type { Replayed } from '../entity/replayed.ts';
import type { TimerChange } from '../entity/timers.ts';
import { bytesOf, hasSnapshot, mayLose, uncovered, whyNone } from './cover-deletion.ts';
import { snapshotPlace } from './snapshot-content.ts';
import { StoredContent } from './stored-content.ts';

/** Logics whose snapshots have no place; each is named once. */
const warned = new WeakSet<object>();

/** Events that a snapshot is late: a recovery has that many more to apply, and the log says so. */
const eventsLate = 1000;

/** The turn of an actor, in which it takes one message. */
export interface Turn {
  /** Runs `work` at its end, when the effects that came before have happened. */
  defer(work: () => void): void;
}

/**
 * Takes the snapshots of one entity: of its committed state, so of stored events only. A snapshot
 * is made into bytes in the turn that commits its last event, once that has reached the children,
 * whose states are in it, too. It is saved in the background, one at a time. What becomes of it
 * comes back through the mailbox, as signals for the user.
 *
 * A child machine that has sent something to the entity goes on after that in a recovery from the
 * snapshot, and does not send it again. A crash before it is stored would lose it. So a snapshot
 * that comes due while such a message is open is put off until a later commit.
 *
 * A round of retention follows on a saved snapshot: events first, then snapshots, so that no
 * snapshot goes as long as an event that it replaces is there.
 */
export class EntitySnapshots<S extends HostedState> {
  readonly #entity: Entity<S>;
  readonly #turn: Turn;
  readonly #hasChildMessage: () => boolean;
  #store: SnapshotStore | undefined;
  /** Of an entity with a store; that of many has none. */
  #content: StoredContent<S> | undefined;
  /** The state holds every event of the journal. */
  #isWhole = true;
  /** An event of the command under way asks for a snapshot, or one of an earlier command did. */
  #due: 'no' | 'by-itself' | 'by-retention' = 'no';
  /** Number of the entity when it was first put off; `undefined` = it was not. */
  #putOffAt: number | undefined;
  /** One is taken when the turn under way ends. */
  #isTaking = false;
  /** The save under way. */
  #saving: Promise<PersistenceSignal> | undefined;
  /**
   * Number of the newest snapshot that is known to stand for the events before it: the entity came
   * from it, or has saved it since; 0 = there is none.
   */
  #savedAt = 0;
  /** Number of the snapshot that the entity came from, until it saves one itself; 0 = none. */
  #cameFrom = 0;
  /** Recoveries so far: what is saved before one says nothing of the journal after it. */
  #recoveries = 0;
  #isRetaining = false;
  /** The newest one of a life before this one; `undefined` = none is known. */
  #former: SnapshotMetadata | undefined;
  #hasWarned = false;

  /**
   * @param hasChildMessage whether a message of a machine below the entity is neither stored nor
   *   decided upon
   */
  constructor(entity: Entity<S>, turn: Turn, hasChildMessage: () => boolean) {
    this.#entity = entity;
    this.#turn = turn;
    this.#hasChildMessage = hasChildMessage;
  }

  /** Commands wait for the snapshot that is being saved. */
  get holdsCommands(): boolean {
    const isUnderWay = this.#isTaking || this.#saving !== undefined;
    return isUnderWay && this.#entity.settings.snapshots.holdsCommands;
  }

  /**
   * The store to recover from; `undefined` = there is none.
   *
   * @throws {InvalidInputError} the entity deletes events, and the store may lose snapshots
   */
  async open(signal: AbortSignal): Promise<SnapshotStore | undefined> {
    const { deps, settings, persistenceId } = this.#entity;
    const { pluginId, retention, when } = settings.snapshots;
    const store = await deps.snapshotStore(pluginId, signal);
    const isWanted = (retention ?? when) !== undefined;
    if (store === undefined && isWanted && !warned.has(settings.snapshots)) {
      warned.add(settings.snapshots);
      const text = 'no snapshot is taken: there is no snapshot store';
      deps.log.warn({ persistenceId, snapshotPluginId: pluginId }, text);
    }
    const deletes = retention?.deleteEvents === true;
    if (store?.isOptional === true && deletes) throw mayLose(persistenceId);
    this.#store = store;
    this.#content = store && (this.#content ?? new StoredContent(this.#entity));
    return store;
  }

  /** The entity has taken what its journal says. */
  adopted(replayed: Replayed<S>): void {
    const { isWhole, formerSnapshot, snapshotSeqNr } = replayed;
    this.#recoveries++;
    this.#former = formerSnapshot;
    this.#content?.adopted(replayed);
    this.#isWhole = isWhole;
    this.#takeDue();
    this.#savedAt = snapshotSeqNr;
    this.#cameFrom = snapshotSeqNr;
  }

  /**
   * Up to where events may be deleted, of which those up to `to` are to go: a snapshot has to stand
   * for them, and its own last event proves that it belongs to the journal. So one is taken where
   * it is needed.
   *
   * One number is never saved twice. When the second save fails, what it may have left is deleted:
   * the first snapshot would go with it, and the events before it may be deleted by then. The save
   * of a former life may fail only now, and take the snapshot along that the entity came from. So
   * we wait for the saves and deletions under way, then look whether that snapshot is still there.
   *
   * @throws {InvalidInputError} none can be taken, so nothing may be deleted
   * @throws {NotOwnerError} nothing may be deleted: another process has had the journal meanwhile
   * @throws what the store rejects with
   */
  async coverDeletion(to: number): Promise<number> {
    const store = this.#store;
    const content = this.#content;
    if (store === undefined || content === undefined) return to;
    const { persistenceId, deps, journal } = this.#entity;
    const recoveries = this.#recoveries;
    const isSame = () => recoveries === this.#recoveries && journal.plugin !== undefined;
    // Of this turn: a look in a later one would find the deletion itself, and wait for ever.
    await deps.live.upkeep.of(persistenceId);
    while (this.#saving !== undefined) await this.#saving;
    const isGone = this.#cameFrom > 0 && !(await hasSnapshot(store, persistenceId, this.#cameFrom));
    if (isGone && isSame()) this.#savedAt = 0;
    const isCovered = this.#savedAt > to || this.#savedAt >= this.#entity.sequenceNr;
    if (!isCovered && isSame()) await this.#saveNow(store, content);
    if (isSame()) return Math.min(to, this.#savedAt - 1);
    throw new NotOwnerError(`${persistenceId} has recovered anew meanwhile: nothing was deleted`);
  }

  async #saveNow(store: SnapshotStore, content: StoredContent<S>): Promise<void> {
    const { persistenceId, sequenceNr, deps } = this.#entity;
    const why = whyNone(this.#entity.state, this.#isWhole, this.#hasChildMessage());
    if (why !== undefined) throw uncovered(persistenceId, why);
    const seqNr = SeqNr.of(sequenceNr);
    const metadata = { persistenceId, seqNr, timestampMs: deps.clock.nowMs() };
    const saved = await this.#save(store, metadata, bytesOf(content, persistenceId));
    this.#report(saved);
    if (saved.type !== 'snapshot-saved') throw saved.cause;
  }

  /** The first state of all is live; `changes` = the delayed events that it arms. */
  begun(changes: readonly TimerChange[], delaysMs: readonly (number | null)[]): void {
    this.#content?.begun(changes, delaysMs);
  }

  /** After a recovery that had to apply many events, the next one shall not have to. */
  recovered({ appliedEvents }: Replayed<S>): void {
    const { retention } = this.#entity.settings.snapshots;
    const isDue = retention !== undefined && appliedEvents >= retention.snapshotEvery;
    if (!isDue) return;
    this.#due = 'by-retention';
    this.#takeAfterEffects();
  }

  /**
   * The entity has committed an event.
   *
   * @throws what `snapshotWhen` throws
   */
  committed({ evaluated, step }: Written<S>): void {
    const content = this.#content;
    if (content === undefined || !isStored(step)) return;
    const { envelope, steps } = evaluated;
    content.committed(step);
    if (envelope.child !== undefined) this.#entity.logic.noteEnd(envelope.child);
    this.#ask(step.event, step.seqNr);
    // A command is stored whole or not at all, so a snapshot holds all of it.
    if (step !== steps[steps.length - 1]) return;
    if (this.#due !== 'no') this.#takeAfterEffects();
  }

  /**
   * When the turn ends. Until then messages of the last event to children are on their way, and
   * children that a recovery made again have not armed their delays: no journal has them.
   */
  #takeAfterEffects(): void {
    if (!this.#mayTake) {
      this.#takeDue();
      return;
    }
    this.#isTaking = true;
    this.#turn.defer(() => {
      this.#isTaking = false;
      if (this.#hasChildMessage()) {
        this.#putOff();
        return;
      }
      this.#take(this.#takeDue() === 'by-retention');
    });
  }

  /** Why a snapshot is due. None is due any more. */
  #takeDue(): 'no' | 'by-itself' | 'by-retention' {
    const due = this.#due;
    this.#due = 'no';
    this.#putOffAt = undefined;
    return due;
  }

  #putOff(): void {
    const { settings, sequenceNr } = this.#entity;
    // Commands that wait for the snapshot may be what it waits for.
    if (settings.snapshots.holdsCommands) this.#entity.tell(new GoOn());
    this.#putOffAt ??= sequenceNr;
    if (sequenceNr - this.#putOffAt < eventsLate) return;
    const since = `after each event since ${this.#putOffAt}`;
    this.#warn(new Error(`${since}, a message of a child machine was still to be stored`));
  }

  #ask(event: EventObject, sequenceNr: number): void {
    const { retention, when } = this.#entity.settings.snapshots;
    if (retention !== undefined && sequenceNr % retention.snapshotEvery === 0) {
      this.#due = 'by-retention';
    } else if (this.#due === 'no' && when !== undefined) {
      const { state: snapshot } = this.#entity;
      const isDue = atOnce(when({ snapshot, event, sequenceNr }), 'snapshotWhen');
      if (isDue) this.#due = 'by-itself';
    }
  }

  /** One that comes due while another is being saved is left out. */
  get #mayTake(): boolean {
    const { sequenceNr, state } = this.#entity;
    if (this.#saving !== undefined || !this.#isWhole || state.status !== 'active') return false;
    return sequenceNr !== 0 && sequenceNr !== this.#savedAt;
  }

  #take(isRetained: boolean): void {
    const entity = this.#entity;
    const store = this.#store;
    const content = this.#content;
    if (store === undefined || content === undefined) return;
    const { sequenceNr } = entity;
    let bytes: Uint8Array;
    try {
      bytes = content.bytes();
    } catch (cause) {
      this.#warn(cause);
      this.#report({ type: 'snapshot-failed', sequenceNr, cause });
      return;
    }
    const { persistenceId, deps } = entity;
    const timestampMs = deps.clock.nowMs();
    const metadata = { persistenceId, seqNr: SeqNr.of(sequenceNr), timestampMs };
    const journal = isRetained ? entity.journal.plugin : undefined;
    const keeping = this.#keep(store, metadata, bytes, journal).catch((err) => {
      deps.log.error({ persistenceId, err }, 'a snapshot came to no end');
    });
    // A purge waits for it: the snapshot would come back after the others are deleted.
    deps.live.upkeep.add(persistenceId, keeping);
  }

  /** `journal` = that of a snapshot on which a round of retention follows. */
  async #keep(
    store: SnapshotStore,
    metadata: SnapshotMetadata,
    bytes: Uint8Array,
    journal: JournalPlugin | undefined,
  ): Promise<void> {
    this.#saving = this.#save(store, metadata, bytes);
    const saved = await this.#saving;
    this.#saving = undefined;
    this.#report(saved);
    if (saved.type !== 'snapshot-saved' || journal === undefined || this.#isRetaining) return;
    if (this.#entity.journal.plugin !== journal) return; // another process may have the entity by now
    this.#isRetaining = true;
    await this.#retain(metadata, store, journal);
    this.#isRetaining = false;
  }

  /** Never rejects. */
  async #save(
    store: SnapshotStore,
    metadata: SnapshotMetadata,
    bytes: Uint8Array,
  ): Promise<PersistenceSignal> {
    const sequenceNr = metadata.seqNr;
    const recoveries = this.#recoveries;
    const cipher = this.#entity.coding?.cipher;
    try {
      // Of an entity that has written nothing since it is encrypted there is no key yet.
      if (cipher !== undefined) await cipher.ready();
      await store.save(metadata, cipher?.seal(bytes, snapshotPlace(sequenceNr)) ?? bytes);
      if (recoveries === this.#recoveries) {
        this.#savedAt = Math.max(this.#savedAt, sequenceNr);
        this.#cameFrom = 0;
      }
    } catch (cause) {
      return { type: 'snapshot-failed', sequenceNr, cause };
    }
    await this.#deleteFormer(sequenceNr, store);
    return { type: 'snapshot-saved', sequenceNr };
  }

  /**
   * The purge of an expired journal leaves its snapshots. Those above the numbers of the present
   * life would be tried by each recovery. They go when there is a newer one: until then they may be
   * all that is left of an entity whose journal was lost. A snapshot of the present life is younger
   * than all of them, and no other one is being saved meanwhile. Never rejects.
   */
  async #deleteFormer(savedAt: number, store: SnapshotStore): Promise<void> {
    const former = this.#former;
    this.#former = undefined;
    if (former === undefined || former.seqNr <= savedAt) return;
    const { seqNr: maxSeqNr, timestampMs: maxTimestampMs } = former;
    const criteria = { ...SnapshotCriteria.all, minSeqNr: savedAt + 1, maxSeqNr, maxTimestampMs };
    const deleting = store.deleteMatching(this.#entity.persistenceId, criteria);
    await this.#outcome('snapshots', maxSeqNr, deleting);
  }

  /**
   * Deletes what nobody needs any more once there is this snapshot. Never rejects.
   *
   * Another process may have purged the journal meanwhile and have begun it anew, with the same
   * numbers: what was saved after this snapshot is perhaps all that the new life has.
   */
  async #retain(
    { persistenceId, seqNr: savedAt, timestampMs: maxTimestampMs }: SnapshotMetadata,
    store: SnapshotStore,
    journal: JournalPlugin,
  ): Promise<void> {
    const { settings } = this.#entity;
    const { retention } = settings.snapshots;
    if (retention === undefined) return;
    const { snapshotEvery, keepSnapshots, deleteEvents } = retention;
    let to = Math.max(0, savedAt - keepSnapshots * snapshotEvery);
    if (deleteEvents) {
      // Event number `savedAt` stays: it proves that the snapshot belongs to the journal.
      if (store.onlyOne === true) to = savedAt - 1;
      if (to === 0) return;
      const deleting = journal.deleteTo(persistenceId, SeqNr.of(to));
      if (!(await this.#outcome('events', to, deleting))) return;
      to--;
    }
    if (to === 0 || store.onlyOne === true) return;
    const criteria = { ...SnapshotCriteria.all, maxSeqNr: to, maxTimestampMs };
    await this.#outcome('snapshots', to, store.deleteMatching(persistenceId, criteria));
  }

  async #outcome(
    what: 'events' | 'snapshots',
    sequenceNr: number,
    deleting: Promise<void>,
  ): Promise<boolean> {
    try {
      await deleting;
    } catch (cause) {
      this.#report({ type: `${what}-delete-failed`, sequenceNr, cause });
      return false;
    }
    this.#report({ type: `${what}-deleted`, sequenceNr });
    return true;
  }

  /** Most entities have no listener: they need no message for each snapshot. */
  #report(signal: PersistenceSignal): void {
    const { onSignal, snapshots } = this.#entity.settings;
    if (onSignal === undefined && !snapshots.holdsCommands) return;
    this.#entity.tell(new SnapshotReport(signal));
  }

  #warn(cause: unknown): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    const { persistenceId, deps } = this.#entity;
    deps.log.warn(
      { persistenceId, err: cause },
      'the entity has a state of which no snapshot can be taken',
    );
  }
}
