import type { Config } from '../config/config.ts';
import { problemAt } from '../config/settings/class-name.ts';
import { namesModule } from '../config/settings/persistence-id-to-key-settings.ts';
import { InvalidInputError } from '../model/errors.ts';
import { Key } from '../model/key.ts';
import { shown } from '../model/shown.ts';
import type { Logger } from '../observability/logger.ts';
import type { PersistenceIdToKey } from '../ports/persistence-id-to-key.ts';
import type { Clock } from '../runtime/clock.ts';
import { unlessAborted } from '../runtime/waiting.ts';
import { madeInTime, makeNamed } from './make-named.ts';
import { checkedKeys, type KeyMapping, leadsTo } from './persistence-id-to-key.ts';
import type { PluginContext } from './plugin-context.ts';

/** What making a mapping works with. */
export interface OwnKeyMappingDeps {
  readonly log: Logger;
  readonly clock: Clock;
  /** Fires when the program is to end: a mapping that is being made is no longer wanted. */
  readonly closing?: AbortSignal | undefined;
  /** Fires when nobody uses the mapping any more. */
  readonly unused: AbortSignal;
}

const what = 'a mapping of persistence ids';

/**
 * What `persistence-id-to-key.impl` of the journal at `path` makes; `undefined` = it names nothing
 * of a user's own.
 *
 * @throws {ConfigError} at its place: the export is not there, fails, takes longer than 10 s, or
 * makes no mapping
 * @throws the abort reason when `closing` fires
 */
export async function openOwnKeyMapping(
  config: Config,
  path: string,
  { log, clock, closing, unused }: OwnKeyMappingDeps,
): Promise<KeyMapping | undefined> {
  const configPath = `${path}.persistence-id-to-key`;
  const key = `${configPath}.impl`;
  if (!namesModule(config.value(key))) return undefined;
  const over = new AbortController();
  const signal = AbortSignal.any([over.signal, unused]);
  const context: PluginContext = {
    config: config.section(configPath),
    configPath,
    rootConfig: config,
    log,
    clock,
    signal,
  };
  const from = { config, key, what };
  const making = makeNamed<PersistenceIdToKey>(context, from, ['keyOf']);
  let made: PersistenceIdToKey;
  try {
    made = await madeInTime(unlessAborted(making, closing), from, clock);
  } catch (error) {
    over.abort(error);
    throw error;
  }
  // For messages that come when a persistence id is used.
  const { path: setting, file, line } = problemAt(config, key, '');
  const place = file === undefined ? setting : `${setting} (${file}:${line})`;
  return mappingBy(made, place, log);
}

function mappingBy(own: PersistenceIdToKey, place: string, log: Logger): KeyMapping {
  const keyOf = checkedKeys((persistenceId) => {
    const faulty = (text: string, options?: ErrorOptions): InvalidInputError =>
      new InvalidInputError(
        `persistence id ${shown(persistenceId)}: ${text}, see ${place}`,
        options,
      );
    let answer: unknown;
    try {
      answer = own.keyOf(persistenceId);
    } catch (cause) {
      throw faulty('keyOf threw', { cause });
    }
    if (isPromise(answer)) throw faulty('keyOf answers a promise; it must answer at once');
    if (typeof answer === 'object' && answer !== null)
      return answer as ReturnType<typeof own.keyOf>;
    throw faulty(`keyOf must give { topic, id }, not ${shown(answer)}`);
  }, `, see ${place}`);
  if (typeof own.persistenceIdOf !== 'function') return { keyOf, persistenceIdsOf: undefined };

  let hasWarned = false;
  const warn = (fields: object): void => {
    if (hasWarned) return;
    hasWarned = true;
    log.warn({ setting: place, ...fields }, wrongWay);
  };
  const persistenceIdsOf = (key: Key): readonly string[] => {
    let answer: unknown;
    try {
      answer = own.persistenceIdOf?.(key);
    } catch (err) {
      warn({ key, err });
      return [];
    }
    if (answer === undefined) return [];
    if (typeof answer === 'string' && leadsTo(key, answer, keyOf)) return [answer];
    const answered = isPromise(answer) ? 'a promise' : shown(answer);
    warn({ key, answered });
    return [];
  };
  const unique: KeyMapping['keyOf'] = (persistenceId) => {
    const key = keyOf(persistenceId);
    const [owner = persistenceId] = persistenceIdsOf(key);
    if (owner === persistenceId) return key;
    const both = `persistence ids ${shown(persistenceId)} and ${shown(owner)}`;
    throw new InvalidInputError(`${both} have one key, ${Key.toString(key)}, see ${place}`);
  };
  return { keyOf: unique, persistenceIdsOf };
}

const wrongWay =
  'persistenceIdOf fails, or gives no persistence id that has this key: the entity is not woken; ' +
  'this is said once';

/** Of a promise nobody waits for: its failure must not end the process. */
function isPromise(answer: unknown): boolean {
  if (!(answer instanceof Promise)) return false;
  answer.catch(() => {});
  return true;
}
