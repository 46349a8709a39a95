import type { Action, AppendHeader } from '../../model/action.ts';
import { DataIntegrityError } from '../../model/errors.ts';
import type { Key } from '../../model/key.ts';
import type { Partition, PartitionOffset, Topic } from '../../model/position.ts';
import type { ActionProducer } from '../../ports/action-producer.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import {
  type Claimant,
  type ConflictingClaims,
  describeConflict,
  stopOneWriter,
} from '../conflicts.ts';
import type { CachedHead } from './cached-head.ts';

/** One journal that this process has read, and may write to. */
interface WatchedJournal {
  partition: Partition;
  /** Everything up to here is known to its writer: it was read, or written since. */
  knownUpTo: number;
  /** Appends of its writer since the last read, oldest first. */
  readonly own: PartitionOffset[];
  /** The last look that an action waits for. */
  look: Promise<void> | undefined;
}

/** The head cache, as far as a writer is concerned. */
export interface WatchedCache {
  /** The head as it was last seen. */
  peek(key: Key, partition: Partition): CachedHead | undefined;
  /**
   * Waits until the cache has seen what the log holds at this moment, within its time limit.
   * `false` = it has not.
   *
   * @throws only the reason of `options.signal`
   */
  catchUp(key: Key, partition: Partition, options?: CallOptions): Promise<boolean>;
}

/** Of a topic; the journal that was used longest ago goes first. */
const maxJournals = 10_000;
const maxOwnAppends = 64;

/**
 * Tells a writer, before its next append, of another writer of the same journal (ADR 17). Best
 * effort: it begins with what the head cache has seen by then. What it reports is certain as of the
 * call.
 */
export class WriterWatch {
  readonly #journals = new Map<Topic, Map<string, WatchedJournal>>();
  readonly #cache: WatchedCache;

  constructor(cache: WatchedCache) {
    this.#cache = cache;
  }

  /** A read has given out everything below `end`. */
  read(key: Key, end: PartitionOffset): void {
    const journals = this.#journals.get(key.topic) ?? new Map<string, WatchedJournal>();
    this.#journals.set(key.topic, journals);
    const look = journals.get(key.id)?.look;
    journals.delete(key.id);
    const { partition, offset } = end;
    journals.set(key.id, { partition, knownUpTo: offset - 1, own: [], look });
    if (journals.size > maxJournals) journals.delete(journals.keys().next().value as string);
  }

  /** Whether this process has read a journal of the partition that it may write. */
  watches(topic: Topic, partition: Partition): boolean {
    for (const journal of this.#journals.get(topic)?.values() ?? []) {
      if (journal.partition === partition) return true;
    }
    return false;
  }

  /** The log has acknowledged an action of this process. */
  wrote({ key, header }: Action, at: PartitionOffset): void {
    const journal = this.#journals.get(key.topic)?.get(key.id);
    if (journal === undefined) return;
    if (header.type !== 'append') {
      journal.knownUpTo = Math.max(journal.knownUpTo, at.offset);
      return;
    }
    journal.own.push(at);
    if (journal.own.length > maxOwnAppends) journal.own.shift();
  }

  /**
   * `undefined` = nothing speaks against the action. Otherwise a look is needed, since what the
   * cache has seen may be history: another process may have purged the journal meanwhile. The look
   * resolves when the action may be written, and actions of the journal that come meanwhile wait
   * their turn.
   *
   * @throws {DataIntegrityError} (the look) another writer has taken the numbers; certainly not
   * stored
   */
  check({ key, header }: Action, options?: CallOptions): Promise<void> | undefined {
    const journal = this.#journals.get(key.topic)?.get(key.id);
    if (journal === undefined) return undefined;
    const before = journal.look;
    const conflict = (): DataIntegrityError | undefined =>
      header.type === 'append' ? this.#conflictOf(key, header, journal) : undefined;
    if (before === undefined && conflict() === undefined) return undefined;
    const lookAgain = async (): Promise<void> => {
      await before?.catch(() => undefined);
      if (conflict() === undefined) return;
      const isSure = await this.#cache.catchUp(key, journal.partition, options);
      const error = isSure ? conflict() : undefined;
      if (error !== undefined) throw error;
    };
    const look = lookAgain();
    journal.look = look;
    const forget = (): void => {
      if (journal.look === look) journal.look = undefined;
    };
    // One turn later than the look: whoever waited for it has gone on by then.
    look.catch(() => undefined).then(forget, forget);
    return look;
  }

  #conflictOf(
    key: Key,
    append: AppendHeader,
    journal: WatchedJournal,
  ): DataIntegrityError | undefined {
    const { conflict, highestClaim } = this.#cache.peek(key, journal.partition) ?? {};
    const { from } = append.range;
    const isOwn = ({ offset }: PartitionOffset): boolean =>
      journal.own.some((at) => at.offset === offset);
    if (conflict !== undefined && isOwn(conflict.loser.at)) return rejected(key, conflict);
    if (highestClaim === undefined || highestClaim.from < from) return undefined;
    if (highestClaim.at.offset <= journal.knownUpTo || isOwn(highestClaim.at)) return undefined;
    const loser = { at: undefined, origin: append.origin };
    return rejected(key, { winner: highestClaim, loser, seqNr: from });
  }
}

function rejected(key: Key, conflict: ConflictingClaims<Claimant>): DataIntegrityError {
  const { winner, loser, seqNr } = conflict;
  const place = { topic: key.topic, id: key.id, ...(loser.at ?? winner.at), seqNr };
  return new DataIntegrityError(
    `${describeConflict(key, conflict)}; the append was not sent, and nothing of it is stored. ${stopOneWriter}, and ` +
      'let the other one read the journal before it writes again',
    { place },
  );
}

/** The producer, whose appends are checked against what the cache has seen of other writers. */
export function watchProducer(producer: ActionProducer, writers: WriterWatch): ActionProducer {
  const send = (action: Action, options?: CallOptions): Promise<PartitionOffset> =>
    producer.produce(action, options).then((at) => {
      writers.wrote(action, at);
      return at;
    });
  return {
    produce(action, options) {
      // A tenure protects an action that names it: what others write in between is void.
      if (action.header.type !== 'mark' && action.header.tenure !== undefined) {
        return producer.produce(action, options);
      }
      const look = writers.check(action, options);
      return look === undefined ? send(action, options) : look.then(() => send(action, options));
    },
    [Symbol.asyncDispose]: () => producer[Symbol.asyncDispose](),
  };
}
