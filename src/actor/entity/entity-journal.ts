import type { EventObject } from 'xstate';
import { ClosedError, NotOwnerError, WriteRejectedError } from '../../model/errors.ts';
import type { SeqNr } from '../../model/seq-nr.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import type {
  AtomicWrite,
  HeldPlugin,
  JournalPlugin,
  PersistenceId,
} from '../../ports/journal-plugin.ts';
import { onAbort } from '../../runtime/on-abort.ts';
import type { EventCoding } from '../evolution/event-coding.ts';
import type { EntityDeps } from './entity-deps.ts';
import { TenureLost, WriteFailed, WriteRejected } from './host-events.ts';
import { rejectionsOf } from './journal-answers.ts';
import type { Waits } from './waits.ts';

/** The entity that writes a journal. */
export interface JournalWriter {
  readonly persistenceId: PersistenceId;
  readonly deps: Pick<EntityDeps, 'log'>;
  readonly coding: EventCoding | undefined;
  readonly waits: Waits;
  /** Puts a report into the mailbox of the entity. */
  tell(event: EventObject): void;
}

const doNothing = (): void => {};

function notHeld(persistenceId: PersistenceId, what: 'deleted' | 'stored'): NotOwnerError {
  return new NotOwnerError(`${persistenceId} is no longer held: nothing was ${what}`);
}

/** The journal of one entity: open between a recovery and a failure, and held where it can be. */
export class EntityJournal {
  readonly #writer: JournalWriter;
  #plugin: JournalPlugin | undefined;
  #writeUnderWay: Promise<void> | undefined;
  #held: HeldPlugin | undefined;
  #stopListening = doNothing;

  constructor(writer: JournalWriter) {
    this.#writer = writer;
  }

  /**
   * What the entity writes to, held where that is possible; `undefined` = it has not recovered.
   */
  get plugin(): JournalPlugin | undefined {
    return this.#plugin;
  }

  /** The write that the journal has not answered yet; never rejects. */
  get writeUnderWay(): Promise<void> | undefined {
    return this.#writeUnderWay;
  }

  /** From now on the entity hears, through its mailbox, when it is no longer held. */
  hold(held: HeldPlugin): void {
    this.#held = held;
    const stopListening = onAbort(held.signal, (reason) =>
      this.#writer.tell(new TenureLost(held, reason)),
    );
    // One that was lost by now has been released already.
    if (this.#held === held) this.#stopListening = stopListening;
  }

  /** Lets the journal go, so that nothing more is written; a write under way gets its answer. */
  release(): void {
    const held = this.#held;
    if (held === undefined) return;
    this.#held = undefined;
    this.#stopListening();
    const { persistenceId, deps } = this.#writer;
    held[Symbol.asyncDispose]().then(undefined, (err: unknown) => {
      deps.log.debug({ persistenceId, err }, 'a journal could not be let go in order');
    });
  }

  isHeldBy(held: HeldPlugin): boolean {
    return this.#held === held;
  }

  /** Another process may write the journal by now, though the entity has not heard of it yet. */
  get isLost(): boolean {
    return this.#held?.signal.aborted === true;
  }

  /** The entity has recovered from it: from now on it may be written. */
  open(plugin: JournalPlugin): void {
    this.#plugin = plugin;
  }

  /** Nothing more is written before the next recovery. */
  close(): void {
    this.#plugin = undefined;
    this.release();
  }

  /**
   * Hands writes to the journal. `onStored` is called when all are stored; otherwise the answer
   * comes back through the mailbox, as `WriteRejected` or `WriteFailed`.
   */
  write(writes: readonly AtomicWrite[], onStored: () => void): void {
    this.#writeUnderWay = this.#write(writes, onStored);
  }

  async #write(writes: readonly AtomicWrite[], onStored: () => void): Promise<void> {
    const writer = this.#writer;
    try {
      const plugin = this.#plugin;
      if (plugin === undefined) throw new ClosedError('the entity has not recovered');
      const { coding } = writer;
      const sealed = coding?.cipher === undefined ? writes : await coding.seal(writes);
      // Lost while the key was made: nothing was sent.
      if (this.#plugin !== plugin) throw notHeld(writer.persistenceId, 'stored');
      const causes = rejectionsOf(await plugin.write(sealed), writes.length);
      this.#writeUnderWay = undefined;
      if (causes === undefined) return onStored();
      writer.waits.sayAgain();
      writer.tell(new WriteRejected(causes));
    } catch (error) {
      this.#writeUnderWay = undefined;
      writer.waits.sayAgain();
      const isRejected = error instanceof WriteRejectedError || error instanceof NotOwnerError;
      writer.tell(isRejected ? new WriteRejected(writes.map(() => error)) : new WriteFailed(error));
    }
  }

  /** @throws {NotOwnerError} nothing deleted: the entity has no journal any more */
  async deleteTo(to: SeqNr, options: CallOptions): Promise<void> {
    const { persistenceId } = this.#writer;
    if (this.#plugin === undefined) {
      throw notHeld(persistenceId, 'deleted');
    }
    await this.#plugin.deleteTo(persistenceId, to, options);
  }
}
