import { expect } from 'chai';
import { DataIntegrityError } from '../../../../src/model/errors.ts';
import { Key } from '../../../../src/model/key.ts';
import { SeqNr } from '../../../../src/model/seq-nr.ts';
import { readSegments } from '../../../../src/stores/cassandra/segment-reader.ts';
import type {
  CassandraSession,
  Page,
  Row,
} from '../../../../src/stores/cassandra/session-types.ts';

/** Holds numbers, serves pages of at most `fetchSize` rows, remembers what was asked. */
class Store implements Pick<CassandraSession, 'page'> {
  readonly asked: string[] = [];
  private readonly numbers: readonly number[];
  private readonly fetchSize: number;

  constructor(numbers: readonly number[], fetchSize: number) {
    this.numbers = numbers;
    this.fetchSize = fetchSize;
  }

  async page(
    _: string,
    params: readonly unknown[],
    options?: { readonly from?: string | undefined },
  ): Promise<Page> {
    const [, , segment, from, to] = params as [string, string, number, number, number];
    this.asked.push(
      `${segment}: ${from}..${to}${options?.from === undefined ? '' : ` +${options.from}`}`,
    );
    const skipped = Number(options?.from ?? 0);
    const found = this.numbers.filter((number) => number >= from && number <= to).slice(skipped);
    const rows = found.slice(0, this.fetchSize).map((seq_nr): Row => ({ seq_nr }));
    // As the server does: a full page has a cursor even when nothing follows.
    return {
      rows,
      next: rows.length === this.fetchSize ? String(skipped + rows.length) : undefined,
    };
  }
}

const key = Key.of('topic', 'id');

function walk(
  store: Store,
  { from = 1, to, segmentSize, fetchSize }: Readonly<Record<string, number>>,
) {
  const range = { from: SeqNr.of(from), to: SeqNr.of(to ?? 1), segmentSize: segmentSize ?? 10 };
  const session = store as unknown as CassandraSession;
  return readSegments({ session, selectRange: '', key, range, fetchSize: fetchSize ?? 100 });
}

async function pagesOf(pages: AsyncIterable<readonly Row[]>): Promise<unknown[][]> {
  const all: unknown[][] = [];
  for await (const page of pages) all.push(page.map((row) => row['seq_nr']));
  return all;
}

describe('readSegments', () => {
  it('looks into no more segments than a journal may have, and says whose row asks for more', async () => {
    for (const to of [2 ** 53 - 2, SeqNr.max, 10_000_011]) {
      const store = new Store([1, to], 4);
      const error = await pagesOf(walk(store, { from: 1, to })).catch((cause: unknown) => cause);
      expect(error).to.be.instanceOf(DataIntegrityError);
      expect(String(error)).to.include('topic:id').and.include('seq_nr').and.include(String(to));
      expect(store.asked).to.deep.equal([]);
    }
    // The end of a journal however long.
    const end = new Store([2 ** 53 - 3, 2 ** 53 - 2], 4);
    const pages = await pagesOf(walk(end, { from: 2 ** 53 - 12, to: 2 ** 53 - 2 }));
    expect(pages.flat()).to.deep.equal([2 ** 53 - 3, 2 ** 53 - 2]);
  });

  it('cuts the range at segment borders and at one less than a page', async () => {
    const store = new Store([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], 4);
    const pages = await pagesOf(walk(store, { from: 2, to: 11, segmentSize: 5, fetchSize: 4 }));
    expect(pages).to.deep.equal([[2, 3, 4], [5], [6, 7, 8], [9, 10], [11]]);
    expect(store.asked).to.deep.equal(['0: 2..4', '0: 5..5', '1: 6..8', '1: 9..10', '2: 11..11']);
  });

  it('goes on after empty segments and gives no empty page', async () => {
    const store = new Store([2, 41], 10);
    expect(await pagesOf(walk(store, { to: 50, segmentSize: 10, fetchSize: 10 }))).to.deep.equal([
      [2],
      [41],
    ]);
  });

  it('follows the cursor where repeated numbers overflow a page', async () => {
    const store = new Store([1, 1, 1, 2, 2, 2, 3], 3);
    const pages = await pagesOf(walk(store, { to: 3, segmentSize: 10, fetchSize: 3 }));
    expect(pages.flat()).to.deep.equal([1, 1, 1, 2, 2, 2, 3]);
  });

  it('has the next pages on their way before the caller takes the first, and not more than it may', async () => {
    const store = new Store([], 10);
    const pages = walk(store, { to: 1_000, segmentSize: 100, fetchSize: 10 });
    const first = pages.next();
    expect(store.asked).to.deep.equal(['0: 1..9', '0: 10..18', '0: 19..27']);
    await first;
    const small = new Store([1], 1_000);
    await walk(small, { to: 1_000, segmentSize: 2, fetchSize: 1_000 }).next();
    expect(small.asked).to.have.length(9);
  });

  it('leaves nothing rejected behind when the caller goes away', async () => {
    const failing = {
      asked: 0,
      async page(): Promise<Page> {
        if (this.asked++ === 0) return { rows: [{ seq_nr: 1 }], next: undefined };
        throw new Error('page that nobody awaits');
      },
    };
    const range = { from: SeqNr.of(1), to: SeqNr.of(30), segmentSize: 10 };
    const session = failing as unknown as CassandraSession;
    for await (const _ of readSegments({ session, selectRange: '', key, range, fetchSize: 10 }))
      break;
    await new Promise(setImmediate);
    expect(failing.asked).to.equal(3);
  });
});
