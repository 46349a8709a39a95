import { setTimeout as sleep } from 'node:timers/promises';
import { Client, type types } from 'cassandra-driver';
import { DriverConnections } from '../../src/stores/cassandra/driver-connections.ts';
import { parseAddress } from '../support/stack/probes.ts';
import { type ChaosWorld, until } from './chaos-world.ts';

/** Positions that never go down while no journal is purged, by what they belong to. */
type Positions = ReadonlyMap<string, number>;

const pauseMs = 20;
/** All rows come as one page. */
const maxRows = 100_000;
const firstLimitMs = 30_000;

/**
 * Reads the replicated offsets and all journal rows of a topic over and over with the plain driver,
 * and notes every offset, number or delete bound that was higher before.
 */
export class PositionWatch implements AsyncDisposable {
  /** One line for each position that went back; has to stay empty. */
  readonly wentBack: string[] = [];
  samples = 0;
  readonly #client: Client;
  readonly #connections: DriverConnections;
  readonly #keyspace: string;
  readonly #topic: string;
  readonly #highest = new Map<string, number>();
  readonly #stopping = new AbortController();
  #watching: Promise<void> = Promise.resolve();

  private constructor(client: Client, { keyspace, topic }: ChaosWorld) {
    this.#client = client;
    this.#connections = new DriverConnections(client);
    this.#keyspace = keyspace;
    this.#topic = topic;
  }

  /** Starts once the tables are there. */
  static async start(world: ChaosWorld): Promise<PositionWatch> {
    const { cassandra } = world.stack;
    const { host, port } = parseAddress(cassandra.address);
    const client = new Client({
      contactPoints: [host],
      protocolOptions: { port },
      localDataCenter: cassandra.datacenter,
    });
    const watch = new PositionWatch(client, world);
    await watch.#connections.connect();
    const isThere = (): Promise<boolean> =>
      watch.#sample().then(
        () => true,
        () => false,
      );
    await until('the tables can be read', isThere, firstLimitMs);
    watch.#watching = watch.#watch();
    return watch;
  }

  async #watch(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      // A server that is frozen answers nothing, which says nothing.
      await this.#sample().catch(() => undefined);
      await sleep(pauseMs);
    }
  }

  async #sample(): Promise<void> {
    for (const [what, value] of await this.#read()) {
      const before = this.#highest.get(what) ?? -1;
      if (value < before) this.wentBack.push(`${what} went from ${before} back to ${value}`);
      this.#highest.set(what, value);
    }
    this.samples++;
  }

  async #read(): Promise<Positions> {
    const positions = new Map<string, number>();
    const note = (name: string, cell: unknown): void => {
      if (cell !== null && cell !== undefined) positions.set(name, Number(cell));
    };
    for (const row of await this.#rows('SELECT topic, partition, offset FROM', 'pointer2')) {
      note(`replicated offset of partition ${row['partition']}`, row['offset']);
    }
    const columns = 'SELECT topic, id, offset, seq_nr, delete_to FROM';
    for (const row of await this.#rows(columns, 'metajournal')) {
      for (const column of ['offset', 'seq_nr', 'delete_to'])
        note(`${column} of ${row['id']}`, row[column]);
    }
    return positions;
  }

  async #rows(select: string, table: string): Promise<readonly types.Row[]> {
    const query = `${select} ${this.#keyspace}.${table}`;
    const { rows } = await this.#client.execute(query, [], { prepare: true, fetchSize: maxRows });
    return rows.filter(({ topic }) => topic === this.#topic);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await this.#watching;
    await this.#connections.close();
  }
}
