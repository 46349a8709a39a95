import type { Action, AppendHeader } from '../../model/action.ts';
import { DataIntegrityError } from '../../model/errors.ts';
import type { Key } from '../../model/key.ts';
import type { Offset, Partition, PartitionOffset, Topic } from '../../model/position.ts';
import type { ActionProducer } from '../../ports/action-producer.ts';
import { type Claim, type Claimant, describeConflict } from '../claims.ts';
import type { CachedHead } from './cached-head.ts';

/** One journal that this process has read, and may write to. */
interface WatchedJournal {
  partition: Partition;
  /** Everything up to here is known to its writer: it was read, or written since. */
  knownUpTo: number;
  /** Appends of its writer since the last read, oldest first. */
  readonly own: PartitionOffset[];
}

/** Of a topic; the journal that was used longest ago goes first. */
const maxJournals = 10_000;
const maxOwnAppends = 64;

/**
 * Tells a writer, before its next append, of another writer of the same journal (ADR 17). Best effort:
 * it knows what the head cache has seen by then. What it finds is certain.
 */
export class WriterWatch {
  readonly #journals = new Map<Topic, Map<string, WatchedJournal>>();
  readonly #peek: (key: Key, partition: Partition) => CachedHead | undefined;

  constructor(peek: (key: Key, partition: Partition) => CachedHead | undefined) {
    this.#peek = peek;
  }

  /** A read has given out everything below `end`. */
  read(key: Key, end: PartitionOffset): void {
    const journals = this.#ofTopic(key.topic);
    journals.delete(key.id);
    const { partition, offset } = end;
    journals.set(key.id, { partition, knownUpTo: offset - 1, own: [] });
    if (journals.size > maxJournals) journals.delete(journals.keys().next().value as string);
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

  /** @throws {DataIntegrityError} another writer has taken the numbers; certainly not stored */
  check(key: Key, append: AppendHeader): void {
    const journal = this.#journals.get(key.topic)?.get(key.id);
    if (journal === undefined) return;
    const head = this.#peek(key, journal.partition);
    if (head === undefined) return;
    const { conflict, lastClaim } = head;
    const isOwn = ({ offset }: { readonly offset: Offset }): boolean =>
      journal.own.some((at) => at.offset === offset);
    if (conflict !== undefined && isOwn(conflict.loser.at)) throw twoWriters(key, conflict);
    if (lastClaim === undefined || lastClaim.to < append.range.from) return;
    if (lastClaim.at.offset <= journal.knownUpTo || isOwn(lastClaim.at)) return;
    const loser = { at: journal.own.at(-1), origin: append.origin };
    throw twoWriters(key, { winner: lastClaim, loser, seqNr: append.range.from });
  }

  #ofTopic(topic: Topic): Map<string, WatchedJournal> {
    let journals = this.#journals.get(topic);
    if (journals === undefined) {
      journals = new Map();
      this.#journals.set(topic, journals);
    }
    return journals;
  }
}

function twoWriters(
  key: Key,
  conflict: { readonly winner: Claim; readonly loser: Claimant; readonly seqNr: number },
): DataIntegrityError {
  const { winner, loser, seqNr } = conflict;
  const place = { topic: key.topic, id: key.id, ...(loser.at ?? winner.at), seqNr };
  return new DataIntegrityError(describeConflict(key, conflict), { place });
}

/** The producer, whose appends are checked against what the cache has seen of other writers. */
export function watchProducer(producer: ActionProducer, writers: WriterWatch): ActionProducer {
  return {
    async produce(action, options) {
      if (action.header.type === 'append') writers.check(action.key, action.header);
      const at = await producer.produce(action, options);
      writers.wrote(action, at);
      return at;
    },
    [Symbol.asyncDispose]: () => producer[Symbol.asyncDispose](),
  };
}
