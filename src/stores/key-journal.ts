import {
  type BeforeChange,
  type ChangeSettings,
  changeByAppend,
  changeByDelete,
  changeByPurge,
  type RowChange,
} from '../history/row-change.ts';
import type { JournalPointer } from '../model/journal-pointer.ts';
import type { Offset, Partition, PartitionOffset } from '../model/position.ts';
import type {
  ReplicatedAppend,
  ReplicatedDelete,
  ReplicatedPurge,
} from '../model/replicated-batch.ts';
import type { WakeUpChange } from '../model/wake-up.ts';
import type { ReplicatedKeyJournal, WakeUpTime } from '../ports/replicated-journal.ts';
import type { KeyWakeUps } from './kept-wake-ups.ts';

/** When a change is made: for the action at `at`, by the replicator's clock. */
export interface ChangeTime {
  readonly at: PartitionOffset;
  readonly nowMs: number;
}

/** The rows of one journal in one store: its own row and those of its events. */
export interface JournalRows {
  /**
   * The journal's row as this process last read or wrote it; as before when a change has failed.
   */
  readonly pointer: JournalPointer | undefined;
  /**
   * Executes a change. Also `none` is executed: a store may have to write the row again all the
   * same.
   *
   * @throws {StoreUnavailableError} may be applied in part; repeat it on a journal that is opened
   * again
   */
  apply(change: RowChange, time: ChangeTime): Promise<void>;
}

/** What the changes of a journal need besides its rows. */
export interface KeyJournalSettings extends Omit<ChangeSettings, 'nowMs'> {
  readonly wakeUps: KeyWakeUps;
}

/**
 * One journal as the replicator writes it, whatever the store: history decides what a batch makes
 * of its rows, the store executes it.
 */
export class KeyJournal implements ReplicatedKeyJournal {
  readonly #rows: JournalRows;
  readonly #settings: KeyJournalSettings;
  /** What was re-delivered from before the last purge must not revive the journal. */
  #purgedAt: Offset | undefined;

  /** @param rows stay this journal's own: nobody else changes them */
  constructor(rows: JournalRows, settings: KeyJournalSettings) {
    this.#rows = rows;
    this.#settings = settings;
  }

  get pointer(): JournalPointer | undefined {
    return this.#rows.pointer;
  }

  loadWakeUp(partition: Partition): Promise<void> {
    return this.#settings.wakeUps.load(partition);
  }

  async saveWakeUp(change: WakeUpChange, time: WakeUpTime): Promise<void> {
    await this.#settings.wakeUps.save(change, time);
  }

  wakeUpOffset(partition: Partition): Promise<Offset | undefined> {
    return this.#settings.wakeUps.offset(partition);
  }

  async append(batch: ReplicatedAppend, nowMs: number): Promise<boolean> {
    const change = changeByAppend(this.#before, batch, { ...this.#settings, nowMs });
    return await this.#apply(change, { at: batch.at, nowMs });
  }

  async delete(batch: ReplicatedDelete, nowMs: number): Promise<boolean> {
    return await this.#apply(changeByDelete(this.#before, batch), { at: batch.at, nowMs });
  }

  async purge(batch: ReplicatedPurge, nowMs: number): Promise<boolean> {
    return await this.#apply(changeByPurge(this.#before, batch), { at: batch.at, nowMs });
  }

  get #before(): BeforeChange {
    return { row: this.#rows.pointer, purgedAt: this.#purgedAt };
  }

  async #apply(change: RowChange, time: ChangeTime): Promise<boolean> {
    await this.#rows.apply(change, time);
    if (change.type === 'none') return false;
    if (change.type !== 'remove') return true;
    this.#purgedAt = time.at.offset;
    return change.during !== undefined;
  }
}
