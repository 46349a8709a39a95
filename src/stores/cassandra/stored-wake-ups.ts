import { CodecError } from '../../model/errors.ts';
import type { Offset } from '../../model/position.ts';
import type { WakeUpEntry, WakeUpPlace } from '../../model/wake-up.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import type { DueRange, WakeUps } from '../../ports/wake-ups.ts';
import { reasonOf } from '../kept-wake-ups.ts';
import { chunks } from './at-once.ts';
import type { CassandraSession, Params, Row } from './session-types.ts';
import {
  bucketOf,
  type WakeUpStatements,
  wakeUpKeysTable,
  wakeUpShares,
  wakeUpsUntilTable,
} from './tables/wake-up-table.ts';
import { numberOf, offsetIn } from './values.ts';

/** Journals that are asked for at once whether they are due. */
const keysAtOnce = 100;

/** Some rows of one share of a stretch of time. */
export interface DuePage {
  /** What the journals wait for, ascending. */
  readonly entries: readonly WakeUpEntry[];
  /** Rows of which the journal says that it waits for something else, or for nothing. */
  readonly leftOver: readonly Place[];
}

/** A row of `wake_ups`, in its stretch and share. */
export interface Place {
  readonly dueMs: number;
  readonly id: string;
}

/**
 * The tables of wake-ups of one keyspace, as they are read. What `wake_ups` has counts only if the
 * row of the journal says the same: a crash, or a late write of a former owner, may leave rows.
 */
export class CassandraWakeUpReads implements WakeUps {
  protected readonly session: CassandraSession;
  protected readonly statements: WakeUpStatements;

  constructor(session: CassandraSession, statements: WakeUpStatements) {
    this.session = session;
    this.statements = statements;
  }

  async until(place: WakeUpPlace, options?: CallOptions): Promise<Offset | undefined> {
    const row = await this.untilRow(place, options);
    return row && offsetIn(wakeUpsUntilTable, place, row['offset']);
  }

  protected async untilRow(
    { topic, partition }: WakeUpPlace,
    options?: CallOptions,
  ): Promise<Row | undefined> {
    const { selectUntil } = this.statements;
    const [row] = await this.session.select(selectUntil, [topic, partition], options);
    return row;
  }

  async *due(range: DueRange, options?: CallOptions): AsyncGenerator<WakeUpEntry, void> {
    const { topic, partition, toMs } = range;
    if (toMs < 0) return;
    const { selectBuckets } = this.statements;
    const params = [topic, partition, 0, bucketOf(toMs)];
    for await (const rows of this.pages(selectBuckets, params, options)) {
      for (const row of rows) {
        const bucket = numberOf(row['bucket'], 'bucket');
        const shares = Array.from({ length: wakeUpShares }, (_, share) =>
          this.#dueOfShare(range, { bucket, share }, options),
        );
        yield* inOrder(shares);
      }
    }
  }

  async *#dueOfShare(
    range: DueRange,
    stretch: Stretch,
    options?: CallOptions,
  ): AsyncGenerator<readonly WakeUpEntry[], void> {
    for await (const { entries } of this.duePages(range, stretch, options)) yield entries;
  }

  /** Never leaves out a row: each is an entry or left over. */
  protected async *duePages(
    range: DueRange,
    { bucket, share }: Stretch,
    options?: CallOptions,
  ): AsyncGenerator<DuePage, void> {
    const { topic, partition, toMs } = range;
    const params = [topic, partition, bucket, share, toMs];
    for await (const rows of this.pages(this.statements.selectDue, params, options)) {
      const places = rows.map(({ due, id }) => ({ dueMs: numberOf(due, 'due'), id: String(id) }));
      const entries: WakeUpEntry[] = [];
      const leftOver: Place[] = [];
      for (const some of chunks(places, keysAtOnce)) {
        const waiting = await this.#waiting(range, share, some, options);
        for (const place of some) {
          const entry = waiting.get(place.id);
          if (entry?.dueMs === place.dueMs) entries.push(entry);
          else leftOver.push(place);
        }
      }
      yield { entries, leftOver };
    }
  }

  async #waiting(
    place: WakeUpPlace,
    share: number,
    some: readonly Place[],
    options?: CallOptions,
  ): Promise<ReadonlyMap<string, WakeUpEntry>> {
    const ids = [...new Set(some.map(({ id }) => id))];
    const params = [place.topic, place.partition, share, ids];
    const found = new Map<string, WakeUpEntry>();
    for await (const rows of this.pages(this.statements.selectKeys, params, options)) {
      for (const row of rows) found.set(String(row['id']), entryOf(place, row));
    }
    return found;
  }

  /** In pages as large as the session has them. */
  protected async *pages(
    cql: string,
    params: Params,
    options?: CallOptions,
  ): AsyncGenerator<readonly Row[], void> {
    for (let from: string | undefined; ; ) {
      const page = await this.session.page(cql, params, { ...options, from });
      if (page.rows.length > 0) yield page.rows;
      from = page.next;
      if (from === undefined) return;
    }
  }
}

/** A share of the journals in a stretch of time. */
export interface Stretch {
  readonly bucket: number;
  readonly share: number;
}

/** Merges streams that ascend, whose first pages are read at once. */
async function* inOrder(
  streams: readonly AsyncGenerator<readonly WakeUpEntry[], void>[],
): AsyncGenerator<WakeUpEntry, void> {
  try {
    const firsts = await Promise.allSettled(streams.map(queueOf));
    let queues: Queue[] = [];
    for (const first of firsts) {
      if (first.status === 'rejected') throw first.reason;
      if (first.value !== undefined) queues.push(first.value);
    }
    while (queues.length > 0) {
      const next = queues.reduce((a, b) => (headOf(b).dueMs < headOf(a).dueMs ? b : a));
      yield headOf(next);
      if (++next.at < next.entries.length) continue;
      const later = await queueOf(next.stream);
      queues = queues.flatMap((queue) => (queue === next ? (later ?? []) : queue));
    }
  } finally {
    await Promise.allSettled(streams.map((stream) => stream.return()));
  }
}

interface Queue {
  readonly stream: AsyncGenerator<readonly WakeUpEntry[], void>;
  /** Never empty. */
  readonly entries: readonly WakeUpEntry[];
  at: number;
}

async function queueOf(stream: Queue['stream']): Promise<Queue | undefined> {
  for (;;) {
    const { done, value } = await stream.next();
    if (done === true) return undefined;
    if (value.length > 0) return { stream, entries: value, at: 0 };
  }
}

function headOf({ entries, at }: Queue): WakeUpEntry {
  return entries[at] as WakeUpEntry;
}

/** @throws {CodecError} naming topic, partition, id, table and column */
function entryOf(place: WakeUpPlace, row: Row): WakeUpEntry {
  const id = String(row['id']);
  return decodeKey({ ...place, id }, () => ({
    id,
    dueMs: numberOf(row['due'], 'due'),
    reason: reasonOf(row['reason']),
    offset: numberOf(row['offset'], 'offset') as Offset,
  }));
}

/**
 * Decodes what a row of `wake_up_keys` has.
 *
 * @throws {CodecError} naming topic, partition, id, table and column
 */
export function decodeKey<T>(place: WakeUpPlace & { readonly id: string }, decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    const column = cause instanceof CodecError ? cause.place.column : undefined;
    const { topic, partition, id } = place;
    const row = { topic, partition, id, table: wakeUpKeysTable, ...(column && { column }) };
    throw new CodecError(`a row of ${wakeUpKeysTable} cannot be decoded`, { cause, place: row });
  }
}
