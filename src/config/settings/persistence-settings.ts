import type { Config } from '../config.ts';
import { renderPath } from '../hocon/origin.ts';
import { acceptedFor } from '../keys/keys-without-effect.ts';
import { nearest } from '../keys/nearest.ts';
import { canonicalPath } from '../keys/pekko-alias.ts';
import { boolean, duration, integer, listOf, oneOf, text } from '../kinds.ts';
import { SettingReader } from '../setting-reader.ts';
import { nameIn } from './class-name.ts';
import { type BoundClasses, readSerializers } from './event-adapter-settings.ts';
import { isOfJvm, type PluginKind, pluginPathProblem } from './journal-class.ts';
import { readFallbacks } from './plugin-host-settings.ts';

/** What persistent actors do, and which journal they use: section `akka.persistence`. */
export interface PersistenceSettings {
  readonly maxConcurrentRecoveries: number;
  readonly stashCapacity: number;
  readonly stashOverflow: 'drop' | 'fail';
  readonly logStashing: boolean;
  readonly groupCommitMaxCommands: number;
  readonly commandIds: { readonly maxCount: number; readonly maxAgeMs: number };
  readonly deliveries: {
    readonly redeliverIntervalMs: number;
    readonly redeliveryBurst: number;
    readonly warnAfterAttempts: number;
    readonly maxUnconfirmed: number;
  };
  readonly timers: 'deadline' | 'remaining' | 'restart';
  readonly initEvent: 'auto' | 'always' | 'never';
  readonly unhandledReplayedEvent: 'fail' | 'warn' | 'ignore';
  readonly unhandledCommand: 'ignore' | 'warn' | 'fail';
  readonly onRejected: 'stop' | 'continue';
  readonly singleWriterGuard: boolean;
  readonly replayYieldEvery: number;
  readonly checkDeterminism: boolean;
  /** 0 = never. */
  readonly passivateAfterMs: number;
  /** Path of the section of the journal that actors use when they name none. */
  readonly journalPluginId: string | undefined;
  /** Paths of journals to open at start; `''` stands for the default one. */
  readonly autoStartJournals: readonly string[];
  /** As those of journals. */
  readonly autoStartSnapshotStores: readonly string[];
  /** Of all events, whichever journal they are in. */
  readonly serializers: BoundClasses;
}

const int32 = 0x7fffffff;
const positive = integer({ min: 1, max: int32 });
const interval = duration({ min: 1, max: int32 });
const delivery = 'at-least-once-delivery';

/**
 * Reads `akka.persistence` (or `pekko.persistence`).
 *
 * @throws {ConfigError} with all problems of the section
 */
export function readPersistenceSettings(config: Config): PersistenceSettings {
  const reader = new SettingReader(config.section('akka.persistence'), 'persistence');
  const journalPluginId = readPlugin(reader, config, 'journal');
  const settings: PersistenceSettings = {
    maxConcurrentRecoveries: reader.read('max-concurrent-recoveries', positive),
    stashCapacity: reader.read('typed.stash-capacity', positive),
    stashOverflow: readStashOverflow(reader),
    logStashing: reader.read('typed.log-stashing', boolean),
    groupCommitMaxCommands: reader.read('xstate.group-commit-max-commands', positive),
    commandIds: {
      maxCount: reader.read('xstate.command-ids.max-count', positive),
      maxAgeMs: reader.read('xstate.command-ids.max-age', duration({ min: 1 })),
    },
    deliveries: {
      redeliverIntervalMs: reader.read(`${delivery}.redeliver-interval`, interval),
      redeliveryBurst: reader.read(`${delivery}.redelivery-burst-limit`, positive),
      warnAfterAttempts: reader.read(
        `${delivery}.warn-after-number-of-unconfirmed-attempts`,
        positive,
      ),
      maxUnconfirmed: reader.read(`${delivery}.max-unconfirmed-messages`, positive),
    },
    timers: reader.read('xstate.timers', oneOf('deadline', 'remaining', 'restart')),
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
    journalPluginId,
    autoStartJournals: readAutoStart(reader, config, 'journal'),
    autoStartSnapshotStores: readAutoStart(reader, config, 'snapshot store'),
    serializers: readSerializers(reader),
  };
  // Their own readers look inside.
  for (const name of ['inmem', 'local']) reader.know(`snapshot-store.${name}`);
  reader.read('no-snapshot-store.class', text);
  readPlugin(reader, config, 'snapshot store');
  readFallbacks(reader);
  acceptOtherPlugins(reader);
  return reader.finish(settings);
}

