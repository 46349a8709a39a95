import { StoreUnavailableError } from '../../../src/model/errors.ts';
import type {
  CassandraSession,
  Page,
  Params,
  Row,
} from '../../../src/stores/cassandra/session-types.ts';
import type { Scheduler, SimulatedProcess } from '../core/scheduler.ts';
import type { CassandraModel } from './cassandra-model.ts';
import { parseCql } from './cql.ts';

interface SessionParts {
  readonly scheduler: Scheduler;
  readonly process: SimulatedProcess;
  readonly model: CassandraModel;
  /** Rows in a page. */
  readonly pageSize: number;
  /** Writes of which the process knows nothing; default none. */
  readonly isUnknown?: (cql: string, params: Params) => boolean;
}

/**
 * One process's connection: each statement is a step of its own, stamped with the time it was sent.
 */
export class SimulatedSession implements CassandraSession {
  readonly #parts: SessionParts;
  #lastTimestamp = 0;

  constructor(parts: SessionParts) {
    this.#parts = parts;
  }

  page(
    cql: string,
    params: Params,
    options?: { readonly signal?: AbortSignal | undefined; readonly from?: string | undefined },
  ): Promise<Page> {
    const { scheduler, process, model, pageSize } = this.#parts;
    const paging = { size: pageSize, from: options?.from };
    return scheduler.call({
      process,
      label: () => describe(cql, params),
      apply: () => model.select(cql, params, paging),
      fault: unavailable,
    });
  }

  async select(
    cql: string,
    params: Params,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<readonly Row[]> {
    return (await this.page(cql, params, options)).rows;
  }

  selectSerially(cql: string, params: Params): Promise<readonly Row[]> {
    return this.select(cql, params);
  }

  async write(cql: string, params: Params, timestamp?: number): Promise<void> {
    await this.#write(cql, [params], timestamp);
  }

  async writeBatch(cql: string, rows: readonly Params[], timestamp?: number): Promise<void> {
    await this.#write(cql, rows, timestamp);
  }

  async writeIf(cql: string, params: Params): Promise<Row> {
    const [answer] = await this.#write(cql, [params]);
    return answer ?? {};
  }

  execute(cql: string): Promise<readonly Row[]> {
    throw new Error(`no schema changes here: ${cql}`);
  }

  #write(
    cql: string,
    rows: readonly Params[],
    timestamp = this.#timestamp(),
  ): Promise<readonly Row[]> {
    const { scheduler, process, model, isUnknown } = this.#parts;
    if (isUnknown?.(cql, rows[0] ?? [])) return Promise.resolve([]);
    return scheduler.call({
      process,
      label: () => `${describe(cql, rows[0] ?? [])}${rows.length > 1 ? ` × ${rows.length}` : ''}`,
      apply: () => rows.flatMap((params) => model.write(cql, params, timestamp)),
      fault: unavailable,
      isWrite: true,
    });
  }

  /** Strictly increasing microseconds, as the driver makes them. */
  #timestamp(): number {
    this.#lastTimestamp = Math.max(this.#lastTimestamp + 1, this.#parts.scheduler.nowMs * 1_000);
    return this.#lastTimestamp;
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

const unavailable = (): Error => new StoreUnavailableError('injected');

function describe(cql: string, params: Params): string {
  const statement = parseCql(cql);
  const value = (it: { readonly param: number } | { readonly literal: unknown }): string =>
    shown('param' in it ? params[it.param] : it.literal);
  const set = statement.type === 'insert' || statement.type === 'update' ? statement.set : [];
  const values = set
    .filter((it) => !hidden.has(it.column) && value(it.value) !== '')
    .map((it) => `${it.column}=${value(it.value)}`);
  const where = statement.where
    .filter((it) => !hidden.has(it.column))
    .map((it) => `${it.column}${it.op}${value(it.value)}`);
  const columns = statement.type === 'delete' ? statement.columns : [];
  const guard = 'guard' in statement && statement.guard !== undefined ? ['IF'] : [];
  const words = [statement.type, statement.table, ...columns, ...values, '|', ...where, ...guard];
  return words.join(' ');
}

const hidden = new Set([
  'topic',
  'created',
  'updated',
  'created_date',
  'payload_txt',
  'payload_type',
]);

function shown(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (Buffer.isBuffer(value)) return value.toString('hex', 0, 4);
  if (value instanceof Map) return value.size === 0 ? '' : 'map';
  return `${value as string | number}`;
}
