import { Client, Pool } from 'pg';
import { eventStatements } from '../../src/stores/postgres/tables/event-table.ts';

/** As many as the journals and the replicator have. */
const connections = 10;
const rowsInPage = 1_000;

/** The plain driver on the bench's server, with the planner set as ours is. */
export function openRawPostgres(address: string): Pool {
  const options = '-c enable_bitmapscan=off';
  return new Pool({ connectionString: address, max: connections, options });
}

export interface RawRows {
  readonly keyspace: string;
  readonly topic: string;
  readonly id: string;
  readonly to: number;
}

/** Reads all rows of one journal page by page, untouched, with our SELECT; answers how many. */
export async function readRawPages(
  pool: Pool,
  { keyspace, topic, id, to }: RawRows,
): Promise<number> {
  const statement = eventStatements(keyspace).page;
  let after: readonly unknown[] = [1, Number.MIN_SAFE_INTEGER, -1, -1];
  for (let count = 0; ; ) {
    const values = [topic, id, ...after, to, rowsInPage];
    const { rows } = await pool.query<unknown[]>({ ...statement, values, rowMode: 'array' });
    count += rows.length;
    if (rows.length < rowsInPage) return count;
    after = rows.at(-1)?.slice(0, 4) ?? [];
  }
}

/**
 * One statement that writes, and the first cell of its answer: the number of its row, where it has
 * one.
 */
export interface RecordedCall {
  readonly name: string;
  readonly text: string;
  readonly values: readonly unknown[];
  readonly number: unknown;
}

interface Query {
  readonly name: string;
  readonly text: string;
  readonly values: readonly unknown[];
}

/**
 * Tells of the statements that write of every driver of this process, until the answer is called.
 */
export function watchWrites(note: (call: RecordedCall) => void): () => void {
  const original = Reflect.get(Client.prototype, 'query') as (...args: unknown[]) => unknown;
  async function query(this: Client, ...args: unknown[]): Promise<unknown> {
    const asked = args[0] as Query | string;
    const result = (await Reflect.apply(original, this, args)) as { rows: unknown[][] };
    if (asked === 'BEGIN') throw new Error('transactions of several statements are not recorded');
    if (typeof asked !== 'string' && !asked.text.startsWith('SELECT'))
      note({ ...asked, number: result.rows[0]?.[0] });
    return result;
  }
  Object.assign(Client.prototype, { query });
  return () => void Object.assign(Client.prototype, { query: original });
}

/**
 * Sends recorded calls again, to another schema: those of one journal or one partition in their
 * order, as many journals at once as there are connections.
 */
export async function replayWrites(
  pool: Pool,
  calls: readonly RecordedCall[],
  rename: (text: string) => string,
): Promise<void> {
  const groups = Object.values(Object.groupBy(calls, ownerOf));
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let group = groups[next++]; group !== undefined; group = groups[next++]) {
      await replayGroup(pool, group, rename);
    }
  };
  await Promise.all(Array.from({ length: connections }, lane));
}

/** Statements of one journal begin with its number, but for the first one, which answers it. */
function ownerOf({ name, values, number }: RecordedCall): string {
  const owner = name.includes('journal') ? ['journal', number] : values.slice(0, 2);
  return owner.join(':');
}

async function replayGroup(
  pool: Pool,
  calls: readonly RecordedCall[],
  rename: (text: string) => string,
): Promise<void> {
  let own: unknown;
  for (const { name, text, values, number } of calls) {
    const sent = values[0] === number ? [own, ...values.slice(1)] : [...values];
    const query = { name, text: rename(text), values: sent, rowMode: 'array' } as const;
    const { rows } = await pool.query<unknown[]>(query);
    own = rows[0]?.[0];
    if (own === undefined && number !== undefined)
      throw new Error(`${name} was recorded and changed nothing when sent again`);
  }
}
