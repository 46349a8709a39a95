import { setTimeout as sleep } from 'node:timers/promises';
import { murmur2 } from '../../../codec/java-hash.ts';
import { decodeAction, decodeOpeningMark } from '../../../codec/record/action-record-codec.ts';
import { decodeUtf8Lenient } from '../../../codec/utf8.ts';
import type { ActionRecord } from '../../../model/action.ts';
import { ClosedError, CodecError } from '../../../model/errors.ts';
import type { LogRecord } from '../../../model/log-record.ts';
import type { Offset, Partition, Topic } from '../../../model/position.ts';
import type {
  ActionConsumer,
  ActionRange,
  FollowedBatch,
  FollowStart,
  UndecodableRecord,
} from '../../../ports/action-consumer.ts';
import type { CallOptions } from '../../../ports/call-options.ts';
import { nextTurn } from '../../../runtime/waiting.ts';
import { logFailure, readOr } from '../session.ts';
import { isKey } from './batch-codec.ts';
import type { LogPartitions } from './log-partitions.ts';
import { type LogReader, refuseOutside } from './log-reader.ts';
import type { LogTrim } from './log-trim.ts';

/** Records in one step of a read, which holds the event loop. */
const maxPageRecords = 500;
/** Between two looks for new records. */
const followIntervalMs = 2;
const noop = (): void => {};

/** What reading the log works with; all of it stays the store's. */
export interface ActionConsumerDeps {
  readonly reader: LogReader;
  readonly partitions: LogPartitions;
  readonly trim: LogTrim;
}

/**
 * Reads the log of the file: each step looks up the rows that hold its key or an opening mark, and
 * no others.
 */
export class SqliteActionConsumer implements ActionConsumer {
  readonly #reader: LogReader;
  readonly #partitions: LogPartitions;
  readonly #trim: LogTrim;
  #closed = false;

  constructor({ reader, partitions, trim }: ActionConsumerDeps) {
    this.#reader = reader;
    this.#partitions = partitions;
    this.#trim = trim;
  }

  async *read(range: ActionRange, options?: CallOptions): AsyncGenerator<readonly ActionRecord[]> {
    const { topic, id } = range.key;
    const { partition, to } = range;
    const pin = this.#trim.pin(topic, partition, range.from);
    try {
      const bytes = Buffer.from(id);
      const key = { bytes, hash: murmur2(bytes) };
      const wanted = { topic, partition, to, key, maxRecords: maxPageRecords };
      for (let from: number = range.from; from < to; ) {
        this.#check(options);
        const page = readOr(logFailure, `read ${topic}`, () =>
          this.#reader.page({ ...wanted, from }),
        );
        from = page.next;
        const actions = page.records
          .map((record) =>
            isKey(record, bytes)
              ? decodeAction(topic, partition, record)
              : decodeOpeningMark(topic, partition, record),
          )
          .filter((action) => action !== undefined);
        if (actions.length > 0) yield actions;
        if (from < to) await nextTurn();
      }
    } finally {
      pin.release();
    }
  }

  /** Looks for new rows from time to time: other processes may write them. */
  async *follow(start: FollowStart, options?: CallOptions): AsyncGenerator<FollowedBatch> {
    const { topic, partition } = start;
    for (let { from } = start; ; ) {
      this.#check(options);
      const page = readOr(logFailure, `read ${topic}`, () => {
        const found = this.#partitions.find(topic, partition);
        const to = found?.nextOffset ?? 0;
        if (from > to) refuseOutside({ topic, partition, from, to: from }, found);
        return this.#reader.page({ topic, partition, from, to, maxRecords: maxPageRecords });
      });
      if (page.next > from) {
        from = page.next as Offset;
        yield { ...decodeAll(topic, partition, page.records), next: from };
        await nextTurn();
      } else await sleep(followIntervalMs, undefined, { signal: options?.signal }).catch(noop);
    }
  }

  /** The number that a topic was made with; it stays. */
  async partitionCount(topic: Topic, options?: CallOptions): Promise<number | undefined> {
    this.#check(options);
    return readOr(logFailure, `read ${topic}`, () => this.#partitions.partitionCount(topic));
  }

  async endOffset(topic: Topic, partition: Partition, options?: CallOptions): Promise<Offset> {
    this.#check(options);
    const found = readOr(logFailure, `read ${topic}`, () =>
      this.#partitions.find(topic, partition),
    );
    return (found?.nextOffset ?? 0) as Offset;
  }

  #check(options: CallOptions | undefined): void {
    options?.signal?.throwIfAborted();
    if (this.#closed) throw new ClosedError('the consumer is closed');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
  }
}

function decodeAll(
  topic: Topic,
  partition: Partition,
  page: readonly LogRecord[],
): Omit<FollowedBatch, 'next'> {
  const records: ActionRecord[] = [];
  const undecodable: UndecodableRecord[] = [];
  for (const record of page) {
    try {
      const action = decodeAction(topic, partition, record);
      if (action !== undefined) records.push(action);
    } catch (error) {
      if (!(error instanceof CodecError && record.key !== undefined)) throw error;
      undecodable.push({ id: decodeUtf8Lenient(record.key), offset: record.offset, error });
    }
  }
  return { records, undecodable };
}
