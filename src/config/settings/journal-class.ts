import { dirname, resolve } from 'node:path';
import { ConfigError } from '../../model/errors.ts';
import type { Config } from '../config.ts';
import { pathOf } from '../hocon/parse/path.ts';
import type { Value } from '../hocon/values.ts';
import { nearest } from '../keys/nearest.ts';
import { text } from '../kinds.ts';
import { isReferenceFile } from '../reference-folder.ts';

/** Where the settings of the Kafka plugin, and so its defaults, are by convention. */
export const kafkaJournalPath = 'evolutiongaming.kafka-journal.persistence.journal';

/** The same of the embedded plugin. */
export const embeddedJournalPath = 'evolutiongaming.kafka-journal.embedded.journal';

/** What the `class` of a journal section stands for. */
export type JournalClass =
  | 'kafka'
  | 'embedded'
  | {
      readonly type: 'module';
      /** As `import()` takes it: package, subpath, or a relative path. */
      readonly specifier: string;
      readonly exportName: string;
      /** Folder that a relative specifier starts from: that of the file which names it. */
      readonly relativeTo: string;
    };

const nowhere = { file: undefined, line: undefined } as const;

const jvmPackages = [
  'com.evolution.kafka.journal.akka.persistence',
  'com.evolution.kafka.journal.pekko.persistence',
];

const builtins = new Map<string, 'kafka' | 'embedded'>([
  ['builtin#KafkaJournal', 'kafka'],
  ['builtin#EmbeddedJournal', 'embedded'],
  ['akka.persistence.kafka.journal.KafkaJournal', 'kafka'],
  ...jvmPackages.flatMap((name) => [
    [`${name}.KafkaJournal`, 'kafka'] as const,
    [`${name}.circe.KafkaJournalCirce`, 'kafka'] as const,
  ]),
]);

/**
 * Which journal the section at `path` is of.
 *
 * @throws {ConfigError} when there is no such section, or no plugin that its `class` names
 */
export function journalClassOf(config: Config, path: string): JournalClass {
  const problem = pluginPathProblem(config, path);
  if (problem !== undefined) {
    throw new ConfigError([{ path, file: undefined, line: undefined, message: problem }]);
  }
  const key = `${path}.class`;
  const name = nameIn(config.value(key));
  const builtin = builtins.get(name);
  if (builtin !== undefined) return builtin;
  const [specifier = '', exportName = 'default', ...rest] = name.split('#');
  const fault = faultOf(name, specifier, rest.length > 0 || exportName === '');
  if (fault !== undefined) fail(config, key, fault);
  const { file } = config.originOf(key) ?? {};
  const relativeTo = file === undefined ? process.cwd() : resolve(dirname(file));
  return { type: 'module', specifier, exportName, relativeTo };
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

function nameIn(value: Value | undefined): string {
  return value === undefined ? '' : (text.read(value) ?? '').trim();
}

/** Why `name` is neither a journal of this package nor the export of a module. */
function faultOf(name: string, specifier: string, malformed: boolean): string | undefined {
  if (name === '') return 'is missing or empty; an example is "builtin#KafkaJournal"';
  const known = [...builtins.keys()].filter((key) => key.startsWith('builtin#'));
  const near = nearest(name, [...builtins.keys()]);
  const hint = near === undefined ? `known are ${known.join(', ')}` : `did you mean ${near}?`;
  if (specifier === 'builtin')
    return `must not be ${name}: there is no such built-in plugin; ${hint}`;
  if (/^(?:[a-z_]\w*\.){2,}[A-Z]\w*$/.test(name))
    return `must not be ${name}: no plugin here replaces that JVM class; ${hint}`;
  if (/^(?:https?|data|blob):/i.test(specifier))
    return `must not be ${name}: plugins are not loaded from the network`;
  return malformed || specifier === '' ? `must be "module#export", not ${name}` : undefined;
}

function fail(config: Config, path: string, message: string): never {
  const found = config.originOf(path);
  const origin = found !== undefined && !isReferenceFile(found.file) ? found : nowhere;
  throw new ConfigError([{ path: config.fullPath(path), ...origin, message }]);
}
