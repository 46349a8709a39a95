import { setImmediate as nextTurn } from 'node:timers/promises';
import { decodeAction } from '../codec/action-record-codec.ts';
import { murmur2 } from '../codec/java-hash.ts';
import type { ActionRecord } from '../model/action.ts';
import { ClosedError } from '../model/errors.ts';
import type { LogRecord } from '../model/log-record.ts';
import type { Offset, Partition, Topic } from '../model/position.ts';
import type { ActionConsumer, ActionRange } from '../ports/action-consumer.ts';
import type { CallOptions } from '../ports/call-options.ts';
import type { LogPartitions } from './log-partitions.ts';
import type { LogReader } from './log-reader.ts';
import type { LogTrim } from './log-trim.ts';
import { logFailure, readOr } from './sqlite-database.ts';

/** Records in one step of a read, which holds the event loop. */
const maxPageRecords = 500;

/** Reads the log of the file: each step looks up the rows that hold its key, and no others. */
export class SqliteActionConsumer implements ActionConsumer {
  readonly #reader: LogReader;
  readonly #partitions: LogPartitions;
  readonly #trim: LogTrim;
  #closed = false;

  constructor(parts: { reader: LogReader; partitions: LogPartitions; trim: LogTrim }) {
    this.#reader = parts.reader;
    this.#partitions = parts.partitions;
    this.#trim = parts.trim;
  }

  async *read(range: ActionRange, options?: CallOptions): AsyncGenerator<readonly ActionRecord[]> {
    const { topic } = range.key;
    const pin = this.#trim.pin(topic, range.partition, range.from);
    try {
      const bytes = Buffer.from(range.key.id);
      const key = { bytes, hash: murmur2(bytes) };
      const wanted = {
        topic,
        partition: range.partition,
        to: range.to,
        key,
        maxRecords: maxPageRecords,
      };
      for (let from: number = range.from; from < range.to; ) {
        this.#check(options);
        const page = readOr(logFailure, `read ${topic}`, () =>
          this.#reader.page({ ...wanted, from }),
        );
        from = page.next;
        const actions = actionsOf(range, page.records);
        if (actions.length > 0) yield actions;
        if (from < range.to) await nextTurn();
      }
    } finally {
      pin.release();
    }
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

function actionsOf({ key, partition }: ActionRange, records: readonly LogRecord[]): ActionRecord[] {
  const actions: ActionRecord[] = [];
  for (const record of records) {
    const action = decodeAction(key.topic, partition, record);
    if (action !== undefined) actions.push(action);
  }
  return actions;
}
