import { randomUUID } from 'node:crypto';
import { type ActorHost, createActorHost } from '../actor/create-actor-host.ts';
import type { Config } from '../config/config.ts';
import { readConfig } from '../config/load-config.ts';
import { readTogether } from '../config/read-together.ts';
import { defaultJournalOf } from '../config/settings/journal-class.ts';
import {
  namedJournals,
  type PersistenceSettings,
  readPersistenceSettings,
} from '../config/settings/persistence-settings.ts';
import { type Fleet, openFleet } from '../fleet/fleet.ts';
import { InvalidInputError } from '../model/errors.ts';
import { type Logger, silentLogger } from '../observability/logger.ts';
import { KafkaJournalPlugin } from '../plugin/kafka-journal-plugin.ts';
import type { JournalPlugin } from '../ports/journal-plugin.ts';
import { openHttpRemoteCalls } from '../remote/open-http-remote-calls.ts';
import { systemClock } from '../runtime/clock.ts';
import { noteIgnoredKeys } from './note-ignored-keys.ts';
import { journalSettingsOf, type OpenSection, openSection } from './open-journals.ts';

/** Where the configuration comes from, and what it cannot name. */
export interface PersistenceOptions {
  /** Path of an `application.conf`; read over the shipped `reference.conf`. */
  readonly file?: string;
  /** HOCON text, instead of a file or laid over it; its problems are those of `config text`. */
  readonly config?: string;
  /** Where log lines go; nowhere unless given. pino fits as it is; `consoleLogger` prints. */
  readonly log?: Logger;
}

/** Persistent actors and their journals. */
export interface Persistence extends ActorHost {
  /**
   * Where instances share their entities: gives them to the others, for 2 s at most; commands still
   * find their way meanwhile. Then stops all actors after the commands that they hold, and closes the
   * journals.
   *
   * @throws the first error of a journal that does not close in order; all others are closed
   */
  shutdown(): Promise<void>;
}

/**
 * Reads the configuration and prepares persistent actors. A journal is opened by the first actor
 * that needs it, those of `auto-start-journals` before this resolves; so is the default one where
 * instances share its entities (`fleet.enabled`). Settings that have no effect are logged once.
 *
 * @throws {ConfigError} all problems, each with path, file and line; nothing was opened
 */
export async function createPersistence(options: PersistenceOptions): Promise<Persistence> {
  const { config, checkKeys } = readConfig({
    ...(options.file === undefined ? {} : { file: options.file }),
    ...(options.config === undefined ? {} : { text: options.config }),
  });
  const settings = readSettings(config, checkKeys);
  const log = options.log ?? silentLogger;
  noteIgnoredKeys(config, log);
  const plugins = new Plugins(config, log);
  // Instances that share entities ask each other before anybody asks this one.
  const shared = namedJournals(config).filter((path) => journalSettingsOf(config, path).fleet);
  await plugins.openAll([...settings.autoStartJournals, ...shared]);
  const host = createActorHost({
    settings,
    journal: (pluginId) => plugins.get(pluginId),
    log,
    clock: systemClock,
    randomUuid: randomUUID,
    place: (local, how) => plugins.fleetOf(local.journalPluginId)?.entities(local, how) ?? local,
  });
  const stopActors = host.shutdown.bind(host);
  return Object.assign(host, {
    async shutdown() {
      try {
        await plugins.leaveFleets();
        await stopActors();
      } finally {
        await plugins.close();
      }
    },
  });
}

/** The settings of actors; the sections of the journals that they name have to be right as well. */
function readSettings(config: Config, checkKeys: () => void): PersistenceSettings {
  const journals = namedJournals(config).map(
    (path) => [`journal ${path}`, () => journalSettingsOf(config, path)] as const,
  );
  return readTogether({
    keys: checkKeys,
    actors: () => readPersistenceSettings(config),
    ...Object.fromEntries(journals),
  }).actors;
}

/** One journal plugin a section, with its fleet; opened on first use, closed in reverse order. */
class Plugins {
  readonly #config: Config;
  readonly #log: Logger;
  readonly #opened = new Map<string, Promise<JournalPlugin>>();
  readonly #fleets = new Map<string, Fleet>();

  constructor(config: Config, log: Logger) {
    this.#config = config;
    this.#log = log;
  }

  /**
   * @throws {ConfigError} no section at `pluginId`, or none given and there is no default journal
   */
  async get(pluginId: string | undefined): Promise<JournalPlugin> {
    const path = pluginId || defaultJournalOf(this.#config);
    const known = this.#opened.get(path);
    if (known !== undefined) return await known;
    const opening = this.#open(path);
    this.#opened.set(path, opening);
    opening.catch(() => this.#opened.delete(path));
    return await opening;
  }

  /**
   * The fleet that shares the entities of a journal; `undefined` = there is none.
   *
   * @throws {ConfigError} as `get`
   * @throws {InvalidInputError} it was not opened at start
   */
  fleetOf(pluginId: string | undefined): Fleet | undefined {
    const path = pluginId || defaultJournalOf(this.#config);
    const fleet = this.#fleets.get(path);
    if (fleet !== undefined || journalSettingsOf(this.#config, path).fleet === undefined) {
      return fleet;
    }
    const text = `the instances share the entities of journal ${path}, which is not open`;
    const list = 'akka.persistence.journal.auto-start-journals';
    throw new InvalidInputError(`${text}: add it to ${list}`);
  }

  async leaveFleets(): Promise<void> {
    await Promise.all([...this.#fleets.values()].map((fleet) => fleet.leave()));
  }

  /** All of them, or none is left open. */
  async openAll(paths: readonly string[]): Promise<void> {
    try {
      for (const path of paths) await this.get(path);
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /**
   * Closes every journal, also when another does not close in order.
   *
   * @throws the first failure
   */
  async close(): Promise<void> {
    const plugins = await Promise.allSettled([...this.#opened.values()].reverse());
    this.#opened.clear();
    const failures: unknown[] = [];
    for (const plugin of plugins) {
      if (plugin.status === 'rejected') continue;
      await plugin.value[Symbol.asyncDispose]().then(undefined, (error: unknown) => {
        failures.push(error);
      });
    }
    if (failures.length > 0) throw failures[0];
  }

  /** Shared by all actors, so bounded by `start-timeout` and not by the signal of one of them. */
  async #open(path: string): Promise<JournalPlugin> {
    const deps = { log: this.#log, clock: systemClock };
    const section = await openSection(this.#config, path, deps);
    const { journals } = section;
    const { keyOf, maxEventsInBatch } = journals;
    const close = async (): Promise<void> => {
      await this.#fleets.get(path)?.[Symbol.asyncDispose]();
      await journals[Symbol.asyncDispose]();
    };
    const plugin = new KafkaJournalPlugin({ ...deps, journals, keyOf, maxEventsInBatch, close });
    try {
      return await this.#join(path, section, plugin);
    } catch (error) {
      await plugin[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The plugin as actors may use it. */
  async #join(path: string, section: OpenSection, plugin: JournalPlugin): Promise<JournalPlugin> {
    const { fleet: settings, joinFleet, journals, topic } = section;
    if (settings === undefined) return plugin;
    const deps = { log: this.#log, clock: systemClock };
    const fleet = await openFleet({
      ...deps,
      settings,
      openCalls: (handler) => openHttpRemoteCalls(settings.remote, handler, deps),
      openMembership: (member) => joinFleet(member, settings),
      keyOf: journals.keyOf,
      topic,
      random: Math.random,
      randomUuid: randomUUID,
    });
    this.#fleets.set(path, fleet);
    return fleet.guard(plugin);
  }
}
