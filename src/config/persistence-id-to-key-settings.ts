import { type Kind, matching, nonEmptyText, oneOf } from './kinds.ts';
import type { SettingReader } from './setting-reader.ts';

/** How a persistence id becomes topic and key. */
export type PersistenceIdToKeySettings =
  | { readonly type: 'constant-topic'; readonly topic: string }
  | {
      readonly type: 'split';
      readonly separator: string;
      readonly fallback: { readonly topic: string };
    };

const topic: Kind<string> = matching(
  /^(?!\.\.?$)[a-zA-Z0-9._-]{1,249}$/,
  "a Kafka topic name: at most 249 letters, digits, '.', '_' and '-'",
);

/** Reads `persistence-id-to-key { … }`: how a persistence id becomes topic and key. */
export function readPersistenceIdToKey(reader: SettingReader): PersistenceIdToKeySettings {
  const at = (key: string): string => `persistence-id-to-key.${key}`;
  const type = reader.read(at('impl'), oneOf('constant-topic', 'split'));
  const constantTopic = reader.read(at('constant-topic.topic'), topic);
  const separator = reader.read(at('split.separator'), nonEmptyText);
  reader.read(at('split.fallback'), oneOf('constant-topic'));
  if (type === 'constant-topic') return { type, topic: constantTopic };
  return { type, separator, fallback: { topic: constantTopic } };
}
