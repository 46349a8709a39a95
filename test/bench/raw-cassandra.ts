import { setTimeout } from 'node:timers/promises';
import { Client, type types } from 'cassandra-driver';
import { journalStatements } from '../../src/stores/cassandra/tables/journal-table.ts';

/** The plain driver on the bench's server. */
export async function openRawCassandra(address: string): Promise<Client> {
  const [host = '', port] = address.split(':');
  const client = new Client({
    contactPoints: [host],
    protocolOptions: { port: Number(port) },
    localDataCenter: 'datacenter1',
    encoding: { useUndefinedAsUnset: true, map: Map },
  });
  await client.connect();
  return client;
}

/** Reads all rows of one segment page by page, untouched, with our SELECT; answers how many. */
export async function readRawRows(
  client: Client,
  rows: {
    readonly keyspace: string;
    readonly topic: string;
    readonly id: string;
    readonly to: number;
  },
): Promise<number> {
  const { selectRange } = journalStatements(`${rows.keyspace}.journal`);
  const params = [rows.id, rows.topic, 0, 1, rows.to];
  let count = 0;
  let pageState: string | undefined;
  do {
    const options = { prepare: true, fetchSize: 1_000, ...(pageState && { pageState }) };
    const page: types.ResultSet = await client.execute(selectRange, params, options);
    count += page.rowLength;
    pageState = page.pageState;
  } while (pageState);
  return count;
}

/** One call of the driver: a statement, or a batch of one partition. */
export type RecordedCall =
  | { readonly type: 'execute'; readonly cql: string; readonly params: types.Row | unknown[] }
  | { readonly type: 'batch'; readonly queries: readonly { query: string; params: unknown[] }[] };

/**
 * Tells of the INSERT, UPDATE and batch calls of every driver of this process, until the answer is
 * called.
 */
export function watchWrites(note: (call: RecordedCall) => void): () => void {
  const restore = [
    watch('execute', ([cql, params]) => {
      if (!/^(INSERT|UPDATE)/.test(cql as string)) return;
      note({ type: 'execute', cql: cql as string, params: params as unknown[] });
    }),
    watch('batch', ([queries]) => {
      note({ type: 'batch', queries: queries as BatchQueries });
    }),
  ];
  return () => void restore.map((undo) => undo());
}

type BatchQueries = Extract<RecordedCall, { type: 'batch' }>['queries'];

function watch(name: 'execute' | 'batch', note: (args: readonly unknown[]) => void): () => void {
  const original = Reflect.get(Client.prototype, name) as (...args: unknown[]) => unknown;
  function watched(this: Client, ...args: unknown[]): unknown {
    note(args);
    return Reflect.apply(original, this, args);
  }
  Object.assign(Client.prototype, { [name]: watched });
  return () => {
    Object.assign(Client.prototype, { [name]: original });
  };
}

/** The same calls on other tables: each text changed once, beforehand. */
export function renamed(
  calls: readonly RecordedCall[],
  rename: (cql: string) => string,
): readonly RecordedCall[] {
  const texts = new Map<string, string>();
  const textOf = (cql: string): string => {
    const text = texts.get(cql) ?? rename(cql);
    texts.set(cql, text);
    return text;
  };
  return calls.map((call) => {
    if (call.type === 'execute') return { ...call, cql: textOf(call.cql) };
    const queries = call.queries.map(({ query, params }) => ({ query: textOf(query), params }));
    return { type: 'batch', queries };
  });
}

/** Sends recorded calls again, so many at once. */
export async function replayWrites(
  client: Client,
  calls: readonly RecordedCall[],
  atOnce: number,
): Promise<void> {
  let next = 0;
  const options = { prepare: true, logged: false, isIdempotent: true };
  const lane = async (): Promise<void> => {
    for (let call = calls[next++]; call !== undefined; call = calls[next++]) {
      await again(() =>
        call.type === 'execute'
          ? client.execute(call.cql, call.params, options)
          : client.batch([...call.queries], options),
      );
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
}

/** A busy server gives up on a write now and then; what is idempotent is sent again, as ours is. */
async function again(send: () => Promise<unknown>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await send();
      return;
    } catch (error) {
      if (attempt === maxAttempts) throw error;
      await setTimeout(attempt * pauseMs);
    }
  }
}

const maxAttempts = 8;
const pauseMs = 100;
