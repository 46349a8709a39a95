import type { Config } from '../config.ts';
import { renderPath } from '../hocon/origin.ts';
import { acceptedFor } from '../keys/keys-without-effect.ts';
import { nearest } from '../keys/nearest.ts';
import { boolean, duration, integer, listOf, oneOf, text } from '../kinds.ts';
import { SettingReader } from '../setting-reader.ts';
import { type BoundClasses, readSerializers } from './event-adapter-settings.ts';
import { isBuiltIn, pluginPathProblem } from './journal-class.ts';

/** What persistent actors do, and which journal they use: section `akka.persistence`. */
export interface PersistenceSettings {
  readonly maxConcurrentRecoveries: number;
  readonly stashCapacity: number;
  readonly stashOverflow: 'drop' | 'fail';
  readonly groupCommitMaxCommands: number;
  readonly timers: 'deadline' | 'restart';
  readonly initEvent: 'auto' | 'always' | 'never';
  readonly unhandledReplayedEvent: 'fail' | 'warn' | 'ignore';
  readonly unhandledCommand: 'ignore' | 'warn' | 'fail';
  readonly onRejected: 'stop' | 'continue';
  readonly singleWriterGuard: boolean;
  readonly replayYieldEvery: number;
  readonly checkDeterminism: boolean;
  /** 0 = never. */
  readonly passivateAfterMs: number;
  readonly recoveryEventTimeoutMs: number;
  /** Path of the section of the journal that actors use when they name none. */
  readonly journalPluginId: string | undefined;
  /** Paths of journals to open at start; `''` stands for the default one. */
  readonly autoStartJournals: readonly string[];
  /** Of all events, whichever journal they are in. */
  readonly serializers: BoundClasses;
}

const int32 = 0x7fffffff;
const positive = integer({ min: 1, max: int32 });
const recoveryEventTimeout = 'recovery-event-timeout';

/**
 * Reads `akka.persistence` (or `pekko.persistence`).
 *
 * @throws {ConfigError} with all problems of the section
 */
export function readPersistenceSettings(config: Config): PersistenceSettings {
  const reader = new SettingReader(config.section('akka.persistence'), 'persistence');
  const path = reader.read('journal.plugin', text);
  const problem = path === '' ? undefined : pluginPathProblem(config, path);
  if (problem !== undefined) reader.problem('journal.plugin', problem);
  const journalPluginId = path === '' || problem !== undefined ? undefined : path;
  const settings: PersistenceSettings = {
    maxConcurrentRecoveries: reader.read('max-concurrent-recoveries', positive),
    stashCapacity: reader.read('typed.stash-capacity', positive),
    stashOverflow: reader.read('typed.stash-overflow-strategy', oneOf('drop', 'fail')),
    groupCommitMaxCommands: reader.read('xstate.group-commit-max-commands', positive),
    timers: reader.read('xstate.timers', oneOf('deadline', 'restart')),
    initEvent: reader.read('xstate.init-event', oneOf('auto', 'always', 'never')),
    unhandledReplayedEvent: reader.read(
      'xstate.unhandled-replayed-event',
      oneOf('fail', 'warn', 'ignore'),
    ),
    unhandledCommand: reader.read('xstate.unhandled-command', oneOf('ignore', 'warn', 'fail')),
    onRejected: reader.read('xstate.on-rejected', oneOf('stop', 'continue')),
    singleWriterGuard: reader.read('xstate.single-writer-guard', boolean),
    replayYieldEvery: reader.read('xstate.replay-yield-every', positive),
    checkDeterminism: reader.read('xstate.check-determinism', boolean),
    passivateAfterMs: reader.read('xstate.passivate-after', duration({ min: 0, max: int32 })),
    recoveryEventTimeoutMs: readRecoveryEventTimeout(reader, config, journalPluginId),
    journalPluginId,
    autoStartJournals: readAutoStart(reader, config),
    serializers: readSerializers(reader),
  };
  acceptOtherPlugins(reader);
  return reader.finish(settings);
}

/**
 * Paths of the sections that `journal.plugin` and `journal.auto-start-journals` name, each once.
 */
export function namedJournals(config: Config): readonly string[] {
  const section = config.section('akka.persistence.journal');
  const [plugin, autoStart] = ['plugin', 'auto-start-journals'].map((key) => section.value(key));
  const paths = [
    (plugin && text.read(plugin)) ?? '',
    ...((autoStart && listOf(text).read(autoStart)) ?? []),
  ];
  const named = paths.filter((path) => pluginPathProblem(config, path) === undefined);
  return [...new Set(named)];
}

function readAutoStart(reader: SettingReader, config: Config): readonly string[] {
  const key = 'journal.auto-start-journals';
  const list = listOf(text);
  const paths = reader.read(key, {
    ...list,
    read: (value) => (value.kind === 'list' && value.items.length === 0 ? [] : list.read(value)),
  });
  for (const path of paths) {
    const problem = path === '' ? undefined : pluginPathProblem(config, path);
    if (problem !== undefined) reader.problem(key, problem);
  }
  return paths;
}

/**
 * The section of the plugin wins over the fallback of all plugins; its reader finds what is wrong
 * there.
 */
function readRecoveryEventTimeout(
  reader: SettingReader,
  config: Config,
  pluginId: string | undefined,
): number {
  const kind = duration({ min: 1, max: int32 });
  const fallback = reader.read(`journal-plugin-fallback.${recoveryEventTimeout}`, kind);
  const own =
    pluginId === undefined ? undefined : config.value(`${pluginId}.${recoveryEventTimeout}`);
  return (own && kind.read(own)) ?? fallback;
}

/**
 * Sections of plugins that other programs use: those with a `class`, and those without whose name
 * is not one of ours misspelt.
 */
function acceptOtherPlugins(reader: SettingReader): void {
  const { config } = reader;
  for (const parent of [[], ['journal']]) {
    const ours = namesOfOurs(reader, parent);
    for (const name of config.keys(parent.length === 0 ? undefined : renderPath(parent))) {
      const key = renderPath([...parent, name]);
      const value = config.value(key);
      if (ours.includes(name) || value?.kind !== 'object') continue;
      const fields = [...value.fields.values()];
      const holdsClass =
        value.fields.has('class') ||
        fields.some((inner) => inner.kind === 'object' && inner.fields.has('class'));
      if (!holdsClass && nearest(name, ours) !== undefined) continue;
      reader.know(key);
      if (!isBuiltIn(value.fields.get('class'))) {
        reader.note(key, 'a section of another plugin, left alone');
      }
    }
  }
}

/** Names right below `parent` that mean something to us. */
function namesOfOurs(reader: SettingReader, parent: readonly string[]): readonly string[] {
  const accepted = acceptedFor('persistence').flatMap(({ keys }) => keys);
  const paths = [...reader.known, ...accepted].map((key) => key.split('.'));
  const below = paths.filter((path) => parent.every((name, index) => path[index] === name));
  return [...new Set(below.map((path) => path[parent.length] ?? ''))];
}
