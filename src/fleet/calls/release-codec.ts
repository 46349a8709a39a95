import { parseJson, printJson } from '../../codec/json/json.ts';
import { CodecError, InvalidInputError } from '../../model/errors.ts';
import { readCount, readObject, readText } from '../../model/plain-members.ts';
import { Partition, Topic } from '../../model/position.ts';

/*
 * {"topic":S,"partition":N,"generation":N}
 */

/** A process asks the former owner of a partition to let go of it. */
export interface Release {
  readonly topic: Topic;
  readonly partition: Partition;
  /** Of the view that gave the partition to the process that asks. */
  readonly generation: number;
}

/** The JSON of such a call. */
export function encodeRelease({ topic, partition, generation }: Release): string {
  return printJson({ topic, partition, generation });
}

/** @throws {CodecError} it asks for no release; names the member */
export function decodeRelease(body: string): Release {
  const members = readObject(parseJson(body), 'release');
  const topic = readText(members.topic, 'release.topic');
  const partition = readCount(members.partition, 'release.partition');
  const generation = readCount(members.generation, 'release.generation');
  try {
    return { topic: Topic.of(topic), partition: Partition.of(partition), generation };
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    throw new CodecError('release names no partition', { cause: error });
  }
}
