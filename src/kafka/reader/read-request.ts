import { decodeAction, decodeOpeningMark } from '../../codec/record/action-record-codec.ts';
import type { ActionRecord } from '../../model/action.ts';
import { CodecError, JournalError } from '../../model/errors.ts';
import type { LogRecord } from '../../model/log-record.ts';
import type { ActionRange } from '../../ports/action-consumer.ts';
import { Occasion } from '../../runtime/occasion.ts';
import type { RecordCursor } from '../record-batches.ts';

/** So many decoded records may wait for a slow caller; then the request leaves its pass. */
const maxWaitingRecords = 20_000;

/** One read of one key: what it still wants, and the batches that its caller has not taken yet. */
export class ReadRequest {
  readonly range: ActionRange;
  /** The key's bytes, one character a byte: compared with the keys of the log. */
  readonly keyText: string;
  readonly to: number;
  /** First offset that was not seen yet. */
  next: number;
  /** A pass serves it, or will. It must not be in two at the same time. */
  inPass = false;
  #batches: ActionRecord[][] = [];
  #current: ActionRecord[] = [];
  #waiting = 0;
  #ended = false;
  #error: unknown;
  #failed = false;
  readonly #news = new Occasion();

  constructor(range: ActionRange) {
    this.range = range;
    this.keyText = Buffer.from(range.key.id, 'utf8').toString('latin1');
    this.to = range.to;
    this.next = range.from;
  }

  /** Nothing more is wanted of the log. */
  get isSettled(): boolean {
    return this.#ended || this.#failed;
  }

  /**
   * Its caller is slow. Were it to stay in its pass, either the other reads would wait for it, or
   * its records would fill the memory.
   */
  get isFull(): boolean {
    return this.#waiting >= maxWaitingRecords;
  }

  /** Takes a record of its key. A record that cannot be decoded fails this read and no other. */
  accept(cursor: RecordCursor): void {
    if (!this.#wants(cursor.offset)) return;
    const { partition, key } = this.range;
    try {
      const record = decodeAction(key.topic, partition, cursor.record());
      if (record !== undefined) this.#current.push(record);
    } catch (cause) {
      const place = { topic: key.topic, partition, offset: cursor.offset };
      const broken = new CodecError('a record of the log cannot be decoded', { cause, place });
      this.fail(cause instanceof JournalError ? cause : broken);
    }
  }

  /** Takes a record of another key if it is an opening mark. */
  acceptOpening(record: LogRecord): void {
    if (!this.#wants(record.offset)) return;
    const { partition, key } = this.range;
    const mark = decodeOpeningMark(key.topic, partition, record);
    if (mark !== undefined) this.#current.push(mark);
  }

  #wants(offset: number): boolean {
    return !this.isSettled && offset >= this.next && offset < this.to;
  }

  /** Everything below `offset` was offered: hands over what was accepted. */
  reached(offset: number): void {
    if (this.isSettled || offset <= this.next) return;
    this.next = offset;
    this.#flush();
    if (this.next >= this.to) this.#ended = true;
    this.#news.fire();
  }

  /** Ends the read with an error, after what was accepted. */
  fail(error: unknown): void {
    if (this.isSettled) return;
    this.#flush();
    this.#failed = true;
    this.#error = error;
    this.#news.fire();
  }

  #flush(): void {
    if (this.#current.length === 0) return;
    this.#waiting += this.#current.length;
    this.#batches.push(this.#current);
    this.#current = [];
  }

  /**
   * The next batch when there is one, without waiting.
   *
   * @throws what the read failed with
   */
  take(): readonly ActionRecord[] | 'wait' | 'end' {
    const batch = this.#batches.shift();
    if (batch !== undefined) {
      this.#waiting -= batch.length;
      return batch;
    }
    if (this.#failed) throw this.#error;
    return this.#ended ? 'end' : 'wait';
  }

  /** Resolves when `take` has something new to say; never rejects. */
  changed(): Promise<void> {
    return this.#news.wait();
  }

  /** The caller wants no more: what waits is dropped. */
  cancel(): void {
    this.#ended = true;
    this.#batches = [];
    this.#news.fire();
  }
}
