import { javaStringHash } from '../../codec/java-hash.ts';
import { ClosedError, FencedError, InvalidInputError } from '../../model/errors.ts';
import type { Key } from '../../model/key.ts';
import type { Offset, Partition, Topic } from '../../model/position.ts';
import type { LastTenure, TenurePlace } from '../../model/tenure.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import type {
  ClaimOptions,
  ExpiredJournal,
  ExpiredRange,
  JournalPlace,
  KnownTenures,
  KnownWakeUps,
  OffsetMove,
  ReplicatedJournal,
  ReplicatedKeyJournal,
} from '../../ports/replicated-journal.ts';
import type { Clock } from '../../runtime/clock.ts';
import { nextTurn } from '../../runtime/waiting.ts';
import { removedOnce } from '../kept-wake-ups.ts';
import { KeyJournal } from '../key-journal.ts';
import { RelationalJournalRows } from '../relational/apply-row-change.ts';
import type { CommitQueue } from './commit-queue.ts';
import type { StoreTables } from './eventual-journal.ts';
import { SqliteJournalTransactions } from './journal-transactions.ts';
import type { LogTrim } from './log/log-trim.ts';
import type { TopicOwnership } from './log/topic-ownership.ts';
import { readOr, storeFailure } from './session.ts';
import { fencedMove } from './tables/pointer-table.ts';
import { expiredUntilKey } from './tables/setting-table.ts';

/** What the writing side of the store works with; all of it stays the store's. */
export interface ReplicatedDeps {
  readonly queue: CommitQueue;
  readonly tables: StoreTables;
  readonly trim: LogTrim;
  readonly ownership: TopicOwnership;
  readonly clock: Clock;
  readonly segmentSize: number;
}

interface ClaimedPartition {
  /** `undefined` while nothing is replicated. */
  epoch: number | undefined;
  /** The journal whose wake-up the first record has changed. */
  first?: string;
}

/**
 * Writes the store of the file. Writes of one turn of the event loop share one transaction; the
 * log has every record already, but a replicated offset must not run ahead of its rows.
 */
export class SqliteReplicatedJournal implements ReplicatedJournal {
  readonly #deps: ReplicatedDeps;
  /** Partitions that this process has claimed. */
  readonly #claims = new Map<string, ClaimedPartition>();
  #closed = false;

  constructor(deps: ReplicatedDeps) {
    this.#deps = deps;
  }

