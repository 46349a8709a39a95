import type { Action, ActionRecord } from '../../../src/model/action.ts';
import {
  DataIntegrityError,
  LogUnavailableError,
  WriteFailedError,
} from '../../../src/model/errors.ts';
import type { Offset, Partition, PartitionOffset, Topic } from '../../../src/model/position.ts';
import type {
  ActionConsumer,
  ActionRange,
  FollowedBatch,
  FollowStart,
} from '../../../src/ports/action-consumer.ts';
import type { ActionProducer } from '../../../src/ports/action-producer.ts';
import type { CallOptions } from '../../../src/ports/call-options.ts';
import type { Scheduler, SimulatedProcess } from '../core/scheduler.ts';
import { actionText, type SimulatedLog } from './simulated-log.ts';

interface PortParts {
  readonly scheduler: Scheduler;
  readonly process: SimulatedProcess;
  readonly log: SimulatedLog;
}

/** A producer that keeps the order of its calls, as one send at a time does (ADR 6). */
export class SimulatedProducer implements ActionProducer {
  readonly #parts: PortParts;
  #before: Promise<unknown> = Promise.resolve();

  constructor(parts: PortParts) {
    this.#parts = parts;
  }

  produce(action: Action): Promise<PartitionOffset> {
    const { scheduler, process, log } = this.#parts;
    const send = (): Promise<PartitionOffset> =>
      scheduler.call({
        process,
        label: () => `produce ${actionText(action)}`,
        apply: () => log.append(action),
        fault: () => new WriteFailedError('injected'),
        isWrite: true,
      });
    const sent = this.#before.then(send, send);
    this.#before = sent.catch(() => {});
    return sent;
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

/** Most records of one fetch. */
const maxFetched = 8;

/** Reads what landed, a few records at a time. */
export class SimulatedConsumer implements ActionConsumer {
  readonly #parts: PortParts;

  constructor(parts: PortParts) {
    this.#parts = parts;
  }

  async *read(range: ActionRange): AsyncGenerator<readonly ActionRecord[]> {
    for (let from: number = range.from; from < range.to; ) {
      const { next, records } = await this.#fetch(range, from);
      from = next;
      if (records.length > 0) yield records;
    }
  }

  #fetch({ key, partition, to }: ActionRange, from: number) {
    const { scheduler, process, log } = this.#parts;
    return scheduler.call({
      process,
      label: () => `fetch ${key.id} ${partition}:${from}..${to}`,
      fault: () => new LogUnavailableError('injected'),
      apply: () => {
        const all = log.partition(partition);
        if (to > all.length) throw new DataIntegrityError(`offset ${to} lies above the end`);
        const next = Math.min(to, from + scheduler.random.int(1, maxFetched));
        const records: ActionRecord[] = [];
        for (let offset = from; offset < next; offset++) {
          const action = all[offset]?.action;
          if (action === undefined) continue;
          const { header } = action.action;
          const isOpening = header.type === 'mark' && header.opens !== undefined;
          if (isOpening || action.action.key.id === key.id) records.push(action);
        }
        return { next, records };
      },
    });
  }

  async *follow(start: FollowStart, options?: CallOptions): AsyncGenerator<FollowedBatch> {
    const { scheduler, process, log } = this.#parts;
    const { partition } = start;
    for (let from: number = start.from; ; ) {
      await log.hasRecord(partition, from, options?.signal);
      options?.signal?.throwIfAborted();
      const batch = await scheduler.call({
        process,
        label: () => `follow ${partition}:${from}`,
        fault: () => new LogUnavailableError('injected'),
        apply: () => {
          const next = from + scheduler.random.int(1, maxFetched);
          const fetched = log.partition(partition).slice(from, next);
          const wantedFrom = start.wantedFrom?.() ?? 0;
          const records = fetched
            .map(({ action }) => action)
            .filter(({ at }) => at.offset >= wantedFrom);
          return { records, undecodable: [], next: (from + fetched.length) as Offset };
        },
      });
      options?.signal?.throwIfAborted();
      from = batch.next;
      yield batch;
    }
  }

  async partitionCount(): Promise<number> {
    return this.#parts.log.partitions.length;
  }

  endOffset(_topic: Topic, partition: Partition): Promise<Offset> {
    const { scheduler, process, log } = this.#parts;
    return scheduler.call({
      process,
      label: () => `end of ${partition}`,
      fault: () => new LogUnavailableError('injected'),
      apply: () => log.partition(partition).length as Offset,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
