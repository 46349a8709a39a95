import { encodeAction } from '../../../codec/record/action-record-codec.ts';
import type { Action } from '../../../model/action.ts';
import { WriteFailedError, WriteRejectedError } from '../../../model/errors.ts';
import type { PartitionOffset, Topic } from '../../../model/position.ts';
import type { ActionProducer } from '../../../ports/action-producer.ts';
import type { CallOptions } from '../../../ports/call-options.ts';
import type { CommitJob, CommitQueue } from '../commit-queue.ts';
import { type NewRecord, recordBytes } from './batch-codec.ts';
import type { LogWriter } from './log-writer.ts';

/** A record and its headers may have so many bytes. */
export const maxRecordBytes = 64 * 1024 * 1024;

/** Appends actions to the log of the file. */
export class SqliteActionProducer implements ActionProducer {
  readonly #queue: CommitQueue;
  readonly #writer: LogWriter;
  #closed = false;

  constructor(queue: CommitQueue, writer: LogWriter) {
    this.#queue = queue;
    this.#writer = writer;
  }

  produce(action: Action, options?: CallOptions): Promise<PartitionOffset> {
    return new Promise((resolve, reject) => {
      options?.signal?.throwIfAborted();
      if (this.#closed) throw new WriteRejectedError('the producer is closed');
      const { topic } = action.key;
      const job = new ProduceJob(this.#writer, {
        topic,
        record: newRecordOf(action),
        resolve,
        reject,
      });
      if (!this.#queue.enqueue(job)) throw new WriteRejectedError('too many writes are waiting');
    });
  }

  /** Waits for the writes under way; later calls are rejected. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await this.#queue.drained();
  }
}

function newRecordOf(action: Action): NewRecord {
  const { key, value, timestampMs, headers } = encodeAction(action);
  const record = {
    key,
    value: value ?? undefined,
    timestampMs,
    headers: Object.entries(headers),
  };
  if (recordBytes(record) > maxRecordBytes) {
    throw new WriteRejectedError(`the record has more than ${maxRecordBytes} bytes`);
  }
  return record;
}

interface ProduceCall {
  readonly topic: Topic;
  readonly record: NewRecord;
  readonly resolve: (at: PartitionOffset) => void;
  readonly reject: (error: unknown) => void;
}

class ProduceJob implements CommitJob {
  readonly #writer: LogWriter;
  readonly #call: ProduceCall;
  #at: PartitionOffset | undefined;

  constructor(writer: LogWriter, call: ProduceCall) {
    this.#writer = writer;
    this.#call = call;
  }

  run(): void {
    this.#at = this.#writer.append(this.#call.topic, this.#call.record);
  }

  committed(): void {
    this.#call.resolve(this.#at as PartitionOffset);
  }

  failed(cause: unknown, certain: boolean): void {
    const what = `the record of ${this.#call.topic}`;
    this.#call.reject(
      certain
        ? new WriteRejectedError(`${what} was not stored`, { cause })
        : new WriteFailedError(`${what} may or may not be stored`, { cause }),
    );
  }
}
