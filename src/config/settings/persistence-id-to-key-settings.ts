import type { Config } from '../config.ts';
import type { Value } from '../hocon/values.ts';
import { type Kind, matching, nonEmptyText, oneOf, text } from '../kinds.ts';
import type { SettingReader } from '../setting-reader.ts';

/** How a persistence id becomes topic and key. */
export type PersistenceIdToKeySettings =
  | { readonly type: 'constant-topic'; readonly topic: string }
  | {
      readonly type: 'split';
      readonly separator: string;
      readonly fallback: { readonly topic: string };
    }
  /** The export of a module says it. */
  | { readonly type: 'module' };

const builtins = oneOf('constant-topic', 'split');

const impl: Kind<PersistenceIdToKeySettings['type']> = {
  expected: 'constant-topic, split or "module#export"',
  placeholder: 'constant-topic',
  read: (value) => (namesModule(value) ? 'module' : builtins.read(value)),
};

/** Whether `impl` names the export of a module. */
export function namesModule(value: Value | undefined): boolean {
  return value !== undefined && /[#/]/.test(text.read(value) ?? '');
}

const topicName: Kind<string> = matching(
  /^(?!\.\.?$)[a-zA-Z0-9._-]{1,249}$/,
  "a Kafka topic name: at most 249 letters, digits, '.', '_' and '-'",
);

/** What `ToKey.default` of the JVM system is, however the section is incomplete. */
const defaultTopic = 'journal';

/**
 * Reads `persistence-id-to-key { … }`: how a persistence id becomes topic and key.
 *
 * An id that goes to another topic than on the JVM is another journal, so an incomplete section
 * means what `ToKey.scala` makes of it, odd as that is: a `constant-topic.topic` counts only where
 * `impl`, or `split.fallback` of a split, says `constant-topic`. Everything else goes to topic
 * `journal`.
 *
 * @param written the journal's section as the user wrote it: a section of another path than the one
 * by convention has no defaults under it on the JVM
 */
export function readPersistenceIdToKey(
  reader: SettingReader,
  written: Config,
): PersistenceIdToKeySettings {
  const at = (key: string): string => `persistence-id-to-key.${key}`;
  const read = <T>(key: string, kind: Kind<T>): T | undefined => {
    const value = reader.optional(at(key), kind);
    return written.has(at(key)) ? value : undefined;
  };
  const type = read('impl', impl);
  const topic = read('constant-topic.topic', topicName);
  const separator = read('split.separator', nonEmptyText);
  const fallback = read('split.fallback', oneOf('constant-topic'));
  const counts = type === 'constant-topic' || (type === 'split' && fallback !== undefined);
  const used = (counts ? topic : undefined) ?? defaultTopic;
  if (topic !== undefined && topic !== used) {
    const missing = type === 'split' ? 'split.fallback' : 'impl';
    const instead =
      type === 'module'
        ? 'impl names the topics'
        : `without it the topic is ${used}, as on the JVM`;
    reader.note(
      at('constant-topic.topic'),
      `counts only with ${missing} = constant-topic; ${instead}`,
    );
  }
  if (type === 'module') return { type };
  if (type !== 'split') return { type: 'constant-topic', topic: used };
  return { type, separator: separator ?? '-', fallback: { topic: used } };
}
