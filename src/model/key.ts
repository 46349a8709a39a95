import { InvalidInputError } from './errors.ts';
import { Topic } from './position.ts';

/** Names one journal. The Kafka record key is `id` alone; printed as `topic:id`. */
export interface Key {
  readonly topic: Topic;
  readonly id: string;
}

export const Key = {
  /**
   * @throws {InvalidInputError} when the topic is illegal or the id holds an unpaired surrogate,
   * which the JVM would store as `?` (docs/format.md#key)
   */
  of(topic: string, id: string): Key {
    if (!id.isWellFormed())
      throw new InvalidInputError(`journal id ${JSON.stringify(id)} is not well-formed`);
    return { topic: Topic.of(topic), id };
  },

  toString(key: Key): string {
    return `${key.topic}:${key.id}`;
  },
};
