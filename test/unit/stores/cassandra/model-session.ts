import { StoreUnavailableError } from '../../../../src/model/errors.ts';
import type { CallOptions } from '../../../../src/ports/call-options.ts';
import type {
  CassandraSession,
  Page,
  Params,
  Row,
} from '../../../../src/stores/cassandra/session-types.ts';
import * as given from '../../../contract/replicated-store.ts';
import type { CassandraModel } from '../../../simulation/cql/cassandra-model.ts';

/** The simulation's tables; the writes after the first `writesLeft` are not stored. */
export class ModelSession implements CassandraSession {
  readonly #model: CassandraModel;
  readonly #pageSize: number;
  writesLeft = Number.POSITIVE_INFINITY;
  onDeath: () => void = () => {};
  /** Pages that were read. */
  reads = 0;
  static #timestamp = given.nowMs * 1_000;

  constructor(model: CassandraModel, pageSize = 100) {
    this.#model = model;
    this.#pageSize = pageSize;
  }

  async page(
    cql: string,
    params: Params,
    options?: CallOptions & { readonly from?: string | undefined },
  ) {
    options?.signal?.throwIfAborted();
    this.reads++;
    const page: Page = this.#model.select(cql, params, {
      size: this.#pageSize,
      from: options?.from,
    });
    return page;
  }

  async select(cql: string, params: Params): Promise<readonly Row[]> {
    return (await this.page(cql, params)).rows;
  }

  selectSerially(cql: string, params: Params): Promise<readonly Row[]> {
    return this.select(cql, params);
  }

  async write(cql: string, params: Params, timestamp?: number): Promise<void> {
    await this.writeIf(cql, params, timestamp);
  }

  async writeBatch(cql: string, rows: readonly Params[], timestamp?: number): Promise<void> {
    for (const params of rows) await this.write(cql, params, timestamp);
  }

  async writeIf(cql: string, params: Params, timestamp = ++ModelSession.#timestamp): Promise<Row> {
    if (--this.writesLeft < 0) {
      this.onDeath();
      throw new StoreUnavailableError('the replicator died');
    }
    return this.#model.write(cql, params, timestamp)[0] ?? {};
  }

  async execute(): Promise<readonly Row[]> {
    return [];
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
