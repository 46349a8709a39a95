import type { PartitionOffset } from '../../model/position.ts';
import type { OutgoingRecord } from '../driver/wire/outgoing-record.ts';

/** A record that waits for its send, and its caller. */
export interface PendingRecord {
  readonly topic: string;
  readonly message: OutgoingRecord;
  readonly bytes: number;
  /** When its caller is told that it failed. */
  readonly deadlineMs: number;
  readonly resolve: (at: PartitionOffset) => void;
  readonly reject: (error: Error) => void;
}

/** Records in the order of the calls, taken from the front in sends. */
export class SendQueue {
  readonly #sendRecords: number;
  readonly #sendBytes: number;
  #records: PendingRecord[] = [];
  #bytes = 0;

  /** The bounds of one send; a record that is larger goes alone. */
  constructor(sendRecords: number, sendBytes: number) {
    this.#sendRecords = sendRecords;
    this.#sendBytes = sendBytes;
  }

  /** Records that wait. */
  get records(): number {
    return this.#records.length;
  }

  /** What they take, as their `bytes` say. */
  get bytes(): number {
    return this.#bytes;
  }

  add(record: PendingRecord): void {
    this.#records.push(record);
    this.#bytes += record.bytes;
  }

  /**
   * The next send: from the front, within the bounds, at least one record. A missing right would
   * fail the whole send. So a topic to which nothing was written yet goes alone.
   */
  take(isProven: (topic: string) => boolean): PendingRecord[] {
    const first = this.#records[0];
    if (first === undefined) return [];
    const alone = !isProven(first.topic);
    let bytes = 0;
    let count = 0;
    for (const { topic, bytes: more } of this.#records) {
      const joins = topic === first.topic || (!alone && isProven(topic));
      if (count > 0 && (!joins || bytes + more > this.#sendBytes)) break;
      if (count === this.#sendRecords) break;
      bytes += more;
      count += 1;
    }
    return this.#remove(count);
  }

  /** Records whose time is over. Deadlines ascend, so they are in front. */
  takeExpired(steadyMs: number): PendingRecord[] {
    let count = 0;
    while (
      count < this.#records.length &&
      (this.#records[count] as PendingRecord).deadlineMs <= steadyMs
    )
      count++;
    return count === 0 ? [] : this.#remove(count);
  }

  /** Takes records out, wherever they are in the queue. */
  takeWhere(isTaken: (record: PendingRecord) => boolean): PendingRecord[] {
    const taken = this.#records.filter(isTaken);
    if (taken.length === 0) return taken;
    this.#records = this.#records.filter((record) => !isTaken(record));
    for (const { bytes } of taken) this.#bytes -= bytes;
    return taken;
  }

  takeAll(): PendingRecord[] {
    return this.#remove(this.#records.length);
  }

  #remove(count: number): PendingRecord[] {
    const taken = count === this.#records.length ? this.#records : this.#records.splice(0, count);
    if (taken === this.#records) this.#records = [];
    for (const { bytes } of taken) this.#bytes -= bytes;
    return taken;
  }
}
