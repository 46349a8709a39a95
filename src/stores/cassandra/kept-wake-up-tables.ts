import type { Key } from '../../model/key.ts';
import type { Offset, Partition, Topic } from '../../model/position.ts';
import type { WakeUpChange, WakeUpPlace } from '../../model/wake-up.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import type { KnownWakeUps, WakeUpTime } from '../../ports/replicated-journal.ts';
import type { KeyWakeUps, WakeUpTables } from '../kept-wake-ups.ts';
import { forEachAtOnce } from './at-once.ts';
import type { CassandraSession } from './session-types.ts';
import { CassandraWakeUpReads, type DuePage, decodeKey } from './stored-wake-ups.ts';
import {
  bucketOf,
  shareOf,
  type WakeUpStatements,
  wakeUpShares,
  wakeUpsUntilTable,
} from './tables/wake-up-table.ts';
import { numberOf, offsetIn } from './values.ts';
import type { WriteClock, WriteClocks } from './write-clock.ts';

/** How often the stretches of time that have passed are looked at, and how many at a time. */
const tidyEveryMs = 60_000;
const bucketsAtOnce = 8;
/** Deletes at once. */
const writesAtOnce = 16;
/** Stretches that are known to be listed; more than that are forgotten. */
const maxKnownBuckets = 10_000;

const shares = Array.from({ length: wakeUpShares }, (_, share) => share);

/** What is known of a partition since it was claimed. */
interface OwnedPartition {
  /** All that was stored when it was claimed has a timestamp up to this. */
  readonly claimedAt: number;
  /** Stretches that this process has listed. */
  readonly buckets: Set<number>;
  tidiedMs: number;
  /** Where the next look at stretches that have passed begins. */
  tidyFrom: number;
}

/**
 * Writes the tables of wake-ups, with the partition's write timestamps (ADR 29):
 *
 *     set      the stretch is listed ─┐
 *              row of the time ───────┼─ row of the journal
 *              the one before it goes ┘
 *     remove   row of the time goes ─── row of the journal goes
 *
 * The row of the journal comes last and decides: readers believe a row of a time only if the
 * journal says the same. So what a crash leaves, or a former owner writes late, is never seen; it
 * is removed when its time has passed. The row of the journal is written, or deleted, for the first
 * change that a process makes, also if nothing is to be changed: a late write of a former owner
 * loses only against a later one.
 */
export class CassandraWakeUps extends CassandraWakeUpReads implements WakeUpTables {
  readonly #clocks: WriteClocks;
  readonly #owned = new Map<string, OwnedPartition>();

  constructor(session: CassandraSession, statements: WakeUpStatements, clocks: WriteClocks) {
    super(session, statements);
    this.#clocks = clocks;
  }

  async upTo(
    topic: Topic,
    partition: Partition,
    options?: CallOptions,
  ): Promise<Offset | undefined> {
    const clock = this.#clocks.of(topic, partition);
    this.#owned.delete(`${topic}:${partition}`);
    const row = await this.untilRow({ topic, partition }, options);
    // The last owner's clock may be ahead of ours, and its writes newer than ours would be.
    clock.follow(numberOf(row?.['written'], 'WRITETIME(offset)'));
    this.#ownedOf({ topic, partition }, clock.lastMicros);
    return row && offsetIn(wakeUpsUntilTable, { topic, partition }, row['offset']);
  }

