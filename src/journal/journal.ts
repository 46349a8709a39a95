import type { EventRecord, PrintedEvent } from '../model/event.ts';
import type { Marker } from '../model/journal-pointer.ts';
import { Key } from '../model/key.ts';
import { checkGivenNames, type OptionNames } from '../model/option-names.ts';
import type { PartitionOffset } from '../model/position.ts';
import { SeqNr } from '../model/seq-nr.ts';
import type { CallOptions } from '../ports/call-options.ts';
import { libraryVersion } from '../runtime/library-version.ts';
import { type AppendOptions, appendEvents } from './append-events.ts';
import { appendMarker } from './read/ends.ts';
import type { ReadDeps } from './read/observe.ts';
import { readEvents, readPointer } from './read/read.ts';

/** All events of one key. Holds nothing open: every call stands alone. */
export interface Journal {
  /**
   * Appends events as one record: whole or not at all. Resolves when the log has acknowledged it;
   * the store is not involved. The caller numbers the events. What is acknowledged reads back
   * equal: members that are `undefined` are left out, -0 is 0, tags are a set, metadata that is
   * `null` is left out.
   *
   * @param events at least one; an `Events` is one way to have them
   * @throws {InvalidInputError} nothing stored: the numbers do not follow each other, or something
   *   cannot be written so that it reads back equal; `path` says what, as
   *   `events[2].payload.value.items[3].at`
   * @throws {WriteRejectedError} certainly not stored
   * @throws {WriteFailedError} may or may not be stored: read the journal before writing again
   */
  append(events: readonly PrintedEvent[], options?: AppendOptions): Promise<PartitionOffset>;

  /**
   * Every event acknowledged before this call with a number of at least `from` (inclusive, default
   * 1) that is neither deleted nor purged: ascending, each number once, in batches that are never
   * empty. Ends there; it does not wait for more. The generator's return value is the journal's
   * highest number as of the same moment. Writes one mark into the log when it is first pulled.
   *
   * @param from a promise where it is not known yet: what does not depend on it is read meanwhile
   * @throws {StoreUnavailableError} retryable; also when others deleted from or purged the journal
   *   all the time
   * @throws {LogUnavailableError} retryable
   * @throws {DeadlineExceededError} no progress within the read timeout; retryable
   * @throws {DataIntegrityError} conflicting or missing records, or records that the log no longer
   *   has
   * @throws {CodecError} a record cannot be decoded; names topic, partition, offset
   */
  read(
    from?: SeqNr | Promise<SeqNr>,
    options?: CallOptions,
  ): AsyncGenerator<readonly EventRecord[], SeqNr | undefined>;

  /**
   * Highest number ever appended, deleted or not; `undefined` if never written, or purged. Numbers
   * of a conflicting record do not count (ADR 17).
   *
   * @throws {StoreUnavailableError} {@link LogUnavailableError} {@link DeadlineExceededError}
   *   retryable, as of `read`
   * @throws {DataIntegrityError} conflicting records, or records that the log no longer has
   */
  pointer(options?: CallOptions): Promise<SeqNr | undefined>;

  /**
   * Deletes all events up to `to`, inclusive, at most up to the last one; numbering goes on. Asks
   * for the last number first, as `pointer`. Resolves to the place of the delete; to `undefined`,
   * with nothing deleted, for a journal without events.
   *
   * @throws {InvalidInputError} nothing deleted: `to` is no sequence number
   * @throws {StoreUnavailableError} {@link LogUnavailableError} {@link DeadlineExceededError}
   *   nothing deleted; retryable
   * @throws {WriteRejectedError} certainly not deleted
   * @throws {WriteFailedError} may be deleted: delete again
   */
  delete(to: SeqNr, options?: CallOptions): Promise<PartitionOffset | undefined>;

  /**
   * Deletes everything; numbering starts again at 1.
   *
   * @throws {InvalidInputError} nothing purged: the key cannot be written
   * @throws {WriteRejectedError} certainly not purged
   * @throws {WriteFailedError} may be purged: read the journal before writing again
   */
  purge(options?: CallOptions): Promise<PartitionOffset>;

  /**
   * Writes a mark after everything acknowledged before; changes nothing in the journal.
   *
   * @throws {InvalidInputError} nothing written: the id is no text
   * @throws {WriteRejectedError} certainly not written
   * @throws {WriteFailedError} may be written, which changes nothing
   */
  mark(id?: string, options?: CallOptions): Promise<Marker>;
}

/** @throws {InvalidInputError} an option that does not exist; names it */
export function checkCall(options: CallOptions | undefined): void {
  checkGivenNames(options, callOptionNames, 'the call');
}

const callOptionNames: OptionNames<CallOptions> = { signal: true };

/** The journal of one key. */
export function createJournal(deps: ReadDeps, key: Key): Journal {
  const { producer, clock, origin } = deps;
  const version = libraryVersion;
  const journal: Journal = {
    append: (events, options) => appendEvents(deps, key, events, options),
    async *read(from = SeqNr.min, options) {
      checkCall(options);
      return yield* readEvents(deps, key, from instanceof Promise ? from : SeqNr.of(from), options);
    },
    async pointer(options) {
      checkCall(options);
      return await readPointer(deps, key, options);
    },
    async delete(to, options) {
      // What is no number is not less than the last one, so it would delete everything.
      SeqNr.of(to);
      const last = await journal.pointer(options);
      if (last === undefined) return undefined;
      const header = { type: 'delete', to: SeqNr.lesserOf(to, last), origin, version } as const;
      return await producer.produce({ key, timestampMs: clock.nowMs(), header }, options);
    },
    async purge(options) {
      checkCall(options);
      Key.writable(key);
      const header = { type: 'purge', origin, version } as const;
      return await producer.produce({ key, timestampMs: clock.nowMs(), header }, options);
    },
    async mark(id = deps.randomUuid(), options) {
      checkCall(options);
      return await appendMarker(deps, key, id, options);
    },
  };
  return journal;
}
