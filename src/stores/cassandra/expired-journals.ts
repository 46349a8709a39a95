import { Key } from '../../model/key.ts';
import type { Topic } from '../../model/position.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import type { ExpiredJournal, ExpiredRange, JournalPlace } from '../../ports/replicated-journal.ts';
import { chunks } from './at-once.ts';
import { SegmentNr } from './segment.ts';
import type { CassandraSession, Page, Params, Row } from './session-types.ts';
import {
  expiredOf,
  journalPlaceOf,
  type MetaJournalStatements,
} from './tables/metajournal-table.ts';
import { utcDate } from './values.ts';

/** Look-ups under way at once: each is one segment. */
const lookupsAtOnce = 32;

/** So many days are looked up one by one; a longer range is one look at all rows of a segment. */
const maxDaysByIndex = 3;

const dayMs = 86_400_000;

/** Where expired journals are looked for. */
export interface ExpiredSource {
  readonly session: CassandraSession;
  readonly statements: MetaJournalStatements;
}

/**
 * A share is a set of metajournal segments. Rows that old versions put into segments 0 .. 99 are in
 * the same segments. The index on `expire_on` answers equality within one of them, no range.
 *
 * @throws {StoreUnavailableError} nothing is changed; retryable
 * @throws {CodecError} naming topic, id, table and column
 */
export async function* readExpired(
  { session, statements }: ExpiredSource,
  range: ExpiredRange,
  options?: CallOptions,
): AsyncGenerator<readonly ExpiredJournal[]> {
  const { topic } = range;
  for await (const rows of pagesOf(lookupsOf(statements, range), session, options)) {
    yield rows.map((row) => expiredOf(Key.of(topic, String(row['id'])), row));
  }
}

/**
 * All journals of a topic, from all segments.
 *
 * @throws as {@link readExpired}
 */
export async function* readJournalPlaces(
  { session, statements }: ExpiredSource,
  topic: Topic,
  options?: CallOptions,
): AsyncGenerator<readonly JournalPlace[]> {
  for await (const rows of pagesOf(lookupsOfAll(statements, topic), session, options)) {
    yield rows.map((row) => journalPlaceOf(Key.of(topic, String(row['id'])), row));
  }
}

/** Never empty. */
async function* pagesOf(
  all: Iterable<Lookup>,
  session: CassandraSession,
  options?: CallOptions,
): AsyncGenerator<readonly Row[]> {
  const look = ({ cql, params }: Lookup, from?: string): Promise<Page> =>
    session.page(cql, params, { ...options, from });
  for (const lookups of chunks(all, lookupsAtOnce)) {
    const firsts = await Promise.all(lookups.map((lookup) => look(lookup)));
    for (const [index, first] of firsts.entries()) {
      const lookup = lookups[index] as Lookup;
      for (let page = first; ; page = await look(lookup, page.next)) {
        if (page.rows.length > 0) yield page.rows;
        if (page.next === undefined) break;
      }
    }
  }
}

interface Lookup {
  readonly cql: string;
  readonly params: Params;
}

function* lookupsOfAll({ selectPlaces: cql }: MetaJournalStatements, topic: Topic) {
  for (const segment of SegmentNr.all()) yield { cql, params: [topic, segment] };
}

function* lookupsOf(
  { selectExpiredOn, selectExpiredBetween }: MetaJournalStatements,
  { topic, share, from, to }: ExpiredRange,
): Generator<Lookup> {
  const days = (Date.parse(to) - Date.parse(from)) / dayMs + 1;
  if (days < 1) return;
  for (const segment of SegmentNr.ofShare(share)) {
    if (days > maxDaysByIndex) {
      yield { cql: selectExpiredBetween, params: [topic, segment, from, to] };
    } else {
      for (let day = 0; day < days; day++) {
        const on = utcDate(Date.parse(from) + day * dayMs);
        yield { cql: selectExpiredOn, params: [topic, segment, on] };
      }
    }
  }
}