  #ownedOf({ topic, partition }: WakeUpPlace, claimedAt: number): OwnedPartition {
    const name = `${topic}:${partition}`;
    const known = this.#owned.get(name);
    if (known !== undefined) return known;
    const tidiedMs = Math.floor(claimedAt / 1000);
    const owned = { claimedAt, buckets: new Set<number>(), tidiedMs, tidyFrom: 0 };
    this.#owned.set(name, owned);
    return owned;
  }

  async save(known: KnownWakeUps, nowMs: number): Promise<void> {
    const { topic, partition, upTo, isFirst } = known;
    const clock = this.#clocks.of(topic, partition);
    const owned = this.#ownedOf(known, clock.next(nowMs));
    // What this process has stored is newer than what this deletes.
    if (isFirst) await this.#clear(known, owned.claimedAt);
    const { saveUntil } = this.statements;
    await this.session.write(saveUntil, [topic, partition, upTo], clock.next(nowMs));
    if (nowMs - owned.tidiedMs < tidyEveryMs) return;
    owned.tidiedMs = nowMs;
    await this.#tidy(known, owned, nowMs);
  }

  async #clear({ topic, partition }: WakeUpPlace, claimedAt: number): Promise<void> {
    const { selectBuckets, clearBuckets, clearDue, clearKeys } = this.statements;
    const params = [topic, partition, 0, Number.MAX_SAFE_INTEGER];
    for await (const rows of this.pages(selectBuckets, params)) {
      const stretches = rows.flatMap((row) =>
        shares.map((share) => [topic, partition, numberOf(row['bucket'], 'bucket'), share]),
      );
      await forEachAtOnce(stretches, writesAtOnce, (stretch) =>
        this.session.write(clearDue, stretch, claimedAt),
      );
    }
    await forEachAtOnce(shares, writesAtOnce, (share) =>
      this.session.write(clearKeys, [topic, partition, share], claimedAt),
    );
    await this.session.write(clearBuckets, [topic, partition], claimedAt);
  }

  /**
   * Removes rows of times that have passed, unless their journals still wait, and stretches without
   * any. No journal is written meanwhile: a round of the replicator has ended.
   */
  async #tidy(place: WakeUpPlace, owned: OwnedPartition, nowMs: number): Promise<void> {
    const { topic, partition } = place;
    const { selectBuckets, deleteBucket } = this.statements;
    const past = bucketOf(nowMs) - 1;
    const params = [topic, partition, owned.tidyFrom, past];
    const { rows } = await this.session.page(selectBuckets, params);
    const buckets = rows.slice(0, bucketsAtOnce).map((row) => numberOf(row['bucket'], 'bucket'));
    for (const bucket of buckets) {
      const isLeft = await this.#tidyBucket(place, bucket, nowMs);
      if (isLeft) continue;
      owned.buckets.delete(bucket);
      const timestamp = this.#clocks.of(topic, partition).next(nowMs);
      await this.session.write(deleteBucket, [topic, partition, bucket], timestamp);
    }
    owned.tidyFrom = buckets.length < bucketsAtOnce ? 0 : (buckets.at(-1) ?? 0) + 1;
  }

  /** Looks at the first rows of each share. Answers whether some are left. */
  async #tidyBucket(place: WakeUpPlace, bucket: number, nowMs: number): Promise<boolean> {
    const { topic, partition } = place;
    const clock = this.#clocks.of(topic, partition);
    let isLeft = false;
    await forEachAtOnce(shares, writesAtOnce, async (share) => {
      const page = await this.#firstPage(
        { ...place, toMs: Number.MAX_SAFE_INTEGER },
        bucket,
        share,
      );
      if (page === undefined) return;
      isLeft = true;
      for (const { dueMs, id } of page.leftOver) {
        const row = [topic, partition, bucket, share, dueMs, id];
        await this.session.write(this.statements.deleteDue, row, clock.next(nowMs));
      }
    });
    return isLeft;
  }

  async #firstPage(
    range: WakeUpPlace & { readonly toMs: number },
    bucket: number,
    share: number,
  ): Promise<DuePage | undefined> {
    for await (const page of this.duePages(range, { bucket, share })) return page;
    return undefined;
  }

  of(key: Key): KeyWakeUps {
    return new CassandraKeyWakeUps(key, {
      session: this.session,
      statements: this.statements,
      clockOf: (partition) => this.#clocks.of(key.topic, partition),
      list: (place, bucket, nowMs) => this.#list(place, bucket, nowMs),
    });
  }

  /** Says that a stretch of time has rows. */
  async #list(place: WakeUpPlace, bucket: number, nowMs: number): Promise<void> {
    const { topic, partition } = place;
    const clock = this.#clocks.of(topic, partition);
    const { buckets } = this.#ownedOf(place, clock.next(nowMs));
    if (buckets.has(bucket)) return;
    const { insertBucket } = this.statements;
    await this.session.write(insertBucket, [topic, partition, bucket], clock.next(nowMs));
    if (buckets.size >= maxKnownBuckets) buckets.clear();
    buckets.add(bucket);
  }
}

