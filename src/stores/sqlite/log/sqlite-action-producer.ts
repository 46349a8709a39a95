import { encodeAction } from '../../../codec/record/action-record-codec.ts';
import type { Action } from '../../../model/action.ts';
import { JournalError, WriteFailedError, WriteRejectedError } from '../../../model/errors.ts';
import type { PartitionOffset, Topic } from '../../../model/position.ts';
import type { ActionProducer, ProduceOptions } from '../../../ports/action-producer.ts';
import type { CommitJob, CommitQueue } from '../commit-queue.ts';
import { type NewRecord, recordBytes } from './batch-codec.ts';
import type { AppendConditions, LogWriter } from './log-writer.ts';

/** Bytes that a record may have, with its headers. */
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

  produce(action: Action, options?: ProduceOptions): Promise<PartitionOffset> {
    return new Promise((resolve, reject) => {
      options?.signal?.throwIfAborted();
      if (this.#closed) throw new WriteRejectedError('the producer is closed');
      const { key, header } = action;
      const tenure = header.type === 'mark' ? undefined : header.tenure;
      const job = new ProduceJob(this.#writer, {
        topic: key.topic,
        record: newRecordOf(action),
        conditions: { partition: options?.partition, tenure },
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
  readonly conditions: AppendConditions;
  readonly resolve: (at: PartitionOffset) => void;
  readonly reject: (error: unknown) => void;
}

class ProduceJob implements CommitJob {
  readonly #writer: LogWriter;
  readonly #call: ProduceCall;
  #at: PartitionOffset | undefined;
  /** Why the log does not take the record; the others of the transaction go on. */
  #refusal: JournalError | undefined;

  constructor(writer: LogWriter, call: ProduceCall) {
    this.#writer = writer;
    this.#call = call;
  }

  run(): void {
    const { topic, record, conditions } = this.#call;
    try {
      this.#at = this.#writer.append(topic, record, conditions);
    } catch (error) {
      if (!(error instanceof JournalError)) throw error;
      this.#refusal = error;
    }
  }

  committed(): void {
    if (this.#refusal === undefined) this.#call.resolve(this.#at as PartitionOffset);
    else this.#call.reject(this.#refusal);
  }

  failed(cause: unknown, certain: boolean): void {
    const what = `the record of ${this.#call.topic}`;
    // What it was refused for may not have been stored either, so that is not said.
    this.#call.reject(
      certain || this.#refusal !== undefined
        ? new WriteRejectedError(`${what} was not stored`, { cause })
        : new WriteFailedError(`${what} may or may not be stored`, { cause }),
    );
  }
}
