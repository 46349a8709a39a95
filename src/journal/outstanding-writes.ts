import type { Key } from '../model/key.ts';
import type { Topic } from '../model/position.ts';
import type { ActionProducer } from '../ports/action-producer.ts';

/**
 * Writes of this process whose answer is still to come. A mark is written behind them; whoever takes the
 * end of the log instead has to let them land first, or they would land behind a read that began later.
 */
export class OutstandingWrites {
  /** The youngest of each key: the log answers those of one key in order. */
  readonly #writes = new Map<Topic, Map<string, Promise<unknown>>>();

  /** Resolves when the writes so far of the key are settled, well or not. */
  async settled({ topic, id }: Key): Promise<void> {
    await this.#writes
      .get(topic)
      ?.get(id)
      ?.catch(() => undefined);
  }

  /** The producer, whose writes are counted. */
  watch(producer: ActionProducer): ActionProducer {
    return {
      produce: (action, options) => {
        const write = producer.produce(action, options);
        this.#add(action.key, write);
        return write;
      },
      [Symbol.asyncDispose]: () => producer[Symbol.asyncDispose](),
    };
  }

  #add({ topic, id }: Key, write: Promise<unknown>): void {
    let writes = this.#writes.get(topic);
    if (writes === undefined) {
      writes = new Map();
      this.#writes.set(topic, writes);
    }
    const ofTopic = writes.set(id, write);
    const forget = (): void => {
      if (ofTopic.get(id) === write) ofTopic.delete(id);
    };
    write.then(forget, forget);
  }
}
