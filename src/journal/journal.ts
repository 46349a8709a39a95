import type { EventRecord, PrintedEvent } from '../model/event.ts';
import type { Marker } from '../model/journal-pointer.ts';
import { Key } from '../model/key.ts';
import type { PartitionOffset } from '../model/position.ts';
import { SeqNr } from '../model/seq-nr.ts';
import type { CallOptions } from '../ports/call-options.ts';
import { libraryVersion } from '../runtime/library-version.ts';
import { type AppendOptions, appendEvents } from './append-events.ts';
import type { JournalParts } from './journal-parts.ts';
import { appendMarker } from './read/append-marker.ts';
import { lastStoredByEvents } from './read/last-stored.ts';
import { readEvents } from './read/read-events.ts';
import { Looks } from './read/snapshot.ts';
import { readDeadline, takeSnapshot } from './read/take-snapshot.ts';

/** All events of one key. Holds nothing open: every call stands alone. */
export interface Journal {
  /**
   * Appends events as one record: whole or not at all. Resolves when the log has acknowledged it; the
   * store is not involved. The caller owns the numbering. What is acknowledged reads back equal: members that are
   * `undefined` are left out, -0 is 0, tags are a set, metadata that is `null` is none.
   *
   * @param events at least one; an `Events` is one way to have them
   * @throws {InvalidInputError} nothing stored: the numbers do not follow each other, or something cannot be written so
   * that it reads back equal; `path` says what, as `events[2].payload.value.items[3].at`
   * @throws {WriteRejectedError} certainly not stored
   * @throws {WriteFailedError} may or may not be stored: read the journal before writing again
   */
  append(events: readonly PrintedEvent[], options?: AppendOptions): Promise<PartitionOffset>;

  /**
   * Every event acknowledged before this call with a number of at least `from` (inclusive, default 1)
   * that is neither deleted nor purged: ascending, each number once, in batches that are never empty.
   * Ends there; it does not wait for more. The generator's return value is the journal's highest
   * number as of the same moment. Writes one mark into the log when it is first pulled.
   *
   * @throws {StoreUnavailableError} {@link LogUnavailableError} retryable; the former too when others deleted from or
   *   purged the journal all the time
   * @throws {DeadlineExceededError} no progress within the read timeout; retryable
   * @throws {DataIntegrityError} conflicting or missing records, or records that the log no longer has
   * @throws {CodecError} a record cannot be decoded; names topic, partition, offset
   */
  read(
    from?: SeqNr,
    options?: CallOptions,
  ): AsyncGenerator<readonly EventRecord[], SeqNr | undefined>;

  /**
   * Highest number ever appended, deleted or not; `undefined` if never written or purged. A conflicting record has
   * none (ADR 17).
   *
   * @throws {StoreUnavailableError} {@link LogUnavailableError} {@link DeadlineExceededError} retryable, as of `read`
   */
  pointer(options?: CallOptions): Promise<SeqNr | undefined>;

  /**
   * Deletes all events up to `to`, inclusive, at most up to the last one; numbering goes on. Answers
   * where the delete landed; `undefined`, and nothing deleted, for a journal without events.
   *
   * @throws {InvalidInputError} nothing deleted: `to` is no sequence number
   */
  delete(to: SeqNr, options?: CallOptions): Promise<PartitionOffset | undefined>;

  /** Deletes everything; numbering starts again at 1. */
  purge(options?: CallOptions): Promise<PartitionOffset>;

  /** Puts a mark behind everything acknowledged before; changes nothing in the journal. */
  mark(id?: string, options?: CallOptions): Promise<Marker>;
}

export function createJournal(parts: JournalParts, key: Key): Journal {
  const { producer, clock, origin } = parts;
  const version = libraryVersion;
  const journal: Journal = {
    append: (events, options) => appendEvents(parts, { key, events }, options),
    async *read(from = SeqNr.min, options) {
      return yield* readEvents(parts, { key, from: SeqNr.of(from) }, options);
    },
    pointer: (options) => readPointer(parts, key, options),
    async delete(to, options) {
      // Anything else than a number is above none, and would delete everything.
      SeqNr.of(to);
      const last = await journal.pointer(options);
      if (last === undefined) return undefined;
      const header = { type: 'delete', to: SeqNr.lesserOf(to, last), origin, version } as const;
      return await producer.produce({ key, timestampMs: clock.nowMs(), header }, options);
    },
    async purge(options) {
      Key.writable(key);
      const header = { type: 'purge', origin, version } as const;
      return await producer.produce({ key, timestampMs: clock.nowMs(), header }, options);
    },
    mark: (id = parts.randomUuid(), options) => appendMarker(parts, { key, id }, options),
  };
  return journal;
}

/** The head's last number; without one, the store's. */
async function readPointer(
  parts: JournalParts,
  key: Key,
  options?: CallOptions,
): Promise<SeqNr | undefined> {
  const deadline = readDeadline(parts, key, options);
  try {
    for (const looks = new Looks(parts, key); ; ) {
      try {
        return await lookAtPointer(parts, key, { deadline, isAgain: looks.isAgain });
      } catch (error) {
        await looks.again(error, deadline.signal);
      }
    }
  } finally {
    deadline.dispose();
  }
}

async function lookAtPointer(
  parts: JournalParts,
  key: Key,
  look: Parameters<typeof takeSnapshot>[2],
): Promise<SeqNr | undefined> {
  const snapshot = await takeSnapshot(parts, key, look);
  const { head, pointer, lastStored } = snapshot;
  const { signal } = look.deadline;
  const last = lastStored ?? (await lastStoredByEvents(parts, { key, snapshot }, { signal }));
  return head.fold(last).last ?? pointer?.seqNr;
}
