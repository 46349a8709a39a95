import type { Action } from '../../../src/model/action.ts';
import { JournalError } from '../../../src/model/errors.ts';
import type { Partition, PartitionOffset } from '../../../src/model/position.ts';
import type { Tenure } from '../../../src/model/tenure.ts';
import type { ActionProducer } from '../../../src/ports/action-producer.ts';
import type { Random } from '../core/random.ts';

/** What a process that holds tenures writes with. */
interface HoldingDeps {
  readonly producer: ActionProducer;
  readonly partitionOf: (id: string) => Partition;
  readonly holder: string;
  readonly scope: string;
  readonly random: Random;
}

/**
 * A process that opens tenures without asking anybody, and goes on under one long after another
 * process has taken it away: the worst that readers and replicators can meet.
 */
export class HoldingProducer implements ActionProducer {
  readonly #deps: HoldingDeps;
  readonly #held = new Map<Partition, Tenure>();

  constructor(deps: HoldingDeps) {
    this.#deps = deps;
  }

  async produce(action: Action): Promise<PartitionOffset> {
    const { producer, partitionOf, random } = this.#deps;
    if (action.header.type === 'mark') return await producer.produce(action);
    const partition = partitionOf(action.key.id);
    if (!this.#held.has(partition) || random.chance(0.15)) await this.#open(action, partition);
    const tenure = this.#held.get(partition);
    if (tenure === undefined || random.chance(0.1)) return await producer.produce(action);
    const { header } = action;
    const stamped = { ...action, header: { ...header, tenure } } as Action;
    return await producer.produce(stamped);
  }

  async #open({ key, timestampMs }: Action, partition: Partition): Promise<void> {
    const { producer, scope, holder } = this.#deps;
    const opens = { scope, holder, address: undefined };
    const by = { origin: holder, version: undefined };
    const header = { type: 'mark', id: `open-${holder}`, ...by, opens } as const;
    try {
      const { offset } = await producer.produce({ key, timestampMs, header });
      this.#held.set(partition, { scope, of: offset });
    } catch (error) {
      // It may land all the same, and take the tenure away that it goes on under.
      if (!(error instanceof JournalError)) throw error;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}
