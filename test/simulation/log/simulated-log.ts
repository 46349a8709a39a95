import { decodeAction, encodeAction } from '../../../src/codec/record/action-record-codec.ts';
import type { Action, ActionRecord } from '../../../src/model/action.ts';
import type { LogRecord } from '../../../src/model/log-record.ts';
import type { Offset, Partition, PartitionOffset, Topic } from '../../../src/model/position.ts';

export interface Logged {
  readonly record: LogRecord;
  readonly action: ActionRecord;
}

/** One topic: an array a partition. What landed never changes. */
export class SimulatedLog {
  readonly topic: Topic;
  readonly partitions: readonly (readonly Logged[])[];
  readonly #partitionOf: (id: string) => number;
  /** Called after each record that landed, with what was sent. */
  onLanded: (logged: Logged, sent: Action) => void = () => {};
  #waiting: Waiting[] = [];

  constructor(topic: Topic, partitions: number, partitionOf: (id: string) => number) {
    this.topic = topic;
    this.partitions = Array.from({ length: partitions }, () => []);
    this.#partitionOf = partitionOf;
  }

  /** Adds partitions until there are `partitions`. */
  grow(partitions: number): void {
    const all = this.partitions as (readonly Logged[])[];
    while (all.length < partitions) all.push([]);
  }

  partition(partition: number): readonly Logged[] {
    const records = this.partitions[partition];
    if (records === undefined) throw new Error(`no partition ${partition}`);
    return records;
  }

  partitionOf(id: string): Partition {
    return this.#partitionOf(id) as Partition;
  }

  /** The record lands: encoded, and decoded again as every reader will see it. */
  append(action: Action): PartitionOffset {
    const partition = this.partitionOf(action.key.id);
    const records = this.partition(partition) as Logged[];
    const offset = records.length as Offset;
    const { key, value, timestampMs, headers } = encodeAction(action);
    const record: LogRecord = {
      offset,
      key,
      value: value ?? undefined,
      timestampMs,
      headers: Object.entries(headers),
    };
    const decoded = decodeAction(this.topic, partition, record);
    if (decoded === undefined) throw new Error('every record of the simulation is an action');
    const logged = { record, action: decoded };
    records.push(logged);
    this.onLanded(logged, action);
    this.#wake(partition, offset);
    return { partition, offset };
  }

  #wake(partition: number, offset: number): void {
    const isDue = (it: Waiting): boolean => it.partition === partition && it.offset <= offset;
    const due = this.#waiting.filter(isDue);
    if (due.length === 0) return;
    this.#waiting = this.#waiting.filter((it) => !isDue(it));
    for (const { resolve } of due) resolve();
  }

  /** Resolves when the partition has a record at `offset`, or the signal fires. */
  hasRecord(partition: number, offset: number, signal?: AbortSignal): Promise<void> {
    if (this.partition(partition).length > offset || signal?.aborted === true) return landed;
    return new Promise((resolve) => {
      this.#waiting.push({ partition, offset, resolve });
      signal?.addEventListener('abort', () => resolve(), { once: true });
    });
  }
}

const landed = Promise.resolve();

interface Waiting {
  readonly partition: number;
  readonly offset: number;
  readonly resolve: () => void;
}

/** `a[1..3]`, `d→2`, `p`, `m`: one action in the words of the reference. */
export function actionText(action: Action): string {
  const { header } = action;
  const of = header.type === 'mark' ? undefined : header.tenure?.of;
  return of === undefined ? bareText(action) : `${bareText(action)} of ${of}`;
}

function bareText(action: Action): string {
  const { header } = action;
  switch (header.type) {
    case 'append':
      return `a ${action.key.id}[${header.range.from}..${header.range.to}]`;
    case 'delete':
      return `d ${action.key.id}→${header.to}`;
    case 'purge':
      return `p ${action.key.id}${header.onlyAt === undefined ? '' : ` only at ${header.onlyAt}`}`;
    case 'mark':
      return header.opens === undefined ? `m ${action.key.id}` : `OPEN by ${header.opens.holder}`;
  }
}
