import { ok } from 'node:assert/strict';
import type { PersistenceIdToKeySettings } from '../config/settings/persistence-id-to-key-settings.ts';
import { InvalidInputError } from '../model/errors.ts';
import { Key } from '../model/key.ts';
import { Topic } from '../model/position.ts';
import { shown } from '../model/shown.ts';
import type { PersistenceIdToKey } from '../ports/persistence-id-to-key.ts';

/** How the persistence ids of a section become keys, and back. */
export interface KeyMapping {
  /** @throws {InvalidInputError} the id is blank or too long, or gives an illegal topic */
  readonly keyOf: (persistenceId: string) => Key;
  /** The persistence ids that have the key; `undefined` = nobody can say. */
  readonly persistenceIdsOf: ((key: Key) => readonly string[]) | undefined;
}

/**
 * `constant-topic`: all journals in one topic, the id as it is. `split`: the part before the
 * **last** separator is the topic, the part after it the id (docs/format.md#persistence-id).
 *
 * @returns a function that throws {@link InvalidInputError} for an id that is blank or too long,
 * or gives an illegal topic
 */
export function persistenceIdToKey(settings: PersistenceIdToKeySettings): (id: string) => Key {
  ok(settings.type !== 'module', 'own-key-mapping.ts opens what a module maps');
  if (settings.type === 'constant-topic') {
    return checkedKeys((id) => ({ topic: settings.topic, id }), '');
  }
  const { separator, fallback } = settings;
  return checkedKeys((id) => {
    const at = id.lastIndexOf(separator);
    if (at < 0) return { topic: fallback.topic, id };
    return { topic: id.slice(0, at), id: id.slice(at + separator.length) };
  }, '');
}

/**
 * The persistence ids that may have the key: of which it is has to be seen by mapping it again. The
 * other way of {@link persistenceIdToKey}.
 */
function persistenceIdsOf(settings: PersistenceIdToKeySettings): (key: Key) => string[] {
  const keyOf = persistenceIdToKey(settings);
  return (key) => {
    const whole = settings.type === 'split' ? [key.topic + settings.separator + key.id] : [];
    return [...whole, key.id].filter((persistenceId) => leadsTo(key, persistenceId, keyOf));
  };
}

/** @param own what the module makes that the settings name */
export function keyMappingOf(
  settings: PersistenceIdToKeySettings,
  own: KeyMapping | undefined,
): KeyMapping {
  return (
    own ?? { keyOf: persistenceIdToKey(settings), persistenceIdsOf: persistenceIdsOf(settings) }
  );
}

/** Whether the persistence id has the key. */
export function leadsTo(
  { topic, id }: Key,
  persistenceId: string,
  keyOf: KeyMapping['keyOf'],
): boolean {
  try {
    const key = keyOf(persistenceId);
    return key.topic === topic && key.id === id;
  } catch {
    return false;
  }
}

/**
 * Checks what goes in, and what comes out.
 *
 * @param hint what to say of a key that is refused, after its message
 */
export function checkedKeys(map: PersistenceIdToKey['keyOf'], hint: string): KeyMapping['keyOf'] {
  return (persistenceId) => {
    if (typeof persistenceId !== 'string')
      throw new InvalidInputError(`a persistence id must be a text, not ${shown(persistenceId)}`);
    if (persistenceId.trim() === '')
      throw new InvalidInputError('a persistence id must not be blank');
    const { topic, id } = map(persistenceId);
    try {
      return Key.writable(Key.of(topic, id));
    } catch (cause) {
      const message = `persistence id ${shown(persistenceId)} maps to topic ${shown(topic)} and id ${shown(id)}, which is refused`;
      throw new InvalidInputError(`${message}${hint}`, { cause });
    }
  };
}

/** The one topic of all journals; `undefined` = the persistence id names it. */
export function onlyTopicOf(settings: PersistenceIdToKeySettings): Topic | undefined {
  return settings.type === 'constant-topic' ? Topic.of(settings.topic) : undefined;
}

/** The topics that are known without seeing a persistence id. */
export function topicsOf(settings: PersistenceIdToKeySettings): readonly Topic[] {
  if (settings.type === 'module') return [];
  const name = settings.type === 'constant-topic' ? settings.topic : settings.fallback.topic;
  return [Topic.of(name)];
}