/** Where the plugins of a kind are named, relative to `akka.persistence`. */
const namedAt = {
  journal: { plugin: 'journal.plugin', autoStart: 'journal.auto-start-journals' },
  'snapshot store': {
    plugin: 'snapshot-store.plugin',
    autoStart: 'snapshot-store.auto-start-snapshot-stores',
  },
} as const;

/** Paths of the sections that the configuration names, of one kind, each once, in one spelling. */
export function namedPlugins(config: Config, of: PluginKind): readonly string[] {
  const section = config.section('akka.persistence');
  const [plugin, autoStart] = [namedAt[of].plugin, namedAt[of].autoStart].map((key) =>
    section.value(key),
  );
  const paths = [
    (plugin && text.read(plugin)) ?? '',
    ...((autoStart && listOf(text).read(autoStart)) ?? []),
  ];
  const named = paths.filter((path) => pluginPathProblem(config, path, of) === undefined);
  return [...new Set(named.map(canonicalPath))];
}

const jvmPackages = ['akka.persistence', 'org.apache.pekko.persistence'];
const classicNames = {
  fail: ['ThrowExceptionConfigurator', 'ThrowOverflowExceptionStrategy'],
  drop: ['DiscardConfigurator', 'DiscardToDeadLetterStrategy'],
} as const;

/** The classic strategies, by their name here, and by the classes that name them on the JVM. */
const classicStrategies: ReadonlyMap<string, 'drop' | 'fail'> = new Map([
  ['throw', 'fail'],
  ['discard', 'drop'],
  ...(['fail', 'drop'] as const).flatMap((verdict) =>
    classicNames[verdict].flatMap((name) =>
      jvmPackages.map((of) => [`${of}.${name}`, verdict] as const),
    ),
  ),
]);

/** The classic setting of what becomes of a command for which the stash has no room. */
export const stashOverflowKey = 'akka.persistence.internal-stash-overflow-strategy';

/** Whether the classic setting names the export of a module, which makes a strategy. */
export function ownStashOverflowAt(config: Config): boolean {
  const name = nameIn(config.value(stashOverflowKey));
  return !classicStrategies.has(name) && /[#/]/.test(name);
}

/** The classic setting wins where it is set; what makes a strategy of its own is found later. */
function readStashOverflow(reader: SettingReader): 'drop' | 'fail' {
  const typed = reader.read('typed.stash-overflow-strategy', oneOf('drop', 'fail'));
  const key = 'internal-stash-overflow-strategy';
  const classic = reader.optional(key, text);
  if (classic === undefined) return typed;
  const known = classicStrategies.get(classic);
  if (known !== undefined) return known;
  if (!/[#/]/.test(classic)) {
    const names = 'throw, discard, the name of one of their JVM classes, or "module#export"';
    reader.problem(key, `must be ${names}, not ${classic}`);
  }
  return typed;
}

/** `undefined` = none is named, or not a section. */
function readPlugin(reader: SettingReader, config: Config, of: PluginKind): string | undefined {
  const key = namedAt[of].plugin;
  const path = reader.read(key, text);
  const problem = path === '' ? undefined : pluginPathProblem(config, path, of);
  if (problem !== undefined) reader.problem(key, problem);
  return path === '' || problem !== undefined ? undefined : path;
}

function readAutoStart(reader: SettingReader, config: Config, of: PluginKind): readonly string[] {
  const key = namedAt[of].autoStart;
  const list = listOf(text);
  const paths = reader.read(key, {
    ...list,
    read: (value) => (value.kind === 'list' && value.items.length === 0 ? [] : list.read(value)),
  });
  for (const path of paths) {
    const problem = path === '' ? undefined : pluginPathProblem(config, path, of);
    if (problem !== undefined) reader.problem(key, problem);
  }
  return paths;
}

/**
 * Sections of plugins that other programs use: those with a `class`, and those without whose name
 * is not one of ours misspelt.
 */
function acceptOtherPlugins(reader: SettingReader): void {
  const { config } = reader;
  for (const parent of [[], ['journal'], ['snapshot-store']]) {
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
      if (isOfJvm(value.fields.get('class'))) {
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
