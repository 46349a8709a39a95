import type { ReplayFilterSettings } from '../../config/settings/plugin-host-settings.ts';
import { DataIntegrityError } from '../../model/errors.ts';
import type { PersistentRepr } from '../../ports/journal-plugin.ts';

/** An event that does not fit those around it, and why. */
export interface FilterFinding {
  readonly event: PersistentRepr;
  readonly why: string;
}

/** How a filter works; `off` needs none. */
export interface ReplayFilterOptions extends Omit<ReplayFilterSettings, 'mode' | 'debug'> {
  readonly mode: Exclude<ReplayFilterSettings['mode'], 'off'>;
  /** The plugin, for messages: `journal my.journal`. */
  readonly name: string;
  /** Called for each event that is left out, or passed on with a warning. */
  readonly report: (finding: FilterFinding) => void;
}

/**
 * Finds events of writers that overlap in one replay. A writer is one incarnation of an entity; the
 * last one to begin is right. Events are held back, `windowSize` of them, since a newer writer may
 * begin below them:
 *
 * ```
 * a1 a2 a3 a4  b3 b4  a5     b took over after a2: a3, a4 and a5 are of an incarnation that did not
 *                            know of b, so they are left out
 * ```
 *
 * Equal numbers of one writer pass. Events already released stay, however low a writer begins.
 */
export class ReplayFilter {
  readonly #options: ReplayFilterOptions;
  /** The first `#ready` of them may go: a newer writer changes nothing of them. */
  #held: PersistentRepr[] = [];
  #ready = 0;
  #writer = '';
  #lastSeqNr = 0;
  /** Oldest first. */
  readonly #oldWriters = new Set<string>();

  constructor(options: ReplayFilterOptions) {
    this.#options = options;
  }

  /**
   * Takes events in the order in which they are stored, and gives those that need not be held back
   * any more.
   *
   * @throws {DataIntegrityError} in mode `fail`; what is held back is not given any more
   */
  take(events: readonly PersistentRepr[]): readonly PersistentRepr[] {
    for (const event of events) this.#add(event);
    const ready = this.#held.splice(0, this.#ready);
    this.#ready = 0;
    return ready;
  }

  /** The replay has ended: gives what is held back. */
  end(): readonly PersistentRepr[] {
    const rest = this.#held;
    this.#forget();
    return rest;
  }

  #add(event: PersistentRepr): void {
    const { seqNr, writerUuid } = event;
    if (this.#held.length - this.#ready >= this.#options.windowSize) this.#ready++;
    if (writerUuid === this.#writer) {
      if (seqNr < this.#lastSeqNr) {
        this.#found(event, `its number is below ${this.#lastSeqNr}, the last one of its writer`);
        return;
      }
    } else if (this.#oldWriters.has(writerUuid)) {
      this.#found(event, `writer ${this.#writer} had taken over from its writer ${writerUuid}`);
      return;
    } else {
      this.#begin(event);
    }
    this.#lastSeqNr = seqNr;
    this.#held.push(event);
  }

  /** A newer writer: what former ones stored from its first number on does not count. */
  #begin({ seqNr, writerUuid }: PersistentRepr): void {
    const { maxOldWriters, mode } = this.#options;
    if (this.#writer !== '') this.#oldWriters.add(this.#writer);
    const [oldest] = this.#oldWriters;
    if (this.#oldWriters.size > maxOldWriters && oldest !== undefined) {
      this.#oldWriters.delete(oldest);
    }
    this.#writer = writerUuid;
    const held = this.#held.splice(this.#ready);
    for (const event of held) {
      const isOvertaken = event.seqNr >= seqNr;
      if (isOvertaken) this.#judge(event, `writer ${writerUuid} began at number ${seqNr}`);
      if (!isOvertaken || mode === 'warn') this.#held.push(event);
    }
  }

  #found(event: PersistentRepr, why: string): void {
    this.#judge(event, why);
    if (this.#options.mode === 'warn') this.#held.push(event);
  }

  /** @throws {DataIntegrityError} in mode `fail` */
  #judge(event: PersistentRepr, why: string): void {
    const { mode, name, report } = this.#options;
    if (mode !== 'fail') {
      report({ event, why });
      return;
    }
    this.#forget();
    const { persistenceId: id, seqNr } = event;
    const text = `${name} gave event ${seqNr} of a writer that overlaps with another one: ${why}`;
    throw new DataIntegrityError(text, { place: { id, seqNr } });
  }

  #forget(): void {
    this.#held = [];
    this.#ready = 0;
  }
}
