import { dirname } from 'node:path';
import { ConfigError } from '../model/errors.ts';
import type { Config } from './config.ts';
import { embeddedJournalPath, kafkaJournalPath } from './journal-paths.ts';
import { text } from './kinds.ts';
import { nearest } from './nearest.ts';

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
  if (config.value(path)?.kind !== 'object') {
    fail(
      config,
      path,
      `is not a section; journals are at ${kafkaJournalPath} and ${embeddedJournalPath}`,
    );
  }
  const key = `${path}.class`;
  const value = config.value(key);
  const name = value === undefined ? '' : (text.read(value) ?? '').trim();
  return builtins.get(name) ?? moduleOf(config, key, name);
}

function moduleOf(config: Config, key: string, name: string): JournalClass {
  const [specifier = '', exportName = 'default', ...rest] = name.split('#');
  const problem = problemOf(name, specifier, rest.length > 0 || exportName === '');
  if (problem !== undefined) fail(config, key, problem);
  const { file } = config.originOf(key) ?? {};
  return {
    type: 'module',
    specifier,
    exportName,
    relativeTo: file === undefined ? process.cwd() : dirname(file),
  };
}

function problemOf(name: string, specifier: string, malformed: boolean): string | undefined {
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
  const origin = config.originOf(path) ?? { file: undefined, line: undefined };
  throw new ConfigError([{ path: config.fullPath(path), ...origin, message }]);
}
