import type { Key } from '../../model/key.ts';
import type { SeqNr } from '../../model/seq-nr.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import type { StoredRange } from '../../ports/eventual-journal.ts';
import { checkWalk, SegmentNr } from './segment.ts';
import type { CassandraSession, Page, Row } from './session-types.ts';
import { seqNrParam } from './values.ts';

/**
 * Pages asked for ahead of the one the caller works on; of small segments, as many as make up a
 * page.
 */
const minPagesAhead = 2;
const maxPagesAhead = 8;

/** A walk over the segments of one journal. */
export interface SegmentWalk {
  readonly session: CassandraSession;
  readonly selectRange: string;
  readonly key: Key;
  readonly range: StoredRange;
  /** Rows in a page, at least 2. */
  readonly fetchSize: number;
}

/**
 * Rows of every segment that `range` touches, in pages that are never empty.
 *
 * A page is a range of numbers within one segment rather than what follows a cursor, so that the
 * next ones need not wait for their predecessor: they are on their way while the caller works.
 *
 *   segment 0: 1..999   1000..1998   1999..2997   …   segment 1: 10001..10999
 *              caller   in flight    in flight
 *
 * @throws {StoreUnavailableError} nothing is changed; retryable
 * @throws {DataIntegrityError} the range has more segments than are looked into
 */
export async function* readSegments(
  walk: SegmentWalk,
  options?: CallOptions,
): AsyncGenerator<readonly Row[]> {
  const { fetchSize } = walk;
  checkWalk(walk.key, walk.range, SegmentNr.of(walk.range.from, walk.range.segmentSize));
  const { segmentSize } = walk.range;
  const perPage = Math.ceil(fetchSize / segmentSize);
  const ahead = Math.min(maxPagesAhead, Math.max(minPagesAhead, perPage));
  const slices = slicesOf(walk.range, Math.max(1, fetchSize - 1));
  const pages: Promise<SlicePage>[] = [];
  for (;;) {
    while (pages.length <= ahead) {
      const next = slices.next();
      if (next.done === true) break;
      pages.push(request(walk, next.value, undefined, options));
    }
    const current = pages.shift();
    if (current === undefined) return;
    yield* rowsOf(walk, current, options);
  }
}

/** Numbers `from` .. `to` of one segment. */
interface Slice {
  readonly segment: SegmentNr;
  readonly from: number;
  readonly to: number;
}

interface SlicePage extends Page {
  readonly slice: Slice;
}

/**
 * The range cut at segment borders and into slices of `width` numbers. One less than a page holds:
 * a full page would come with a cursor, and ask for one more round trip to learn that nothing
 * follows.
 */
function* slicesOf({ from, to, segmentSize }: StoredRange, width: number): Generator<Slice, void> {
  for (let start: number = from; start <= to; ) {
    const segment = SegmentNr.of(start, segmentSize);
    const end = Math.min(to, (segment + 1) * segmentSize, start + width - 1);
    yield { segment, from: start, to: end };
    start = end + 1;
  }
}

/** One slice, which overflows its page only when numbers repeat. */
async function* rowsOf(
  walk: SegmentWalk,
  first: Promise<SlicePage>,
  options: CallOptions | undefined,
): AsyncGenerator<readonly Row[]> {
  let current: Promise<SlicePage> | undefined = first;
  while (current !== undefined) {
    const { slice, rows, next: from }: SlicePage = await current;
    current = from === undefined ? undefined : request(walk, slice, from, options);
    options?.signal?.throwIfAborted();
    if (rows.length > 0) yield rows;
  }
}

/** Asks for the rows of a slice that come after the cursor `from`. */
function request(
  { session, selectRange, key }: SegmentWalk,
  slice: Slice,
  from: string | undefined,
  options: CallOptions | undefined,
): Promise<SlicePage> {
  const params = [key.id, key.topic, slice.segment, slice.from, seqNrParam(slice.to as SeqNr)];
  const page = session
    .page(selectRange, params, { signal: options?.signal, from })
    .then((result) => ({ ...result, slice }));
  // A page that was requested ahead and never awaited must not end the process when it fails.
  page.catch(() => {});
  return page;
}
