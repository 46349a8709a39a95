import { randomUUID } from 'node:crypto';
import { type ActorHost, createActorHost } from './actor/create-actor-host.ts';
import type { Config } from './config/config.ts';
import { loadConfig } from './config/load-config.ts';
import {
  type PersistenceSettings,
  readPersistenceSettings,
} from './config/persistence-settings.ts';
import { readTogether } from './config/read-together.ts';
import { ConfigError } from './model/errors.ts';
import { type Logger, silentLogger } from './observability/logger.ts';
import { journalSettingsOf, openSection } from './open-journals.ts';
import { KafkaJournalPlugin } from './plugin/kafka-journal-plugin.ts';
import type { JournalPlugin } from './ports/journal-plugin.ts';
import { systemClock } from './runtime/clock.ts';

/** Where the configuration comes from, and what it cannot name. */
export interface PersistenceOptions {
  /** Path of an `application.conf`; read over the shipped `reference.conf`. */
  readonly file?: string;
  /** HOCON text, instead of a file or laid over it. */
  readonly config?: string;
  /** Where log lines go; nowhere unless given. */
  readonly log?: Logger;
}

/** Persistent actors and their journals. */
export interface Persistence extends ActorHost {
  /** Stops all actors after the commands that they hold, then closes the journals. */
  shutdown(): Promise<void>;
}

/**
 * Reads the configuration and prepares persistent actors. A journal is opened by the first actor that
 * needs it, those of `auto-start-journals` before this resolves.
 *
 * @throws {ConfigError} all problems, each with path, file and line; nothing was opened
 */
export async function createPersistence(options: PersistenceOptions): Promise<Persistence> {
  const config = await loadConfig({
    ...(options.file === undefined ? {} : { file: options.file }),
    ...(options.config === undefined ? {} : { text: options.config }),
  });
  const { settings } = readTogether({
    settings: () => readPersistenceSettings(config),
    journal: () => checkDefaultJournal(config),
  });
  const log = options.log ?? silentLogger;
  const plugins = new Plugins(config, settings, log);
  await plugins.openAll(settings.autoStartJournals);
  const host = createActorHost({
    settings,
    journal: (pluginId) => plugins.get(pluginId),
    log,
    clock: systemClock,
    randomUuid: randomUUID,
  });
  const stopActors = host.shutdown.bind(host);
  return Object.assign(host, {
    async shutdown() {
      try {
        await stopActors();
      } finally {
        await plugins.close();
      }
    },
  });
}

/** The section that most actors will use; those of others are read when they are first named. */
function checkDefaultJournal(config: Config): void {
  const path = config.getString('akka.persistence.journal.plugin').trim();
  if (path !== '') journalSettingsOf(config, path);
}

/** One journal plugin a section, opened on first use, closed in reverse order. */
class Plugins {
  readonly #config: Config;
  readonly #settings: PersistenceSettings;
  readonly #log: Logger;
  readonly #opened = new Map<string, Promise<JournalPlugin>>();

  constructor(config: Config, settings: PersistenceSettings, log: Logger) {
    this.#config = config;
    this.#settings = settings;
    this.#log = log;
  }

  get(pluginId: string | undefined): Promise<JournalPlugin> {
    const path = pluginId ?? this.#settings.journalPluginId;
    if (path === undefined || path === '') return Promise.reject(noDefaultJournal());
    const known = this.#opened.get(path);
    if (known !== undefined) return known;
    const opening = this.#open(path);
    this.#opened.set(path, opening);
    opening.catch(() => this.#opened.delete(path));
    return opening;
  }

  /** All of them, or none is left open. */
  async openAll(paths: readonly string[]): Promise<void> {
    try {
      for (const path of paths) await this.get(path === '' ? undefined : path);
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** Closes every journal, also when another does not close in order. @throws the first failure */
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
    const journals = await openSection(this.#config, path, deps);
    const { keyOf, maxEventsInBatch } = journals;
    const close = async (): Promise<void> => await journals[Symbol.asyncDispose]();
    return new KafkaJournalPlugin({ journals, keyOf, maxEventsInBatch, close });
  }
}

function noDefaultJournal(): ConfigError {
  const path = 'akka.persistence.journal.plugin';
  const message =
    'no default journal; set it to "evolutiongaming.kafka-journal.embedded.journal" or ' +
    '"evolutiongaming.kafka-journal.persistence.journal"';
  return new ConfigError([{ path, file: undefined, line: undefined, message }]);
}
