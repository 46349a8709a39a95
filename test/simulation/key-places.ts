import { partitionOf } from '../../src/codec/java-hash.ts';
import type { SimulatedLog } from './log/simulated-log.ts';

/** Above every offset. */
const span = 1_000_000;

interface Stay {
  readonly partition: number;
  /** The first offset that can be of the key. */
  readonly from: number;
}

/**
 * Where the records of each key land. The model needs one order of all records of a journal, also
 * where its key has moved: so their offsets begin anew at a million with each move.
 */
export class KeyPlaces {
  readonly #log: SimulatedLog;
  readonly #stays = new Map<string, Stay[]>();

  /** @param partitions by key */
  constructor(log: SimulatedLog, partitions: Iterable<readonly [id: string, partition: number]>) {
    this.#log = log;
    for (const [id, partition] of partitions) this.#stays.set(id, [{ partition, from: 0 }]);
  }

  /** The topic has more partitions by now; answers how many keys have moved. */
  move(): number {
    let moved = 0;
    for (const [id, stays] of this.#stays) {
      const partition = partitionOf(Buffer.from(id, 'utf8'), this.#log.partitions.length);
      if (partition === stays.at(-1)?.partition) continue;
      stays.push({ partition, from: this.#log.partition(partition).length });
      moved++;
    }
    return moved;
  }

  partitionOf(id: string): number {
    return this.#staysOf(id).at(-1)?.partition ?? 0;
  }

  /** What offsets of the partition where the key is now begin with. */
  baseOf(id: string): number {
    return span * (this.#staysOf(id).length - 1);
  }

  /** A place in one of the partitions where the key was or is. */
  offsetOf(id: string, at: { readonly partition: number; readonly offset: number }): number {
    const stay = this.#staysOf(id).findLastIndex(
      ({ partition, from }) => partition === at.partition && from <= at.offset,
    );
    if (stay < 0) throw new Error(`${id} was never at ${at.partition}:${at.offset}`);
    return span * stay + at.offset;
  }

  /** The end of the log where the key is now. */
  endOf(id: string): number {
    return this.baseOf(id) + this.#log.partition(this.partitionOf(id)).length;
  }

  #staysOf(id: string): readonly Stay[] {
    const stays = this.#stays.get(id);
    if (stays === undefined) throw new Error(`no journal ${id}`);
    return stays;
  }
}
