import { ConfigError } from '../../model/errors.ts';
import type { Config } from '../config.ts';
import { renderPath } from '../hocon/origin.ts';
import { pathOf } from '../hocon/parse/path.ts';
import type { Value } from '../hocon/values.ts';
import { canonicalPath } from '../keys/pekko-alias.ts';
import { type ClassKind, type ClassName, classNameAt, nameIn, problemAt } from './class-name.ts';
import { snapshotStoreClasses } from './snapshot-store-settings.ts';

/** Where the settings of the Kafka plugin, and so its defaults, are by convention. */
export const kafkaJournalPath = 'evolutiongaming.kafka-journal.persistence.journal';

/** The same of the embedded plugin. */
export const embeddedJournalPath = 'evolutiongaming.kafka-journal.embedded.journal';

/** The same of the journal in memory. */
export const inMemoryJournalPath = 'akka.persistence.journal.inmem';

/** A journal of this package. */
export type BuiltinJournal = 'kafka' | 'embedded' | 'in-memory';

const mostSections = 20;
const deepestSection = 5;

const jvmPackages = [
  'com.evolution.kafka.journal.akka.persistence',
  'com.evolution.kafka.journal.pekko.persistence',
];

const builtins = new Map<string, BuiltinJournal>([
  ['builtin#KafkaJournal', 'kafka'],
  ['builtin#EmbeddedJournal', 'embedded'],
  ['builtin#InMemoryJournal', 'in-memory'],
  ['akka.persistence.journal.inmem.InmemJournal', 'in-memory'],
  ['org.apache.pekko.persistence.journal.inmem.InmemJournal', 'in-memory'],
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
  checkPluginPath(config, path, 'journal');
  return classNameAt(config, `${path}.class`, journalClasses);
}

/** @throws {ConfigError} there is no section at `path` */
export function checkPluginPath(config: Config, path: string, of: PluginKind): void {
  const problem = pluginPathProblem(config, path, of);
  if (problem === undefined) return;
  throw new ConfigError([{ path, file: undefined, line: undefined, message: problem }]);
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
  return canonicalPath(path);
}

/** What a section is of. */
export type PluginKind = 'journal' | 'snapshot store';

const otherKind = {
  journal: ['snapshot store', snapshotStoreClasses],
  'snapshot store': ['journal', builtins],
} as const;

/** Why `path` cannot be that of a plugin; `undefined` when there is a section of one at it. */
export function pluginPathProblem(
  config: Config,
  path: string,
  of: PluginKind = 'journal',
): string | undefined {
  if (!isPath(path)) {
    const example = of === 'journal' ? kafkaJournalPath : 'akka.persistence.snapshot-store.inmem';
    return `must be the path of a ${of}'s section, such as ${example}, not "${path}"`;
  }
  const section = canonicalPath(path);
  if (config.value(section)?.kind === 'object') {
    const [other, classes] = otherKind[of];
    if (!classes.has(nameIn(config.value(`${section}.class`)))) return undefined;
    return `names ${path}, which is the section of a ${other}, not of a ${of}`;
  }
  const sections = sectionsWithClass(config).join(', ');
  return `names ${path}, where there is no section; sections with a class are ${sections}`;
}

/** Sections of plugins, as far as one looks for them. */
function sectionsWithClass(config: Config): readonly string[] {
  const found: string[] = [];
  const visit = (section: Config, path: readonly string[]): void => {
    if (found.length >= mostSections) return;
    if (section.has('class')) found.push(renderPath(path));
    if (path.length >= deepestSection) return;
    for (const key of section.keys()) {
      const name = renderPath([key]);
      if (section.value(name)?.kind === 'object') visit(section.section(name), [...path, key]);
    }
  };
  visit(config, []);
  return found;
}

function isPath(path: string): boolean {
  try {
    return path.trim() !== '' && pathOf(path).length > 0;
  } catch {
    return false;
  }
}

/** Whether the value of a `class` names a plugin that only the JVM has. */
export function isOfJvm(value: Value | undefined): boolean {
  const name = nameIn(value);
  return !builtins.has(name) && !name.startsWith('builtin#') && !/[#/]/.test(name);
}

function fail(config: Config, key: string, message: string): never {
  throw new ConfigError([problemAt(config, key, message)]);
}