interface KeyDeps {
  readonly session: CassandraSession;
  readonly statements: WakeUpStatements;
  readonly clockOf: (partition: Partition) => WriteClock;
  readonly list: (place: WakeUpPlace, bucket: number, nowMs: number) => Promise<void>;
}

/** The row of a journal; its last write in microseconds. */
interface StoredWakeUp {
  readonly dueMs: number;
  readonly offset: Offset;
  readonly writtenMicros: number;
}

/** Of one open journal: it is opened anew after each failure. */
class CassandraKeyWakeUps implements KeyWakeUps {
  readonly #key: Key;
  readonly #deps: KeyDeps;
  /** Its row of a partition, as it was read or written last; `undefined` = it was not yet. */
  #known: { readonly partition: Partition; readonly row: StoredWakeUp | undefined } | undefined;

  constructor(key: Key, deps: KeyDeps) {
    this.#key = key;
    this.#deps = deps;
  }

  async load(partition: Partition): Promise<void> {
    await this.#load(partition);
  }

  async offset(partition: Partition): Promise<Offset | undefined> {
    this.#known = undefined;
    return (await this.#load(partition))?.offset;
  }

  /** @throws {CodecError} naming topic, partition, id, table and column */
  async #load(partition: Partition): Promise<StoredWakeUp | undefined> {
    if (this.#known?.partition === partition) return this.#known.row;
    const { topic, id } = this.#key;
    const params = [topic, partition, shareOf(id), id];
    const [cells] = await this.#deps.session.select(this.#deps.statements.selectKey, params);
    const row =
      cells &&
      decodeKey({ topic, partition, id }, () => ({
        dueMs: numberOf(cells['due'], 'due'),
        offset: numberOf(cells['offset'], 'offset') as Offset,
        writtenMicros: numberOf(cells['written'], 'WRITETIME(due)'),
      }));
    this.#known = { partition, row };
    return row;
  }

  async save(change: WakeUpChange, { partition, nowMs }: WakeUpTime): Promise<void> {
    const { topic, id } = this.#key;
    const clock = this.#deps.clockOf(partition);
    const offset = change.type === 'set' ? change.wakeUp.offset : change.offset;
    const stored = await this.#load(partition);
    // The clock of the last writer may be ahead of ours. But if what it has written follows from a
    // later record, it may be our successor: then we must lose.
    if (stored !== undefined && stored.offset <= offset) clock.follow(stored.writtenMicros);
    const before = stored?.dueMs;
    const write = (cql: string, params: readonly unknown[]): Promise<void> =>
      this.#deps.session.write(cql, [topic, partition, ...params], clock.next(nowMs));
    const { deleteDue, deleteKey, insertDue, insertKey } = this.#deps.statements;
    const share = shareOf(id);
    const removeBefore = async (): Promise<void> => {
      if (before === undefined) return;
      await write(deleteDue, [bucketOf(before), share, before, id]);
    };
    if (change.type === 'remove') {
      await removeBefore();
      await write(deleteKey, [share, id]);
      this.#known = { partition, row: undefined };
      return;
    }
    const { dueMs, reason } = change.wakeUp;
    const bucket = bucketOf(dueMs);
    await Promise.all([
      this.#deps.list({ topic, partition }, bucket, nowMs),
      write(insertDue, [bucket, share, dueMs, id]),
      before === dueMs ? undefined : removeBefore(),
    ]);
    await write(insertKey, [share, id, dueMs, reason, offset]);
    const row = { dueMs, offset, writtenMicros: clock.lastMicros };
    this.#known = { partition, row };
  }
}