  async topics(options?: CallOptions): Promise<readonly Topic[]> {
    this.#check(options);
    return readOr(storeFailure, 'list topics', () => this.#deps.tables.pointers.topics());
  }

  async claim(
    topic: Topic,
    partition: Partition,
    options: ClaimOptions,
  ): Promise<Offset | undefined> {
    this.#check(options);
    const { pointers } = this.#deps.tables;
    const { offset, epoch } = await this.#write(topic, () => pointers.claim(topic, partition));
    this.#claims.set(`${topic}:${partition}`, { epoch });
    return offset;
  }

  async saveOffset(move: OffsetMove, nowMs: number): Promise<void> {
    this.#check();
    const { tables, trim, clock } = this.#deps;
    const { topic, partition, offset, after } = move;
    if (after !== undefined && offset < after) {
      throw new InvalidInputError(
        `a replicated offset cannot move back from ${after} to ${offset}`,
      );
    }
    const claim = this.#claims.get(`${topic}:${partition}`);
    if (claim === undefined) throw fencedMove(move);
    claim.epoch = await this.#write(topic, () => {
      const epoch = tables.pointers.move(move, claim.epoch, nowMs);
      trim.step(topic, partition, clock.steadyMs());
      return epoch;
    });
    trim.replicated(topic, partition, { offset, atMs: clock.steadyMs() });
  }

  async tenuresUpTo(
    topic: Topic,
    partition: Partition,
    options?: CallOptions,
  ): Promise<Offset | undefined> {
    this.#check(options);
    return readOr(storeFailure, `read ${topic}`, () =>
      this.#deps.tables.tenures.upTo(topic, partition),
    );
  }

  async saveTenures(known: KnownTenures, nowMs: number): Promise<void> {
    const { topic, partition } = known;
    const { tenures } = this.#deps.tables;
    await this.#writeClaimed(topic, partition, () => tenures.save(known, nowMs));
  }

  /**
   * A process that was replaced stores nothing, even if it wakes up long afterwards: a topic that
   * was made anew meanwhile would find what belongs to the old one.
   */
  async #writeClaimed(topic: Topic, partition: Partition, statements: () => void): Promise<void> {
    await this.#write(topic, () => {
      if (this.#isClaimed(topic, partition)) statements();
    });
  }

  /** Nobody has claimed the partition since; within a transaction. */
  #isClaimed(topic: Topic, partition: Partition): boolean {
    const claimed = this.#claims.get(`${topic}:${partition}`)?.epoch;
    return this.#deps.tables.pointers.epoch(topic, partition) === claimed;
  }

  async lastTenure(place: TenurePlace, upTo: Offset, options?: CallOptions): Promise<LastTenure> {
    this.#check(options);
    return readOr(storeFailure, `read ${place.topic}`, () =>
      this.#deps.tables.tenures.last(place, upTo),
    );
  }

  async wakeUpsUpTo(
    topic: Topic,
    partition: Partition,
    options?: CallOptions,
  ): Promise<Offset | undefined> {
    this.#check(options);
    return readOr(storeFailure, `read ${topic}`, () =>
      this.#deps.tables.wakeUps.upTo(topic, partition),
    );
  }

  async saveWakeUps(known: KnownWakeUps): Promise<boolean> {
    const { wakeUps } = this.#deps.tables;
    const { topic, partition, isFirst } = known;
    await this.#writeClaimed(topic, partition, () => {
      if (isFirst) wakeUps.clear(known, this.#claims.get(`${topic}:${partition}`)?.first);
      wakeUps.save(known);
    });
    return true;
  }

  async *journalPlaces(
    topic: Topic,
    options?: CallOptions,
  ): AsyncGenerator<readonly JournalPlace[]> {
    const { metajournal } = this.#deps.tables;
    for (let from = '', listed: string | undefined; ; listed = from) {
      this.#check(options);
      const page = readOr(storeFailure, `list ${topic}`, () => metajournal.places(topic, from));
      const places = page.filter(({ id }) => id !== listed);
      const last = places.at(-1);
      if (last === undefined) return;
      yield places;
      from = last.id;
      await nextTurn();
    }
  }

  async *expired(
    { topic, share, from, to }: ExpiredRange,
    options?: CallOptions,
  ): AsyncGenerator<readonly ExpiredJournal[]> {
    const { metajournal } = this.#deps.tables;
    const dayBefore = new Date(Date.parse(from) - dayMs).toISOString().slice(0, 10);
    // Every journal of `from` comes after this place.
    for (let after = { expireOn: dayBefore, id: '\u{10ffff}' }; ; ) {
      this.#check(options);
      const page = readOr(storeFailure, `list ${topic}`, () =>
        metajournal.expired(topic, { after, to }),
      );
      const last = page.at(-1);
      if (last === undefined) return;
      const ofShare = page.filter(
        ({ id }) => Math.abs(javaStringHash(id)) % share.of === share.index,
      );
      if (ofShare.length > 0) yield ofShare;
      after = last;
      await nextTurn();
    }
  }

  async expiredUntil(
    topic: Topic,
    partition: Partition,
    options?: CallOptions,
  ): Promise<string | undefined> {
    this.#check(options);
    return readOr(storeFailure, `read ${topic}`, () =>
      this.#deps.tables.settings.get(expiredUntilKey(topic, partition)),
    );
  }

  async saveExpiredUntil({ topic, partition, day }: ExpiredUntil, nowMs: number): Promise<void> {
    const { settings } = this.#deps.tables;
    await this.#write(topic, () => settings.put(expiredUntilKey(topic, partition), day, nowMs));
  }

  async open(key: Key, options?: CallOptions): Promise<ReplicatedKeyJournal> {
    this.#check(options);
    const { tables, segmentSize } = this.#deps;
    const write = <T>(partition: Partition, statements: () => T): Promise<T> =>
      this.#write(key.topic, () => {
        if (this.#isClaimed(key.topic, partition)) return statements();
        throw new FencedError(`another process replicates ${key.topic}:${partition} now`);
      });
    const row = readOr(storeFailure, `read ${key.id}`, () => tables.metajournal.find(key));
    const transactions = new SqliteJournalTransactions({ key, tables, write });
    const rows = new RelationalJournalRows(transactions, row);
    const wakeUps = removedOnce({
      load: async () => {},
      offset: async (partition) =>
        readOr(storeFailure, `read ${key.id}`, () => tables.wakeUps.offset(key, partition)),
      save: (change, { partition }) =>
        this.#writeClaimed(key.topic, partition, () => {
          tables.wakeUps.change(key, partition, change);
          const claim = this.#claims.get(`${key.topic}:${partition}`);
          if (claim !== undefined && claim.epoch === undefined) claim.first = key.id;
        }),
    });
    return new KeyJournal(rows, { topic: key.topic, segmentSize, wakeUps });
  }

  async #write<T>(topic: Topic, statements: () => T): Promise<T> {
    const { queue, ownership } = this.#deps;
    this.#check();
    try {
      return await queue.write(() => {
        ownership.refuseWhenLost(topic);
        return statements();
      });
    } catch (error) {
      throw storeFailure(error, `write ${topic}`);
    }
  }

  #check(options?: CallOptions): void {
    options?.signal?.throwIfAborted();
    if (this.#closed) throw new ClosedError('the store is closed');
  }

  /** Waits for the writes under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await this.#deps.queue.drained();
  }
}

type ExpiredUntil = Parameters<ReplicatedJournal['saveExpiredUntil']>[0];

const dayMs = 86_400_000;
