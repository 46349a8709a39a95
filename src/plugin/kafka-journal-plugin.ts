import type { HeldJournal } from '../journal/holding/held-journal.ts';
import { TenuresNotKeptError } from '../journal/holding/why-not-open.ts';
import type { Journal } from '../journal/journal.ts';
import type { Journals } from '../journal/journals.ts';
import { InvalidInputError } from '../model/errors.ts';
import { Key } from '../model/key.ts';
import type { Topic } from '../model/position.ts';
import type { Logger } from '../observability/logger.ts';
import type { CallOptions } from '../ports/call-options.ts';
import type { HeldPlugin, JournalPlugin, PersistenceId } from '../ports/journal-plugin.ts';
import type { Clock } from '../runtime/clock.ts';
import { JournalCalls, type JournalCallsOptions } from './journal-calls.ts';

/** What the plugin works with; it owns the journals and closes them. */
export interface KafkaJournalPluginDeps {
  readonly journals: Journals;
  readonly keyOf: (persistenceId: string) => Key;
  /** Events put in one record when several atomic writes are grouped; at most 0 = no limit. */
  readonly maxEventsInBatch: number;
  /**
   * Entities are woken, so they say what they wait for. Only whoever holds a journal knows that.
   */
  readonly wakesEntities: boolean;
  readonly log: Logger;
  readonly clock: Clock;
  /** Closes what the journals are made of. */
  readonly close: () => Promise<void>;
}

/** After that time a topic in which no tenure can be opened is asked for one again. */
const askAgainMs = 60_000;

/** The journals that were used last, each about a kilobyte. */
const maxJournals = 10_000;

/**
 * The plugin of the journals of this package, over Kafka and a store or in an embedded file: it has
 * the name of the package.
 */
export class KafkaJournalPlugin extends JournalCalls implements JournalPlugin {
  readonly #deps: KafkaJournalPluginDeps;
  /** Topics whose journals cannot be held, and when to ask again, ms since the epoch. */
  readonly #notHeldUntilMs = new Map<Topic, number>();
  /** The entity that holds a key, or is about to, by key. */
  readonly #reservations = new Map<string, Reservation>();
  #hasWarned = false;
  /** Absent when tenures are off: then nobody waits for an answer that is known. */
  readonly hold?: NonNullable<JournalPlugin['hold']>;

  constructor(deps: KafkaJournalPluginDeps) {
    super(lastUsed(deps), { maxEventsInBatch: deps.maxEventsInBatch, saysWakeUps: false });
    this.#deps = deps;
    if (deps.journals.canHold) this.hold = (id, options) => this.#hold(id, options);
  }

  async #hold(id: PersistenceId, options?: CallOptions): Promise<HeldPlugin | undefined> {
    const { journals, keyOf, clock, log, maxEventsInBatch, wakesEntities } = this.#deps;
    const key = keyOf(id);
    if (clock.steadyMs() < (this.#notHeldUntilMs.get(key.topic) ?? 0)) return undefined;
    const letGo = this.#reserve(key, id);
    try {
      const held = await journals.hold(key, options);
      const how = { maxEventsInBatch, saysWakeUps: wakesEntities, letGo };
      return new HeldKafkaPlugin(held, how);
    } catch (err) {
      letGo();
      // If a missing topic passed for this, its entities would write without a tenure once it is
      // made.
      if (!(err instanceof TenuresNotKeptError)) throw err;
      this.#notHeldUntilMs.set(key.topic, clock.steadyMs() + askAgainMs);
      if (!this.#hasWarned) log.warn({ topic: key.topic, err }, notHeld);
      this.#hasWarned = true;
      return undefined;
    }
  }

  /** @throws {InvalidInputError} another entity holds the key: both would write into one journal */
  #reserve(key: Key, id: PersistenceId): () => void {
    const name = Key.toString(key);
    const other = this.#reservations.get(name)?.id ?? id;
    if (other !== id) {
      const text = `persistence ids "${id}" and "${other}" have one key, ${name}`;
      throw new InvalidInputError(`${text}: change persistence-id-to-key, or one of them`);
    }
    const reservation: Reservation = { id };
    this.#reservations.set(name, reservation);
    return () => {
      if (this.#reservations.get(name) === reservation) this.#reservations.delete(name);
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#deps.close();
  }
}

/** One object for each: letting an earlier one go must not end a later one. */
interface Reservation {
  readonly id: PersistenceId;
}

const notHeld =
  'entities are written without a tenure: when two processes write one of them, acknowledged events ' +
  'may be lost';

/**
 * A journal holds nothing open, but making one for each write costs as much as encoding its event.
 */
function lastUsed({ journals, keyOf }: KafkaJournalPluginDeps): (id: PersistenceId) => Journal {
  const known = new Map<PersistenceId, Journal>();
  return (id) => {
    let journal = known.get(id);
    if (journal !== undefined) return journal;
    journal = journals.of(keyOf(id));
    if (known.size >= maxJournals) known.clear();
    known.set(id, journal);
    return journal;
  };
}

/** The same calls for one journal that is held. */
class HeldKafkaPlugin extends JournalCalls implements HeldPlugin {
  readonly #journal: HeldJournal;
  readonly #letGo: () => void;

  constructor(journal: HeldJournal, options: JournalCallsOptions & { readonly letGo: () => void }) {
    super(() => journal, options);
    this.#journal = journal;
    this.#letGo = options.letGo;
  }

  get signal(): AbortSignal {
    return this.#journal.signal;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#letGo();
    await this.#journal[Symbol.asyncDispose]();
  }
}
