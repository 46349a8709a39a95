import { ConfigError } from '../../model/errors.ts';
import type { Config } from '../config.ts';
import { pathOf } from '../hocon/parse/path.ts';
import type { Value } from '../hocon/values.ts';
import { type ClassKind, type ClassName, classNameAt, nameIn, problemAt } from './class-name.ts';

/** Where the settings of the Kafka plugin, and so its defaults, are by convention. */
export const kafkaJournalPath = 'evolutiongaming.kafka-journal.persistence.journal';

/** The same of the embedded plugin. */
export const embeddedJournalPath = 'evolutiongaming.kafka-journal.embedded.journal';

/** A journal of this package. */
export type BuiltinJournal = 'kafka' | 'embedded' | 'in-memory';

const jvmPackages = [
  'com.evolution.kafka.journal.akka.persistence',
  'com.evolution.kafka.journal.pekko.persistence',
];

const builtins = new Map<string, BuiltinJournal>([
  ['builtin#KafkaJournal', 'kafka'],
  ['builtin#EmbeddedJournal', 'embedded'],
  ['builtin#InMemoryJournal', 'in-memory'],
  ['akka.persistence.journal.inmem.InmemJournal', 'in-memory'],
  ['akka.persistence.kafka.journal.KafkaJournal', 'kafka'],
  ...jvmPackages.flatMap((name) => [
    [`${name}.KafkaJournal`, 'kafka'] as const,
    [`${name}.circe.KafkaJournalCirce`, 'kafka'] as const,
  ]),
]);

/** Which classes a journal section may name. */
export const journalClasses: ClassKind<BuiltinJournal> = { what: 'a journal', builtins };

/**
 * Which journal the section at `path` is of.
 *
 * @throws {ConfigError} when there is no such section, or no plugin that its `class` names
 */
export function journalClassOf(config: Config, path: string): ClassName<BuiltinJournal> {
  const problem = pluginPathProblem(config, path);
  if (problem !== undefined) {
    throw new ConfigError([{ path, file: undefined, line: undefined, message: problem }]);
  }
  return classNameAt(config, `${path}.class`, journalClasses);
}

/**
 * The path of the journal that is used when none is named: `akka.persistence.journal.plugin`.
 *
 * @throws {ConfigError} at the place of that setting, when it names no section
 */
export function defaultJournalOf(config: Config): string {
  const key = 'akka.persistence.journal.plugin';
  const path = config.getString(key);
  if (path === '') {
    const journals = `"${embeddedJournalPath}" or "${kafkaJournalPath}"`;
    fail(config, key, `no default journal; set it to ${journals}`);
  }
  const problem = pluginPathProblem(config, path);
  if (problem !== undefined) fail(config, key, problem);
  return path;
}

/** Why `path` cannot be that of a journal; `undefined` when there is an object at it. */
export function pluginPathProblem(config: Config, path: string): string | undefined {
  const journals = `journals are at ${kafkaJournalPath} and ${embeddedJournalPath}`;
  if (!isPath(path)) {
    return `must be the path of a journal's section, such as ${kafkaJournalPath}, not "${path}"`;
  }
  const isSection = config.value(path)?.kind === 'object';
  return isSection ? undefined : `names ${path}, where there is no section; ${journals}`;
}

function isPath(path: string): boolean {
  try {
    return path.trim() !== '' && pathOf(path).length > 0;
  } catch {
    return false;
  }
}

/** Whether the value of a `class` names a journal of this package. */
export function isBuiltIn(value: Value | undefined): boolean {
  return builtins.has(nameIn(value));
}

function fail(config: Config, key: string, message: string): never {
  throw new ConfigError([problemAt(config, key, message)]);
}
