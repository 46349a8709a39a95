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
import { Occasion } from '../../../runtime/occasion.ts';
import { onAbort } from '../../../runtime/on-abort.ts';
import { nextTurn } from '../../../runtime/waiting.ts';
import { logFailure, readOr } from '../session.ts';
import { isKey } from './batch-codec.ts';
import type { ForeignWrites } from './foreign-writes.ts';
import type { LogPartitions } from './log-partitions.ts';
import { type LogReader, refuseOutside } from './log-reader.ts';
import type { LogTrim } from './log-trim.ts';
import type { LogWriter } from './log-writer.ts';

/** Records in one step of a read, which holds the event loop. */
const maxPageRecords = 500;

/** What reading the log works with; all of it stays the store's. */
export interface ActionConsumerDeps {
  readonly reader: LogReader;
  readonly partitions: LogPartitions;
  readonly trim: LogTrim;
  readonly writer: LogWriter;
  readonly foreignWrites: ForeignWrites;
}

/**
 * Reads the log of the file: each step looks up the rows that hold its key or an opening mark, and
 * no others.
 */
export class SqliteActionConsumer implements ActionConsumer {
  readonly #deps: ActionConsumerDeps;
  readonly #closing = new AbortController();

  constructor(deps: ActionConsumerDeps) {
    this.#deps = deps;
  }

  async *read(range: ActionRange, options?: CallOptions): AsyncGenerator<readonly ActionRecord[]> {
    const { topic, id } = range.key;
    const { partition, to } = range;
    const { reader, trim } = this.#deps;
    const pin = trim.pin(topic, partition, range.from);
    try {
      const bytes = Buffer.from(id);
      const key = { bytes, hash: murmur2(bytes) };
      const wanted = { topic, partition, to, key, maxRecords: maxPageRecords };
      for (let from: number = range.from; from < to; ) {
        this.#check(options);
        const page = readOr(logFailure, `read ${topic}`, () => reader.page({ ...wanted, from }));
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

  /** Rows that are not wanted any more are not even loaded. */
  async *follow(start: FollowStart, options?: CallOptions): AsyncGenerator<FollowedBatch> {
    const { topic, partition, wantedFrom } = start;
    const { reader, partitions } = this.#deps;
    for (let next = start.from; ; ) {
      this.#check(options);
      const page = readOr(logFailure, `read ${topic}`, () => {
        const found = partitions.find(topic, partition);
        const to = found?.nextOffset ?? 0;
        if (next > to) refuseOutside({ topic, partition, from: next, to: next }, found);
        const from = Math.max(next, Math.min(wantedFrom?.() ?? next, to));
        return reader.page({ topic, partition, from, to, maxRecords: maxPageRecords });
      });
      if (page.next > next) {
        next = page.next as Offset;
        yield { ...decodeAll(topic, partition, page.records), next };
      } else await this.#newRecords(start, options);
      // Whoever wrote what is new learns where it is in this turn: then it may not be wanted.
      await nextTurn();
    }
  }

  /**
   * Resolves when the partition may have new records, of this process or of another one, or the
   * consumer is closed. Listens only while it waits: a caller may leave a generator as it is.
   *
   * @throws the abort reason when the signal fires first
   */
  async #newRecords(start: FollowStart, options: CallOptions | undefined): Promise<void> {
    const { topic, partition } = start;
    const { writer, foreignWrites } = this.#deps;
    const news = new Occasion();
    const fire = (): void => news.fire();
    const forgets = [
      writer.listen((of, written) => {
        if (of === topic && written === partition) fire();
      }),
      foreignWrites.listen(fire),
      onAbort(this.#closing.signal, fire),
    ];
    try {
      await news.wait(options?.signal);
    } finally {
      for (const forget of forgets) forget();
    }
  }

  /** The number that a topic was made with; it stays. */
  async partitionCount(topic: Topic, options?: CallOptions): Promise<number | undefined> {
    this.#check(options);
    return readOr(logFailure, `read ${topic}`, () => this.#deps.partitions.partitionCount(topic));
  }

  async endOffset(topic: Topic, partition: Partition, options?: CallOptions): Promise<Offset> {
    this.#check(options);
    const found = readOr(logFailure, `read ${topic}`, () =>
      this.#deps.partitions.find(topic, partition),
    );
    return (found?.nextOffset ?? 0) as Offset;
  }

  #check(options: CallOptions | undefined): void {
    options?.signal?.throwIfAborted();
    this.#closing.signal.throwIfAborted();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new ClosedError('the consumer is closed'));
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
