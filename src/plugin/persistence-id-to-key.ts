import type { PersistenceIdToKeySettings } from '../config/settings/persistence-id-to-key-settings.ts';
import { InvalidInputError } from '../model/errors.ts';
import { Key } from '../model/key.ts';
import { Topic } from '../model/position.ts';
import { shown } from '../model/shown.ts';

/**
 * `constant-topic`: all journals in one topic, the id as it is. `split`: the part before the
 * **last** separator is the topic, the part after it the id (docs/format.md#persistence-id).
 *
 * @returns a function that throws {@link InvalidInputError} for an id that is blank or too long,
 * or gives an illegal topic
 */
export function persistenceIdToKey(settings: PersistenceIdToKeySettings): (id: string) => Key {
  if (settings.type === 'constant-topic') return (id) => keyOf(settings.topic, id, id);
  const { separator, fallback } = settings;
  return (id) => {
    const at = typeof id === 'string' ? id.lastIndexOf(separator) : -1;
    if (at < 0) return keyOf(fallback.topic, id, id);
    return keyOf(id.slice(0, at), id.slice(at + separator.length), id);
  };
}

/**
 * The persistence ids that may have the key: of which it is has to be seen by mapping it again. The
 * other way of {@link persistenceIdToKey}.
 */
export function persistenceIdsOf(settings: PersistenceIdToKeySettings): (key: Key) => string[] {
  const map = persistenceIdToKey(settings);
  const hasKey = (persistenceId: string, { topic, id }: Key): boolean => {
    try {
      const key = map(persistenceId);
      return key.topic === topic && key.id === id;
    } catch {
      return false;
    }
  };
  return (key) => {
    const whole = settings.type === 'split' ? [key.topic + settings.separator + key.id] : [];
    return [...whole, key.id].filter((persistenceId) => hasKey(persistenceId, key));
  };
}

function keyOf(topic: string, id: string, persistenceId: string): Key {
  if (typeof persistenceId !== 'string')
    throw new InvalidInputError(`a persistence id must be a text, not ${shown(persistenceId)}`);
  if (persistenceId.trim() === '')
    throw new InvalidInputError('a persistence id must not be blank');
  try {
    return Key.writable(Key.of(topic, id));
  } catch (cause) {
    const message = `persistence id ${shown(persistenceId)} maps to topic ${shown(topic)} and id ${shown(id)}, which is refused`;
    throw new InvalidInputError(message, { cause });
  }
}

/** The topics that are known without seeing a persistence id. */
export function topicsOf(settings: PersistenceIdToKeySettings): readonly Topic[] {
  const name = settings.type === 'constant-topic' ? settings.topic : settings.fallback.topic;
  return [Topic.of(name)];
}
