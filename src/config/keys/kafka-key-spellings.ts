import type { Kind } from '../kinds.ts';
import { isReferenceFile } from '../reference-folder.ts';
import type { SettingReader } from '../setting-reader.ts';

/** A setting of the Kafka client under both its names. */
export interface KafkaKey<T> {
  /** As the JVM system writes it. Kafka's own name has periods for the hyphens. */
  readonly name: string;
  /** What Kafka's own name ends with in addition. */
  readonly suffix?: '.ms';
  readonly kind: Kind<T>;
}

/** Reads a setting that must be there, in the spelling that counts. */
export function readKafka<T>(reader: SettingReader, key: KafkaKey<T>): T {
  return reader.read(spelling(reader, key), key.kind);
}

/** Reads a setting in the spelling that counts; `undefined` when it has no value. */
export function optionalKafka<T>(reader: SettingReader, key: KafkaKey<T>): T | undefined {
  return reader.optional(spelling(reader, key), key.kind);
}

/** The hyphenated spelling wins, except that a default does not win over what the user wrote. */
export function spelling(
  reader: SettingReader,
  { name, suffix }: Omit<KafkaKey<unknown>, 'kind'>,
): string {
  const own = name.replaceAll('-', '.') + (suffix ?? '');
  reader.know(own);
  reader.know(name);
  const isDefault = isReferenceFile(reader.config.originOf(name)?.file);
  return reader.config.has(own) && (isDefault || !reader.config.has(name)) ? own : name;
}
