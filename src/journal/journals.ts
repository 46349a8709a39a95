import { NotSetUpError } from '../model/errors.ts';
import { Key } from '../model/key.ts';
import { Topic } from '../model/position.ts';
import type { CallOptions } from '../ports/call-options.ts';
import { watchProducer } from './head-cache/writer-watch.ts';
import { createHeldJournal, type HeldJournal, heldDeps } from './holding/held-journal.ts';
import type { TenureHolder } from './holding/tenure-holder.ts';
import { type CallTimeThresholds, instrumentJournal } from './instrumented-journal.ts';
import { checkCall, createJournal, type Journal } from './journal.ts';
import { endByOffset, type ReadEnd } from './read/ends.ts';
import type { ReadDeps } from './read/observe.ts';

/** Journals by key, over one log and one store. */
export interface Journals {
  /**
   * The journal of a key. Nothing is opened for it.
   *
   * @throws {InvalidInputError} the topic or the id is not one
   */
  of(key: Key): Journal;
  /** Tenures are on, so that {@link Journals.hold} may succeed. */
  readonly canHold: boolean;
  /**
   * Takes the right to write a journal: nobody else's writes count from now on. Everything that was
   * acknowledged to former holders is in the log by then, so read the journal before the first
   * write. Waits for the writes of whoever held it before in this process, and while another
   * process has just begun to hold the partition.
   *
   * @throws {NotSetUpError} tenures are off, or the replicator of the topic keeps no opening marks
   * @throws {LogUnavailableError} {@link StoreUnavailableError} retryable
   * @throws {DataIntegrityError} the number of partitions of the topic changed
   * @throws {InvalidInputError} the topic or the id is not one
   * @throws the abort reason when `options.signal` fires
   */
  hold(key: Key, options?: CallOptions): Promise<HeldJournal>;
  /**
   * Ids of the journals of a topic that are in the store, in no order.
   *
   * On Kafka that is what the replicator has carried there: a journal that was written a moment ago
   * may be missing, one purged a moment ago may still be there. On the embedded journal everything
   * that was acknowledged before the call counts: it waits for the replicator of the file,
   * `read-timeout` at most.
   *
   * @throws {InvalidInputError} it is no name of a topic
   * @throws {StoreUnavailableError} retryable
   * @throws {DeadlineExceededError} retryable: embedded, and the replicator did not get so far in
   *   time
   */
  ids(topic: string, options?: CallOptions): AsyncIterable<string>;
}

/** What journals are made of; all of it stays the caller's, who closes it. */
export interface JournalsDeps extends ReadDeps {
  /** Holds the tenures; without it no journal can be held. */
  readonly tenures?: TenureHolder | undefined;
}

/** Journals over collaborators that stay the caller's, who closes them. */
export function createJournals(deps: JournalsDeps, thresholdsMs: CallTimeThresholds): Journals {
  const instruments = { log: deps.log, thresholdsMs };
  const { headCache, readEnd, tenures } = deps;
  let { producer } = deps;
  if (tenures !== undefined) producer = tenures.watch(producer);
  // The head cache warns an append of other writers (ADR 17); the end of a read may have to wait
  // for writes.
  if (headCache !== undefined) producer = watchProducer(producer, headCache.writers);
  if (readEnd?.watch !== undefined) producer = readEnd.watch(producer);
  const watched = { ...deps, producer };
  const heldEnd = readEnd ?? endOfHeld(deps);
  return {
    of(named) {
      // A caller that uses JavaScript may pass a key that `Key.of` never saw.
      const key = Key.of(named.topic, named.id);
      return instrumentJournal(createJournal(watched, key), key, instruments);
    },
    canHold: tenures !== undefined,
    async hold(named, options) {
      checkCall(options);
      const key = Key.writable(Key.of(named.topic, named.id));
      if (tenures === undefined) {
        const text =
          'it needs tenures = on, and on Kafka acks = all, in the section of the journal';
        throw new NotSetUpError(`${Key.toString(key)} cannot be held: ${text}`);
      }
      const held = await tenures.hold(key, options);
      const journal = createJournal(heldDeps(watched, held, heldEnd), key);
      return createHeldJournal(held, instrumentJournal(journal, key, instruments));
    },
    ids(topic, options) {
      checkCall(options);
      return deps.eventual.ids(Topic.of(topic), options);
    },
  };
}

/**
 * A held journal needs no mark to be read: tenures ask for what an end without a mark needs, which
 * is acks = all. As with a mark, rows may be of another partition, from before partitions were
 * added.
 */
function endOfHeld({ consumer }: JournalsDeps): ReadEnd {
  const byOffset = endByOffset(consumer);
  return { find: (key, options) => byOffset.find(key, options), check: () => {} };
}
