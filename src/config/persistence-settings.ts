import type { Config } from './config.ts';
import { renderPath } from './hocon/origin.ts';
import type { Value } from './hocon/values.ts';
import { boolean, duration, integer, type Kind, listOf, oneOf, text } from './kinds.ts';
import { SettingReader } from './setting-reader.ts';

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
  acceptOtherPlugins(reader);
  const journalPluginId = reader.read('journal.plugin', text).trim() || undefined;
  const settings: PersistenceSettings = {
    maxConcurrentRecoveries: reader.read('max-concurrent-recoveries', positive),
    stashCapacity: reader.read('typed.stash-capacity', positive),
    stashOverflow: reader.read('typed.stash-overflow-strategy', oneOf('drop', 'fail')),
    ...readXstate(reader),
    recoveryEventTimeoutMs: readRecoveryEventTimeout(reader, config, journalPluginId),
    journalPluginId,
    autoStartJournals: reader.read('journal.auto-start-journals', possiblyEmpty(listOf(text))),
  };
  return reader.finish(settings);
}

type XstateSettings = Pick<
  PersistenceSettings,
  | 'groupCommitMaxCommands'
  | 'timers'
  | 'initEvent'
  | 'unhandledReplayedEvent'
  | 'unhandledCommand'
  | 'onRejected'
  | 'singleWriterGuard'
  | 'replayYieldEvery'
  | 'checkDeterminism'
  | 'passivateAfterMs'
>;

function readXstate(reader: SettingReader): XstateSettings {
  return {
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
  };
}

/** The section of the plugin wins over the fallback of all plugins. */
function readRecoveryEventTimeout(
  reader: SettingReader,
  config: Config,
  pluginId: string | undefined,
): number {
  const kind = duration({ min: 1, max: int32 });
  const fallback = reader.read(`journal-plugin-fallback.${recoveryEventTimeout}`, kind);
  const own = pluginId === undefined ? undefined : `${pluginId}.${recoveryEventTimeout}`;
  return own !== undefined && config.has(own) ? config.get(own, kind) : fallback;
}

/** Sections of plugins that other programs use, known by their `class`. */
function acceptOtherPlugins(reader: SettingReader): void {
  for (const parent of [undefined, 'journal']) {
    for (const name of reader.config.keys(parent)) {
      const key = renderPath(parent === undefined ? [name] : [parent, name]);
      if (ours.has(key) || !holdsClass(reader.config.value(key))) continue;
      reader.know(key);
      reader.note(key, 'a section of another plugin, left alone');
    }
  }
}

const ours = new Set([
  'journal',
  'journal-plugin-fallback',
  'snapshot-store',
  'snapshot-store-plugin-fallback',
  'no-snapshot-store',
]);

function holdsClass(value: Value | undefined): boolean {
  if (value?.kind !== 'object') return false;
  if (value.fields.has('class')) return true;
  return [...value.fields.values()].some(
    (inner) => inner.kind === 'object' && inner.fields.has('class'),
  );
}

function possiblyEmpty<T>(list: Kind<readonly T[]>): Kind<readonly T[]> {
  return {
    ...list,
    read: (value) => (value.kind === 'list' && value.items.length === 0 ? [] : list.read(value)),
  };
}
