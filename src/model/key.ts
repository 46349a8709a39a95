import { InvalidInputError } from './errors.ts';
import { Topic } from './position.ts';
import { shown } from './shown.ts';

/**
 * Longest id that is written, in UTF-8 bytes: an index of PostgreSQL takes no longer one
 * (docs/format.md#key).
 */
const maxIdBytes = 1024;

/** Names one journal. The Kafka record key is `id` alone; printed as `topic:id`. */
export interface Key {
  readonly topic: Topic;
  readonly id: string;
}

/** Makes keys, and checks those that are to be written. */
export const Key = {
  /**
   * @throws {InvalidInputError} when the topic is illegal or the id holds an unpaired surrogate,
   * which the JVM would store as `?` (docs/format.md#key)
   */
  of(topic: string, id: string): Key {
    if (typeof id !== 'string' || !id.isWellFormed())
      throw new InvalidInputError(`journal id ${shown(id)} is no well-formed text`);
    return { topic: Topic.of(topic), id };
  },

  /**
   * The key, if every store can hold its journal; a journal of a longer id can be read, should the
   * JVM have written it.
   *
   * @throws {InvalidInputError} when the id has more than 1,024 bytes in UTF-8
   */
  writable(key: Key): Key {
    const { id } = key;
    if (id.length * 3 <= maxIdBytes || Buffer.byteLength(id) <= maxIdBytes) return key;
    throw new InvalidInputError(
      `journal id ${shown(id)} has more than ${maxIdBytes} bytes: not every store can hold it`,
    );
  },

  toString(key: Key): string {
    return `${key.topic}:${key.id}`;
  },
};
