import { randomUUID } from 'node:crypto';
import type { AnyActorLogic } from 'xstate';
import { type ActorHost, createActorHost } from '../actor/create-actor-host.ts';
import type { JournalCoding } from '../actor/evolution/event-coding.ts';
import type {
  EntityRegistry,
  EntityRegistryOptions,
  LocalEntities,
} from '../actor/registry/entities.ts';
import type { Config } from '../config/config.ts';
import { readConfig } from '../config/load-config.ts';
import { readTogether } from '../config/read-together.ts';
import type { BoundClasses } from '../config/settings/event-adapter-settings.ts';
import { defaultJournalOf } from '../config/settings/journal-class.ts';
import {
  namedJournals,
  type PersistenceSettings,
  readPersistenceSettings,
} from '../config/settings/persistence-settings.ts';
import { type Fleet, type OpenEntity, openFleet } from '../fleet/fleet.ts';
import { ClosedError, InvalidInputError } from '../model/errors.ts';
import { Topic } from '../model/position.ts';
import { type Logger, silentLogger } from '../observability/logger.ts';
import { KafkaJournalPlugin } from '../plugin/kafka-journal-plugin.ts';
import type { JournalPlugin } from '../ports/journal-plugin.ts';
import { openHttpRemoteCalls } from '../remote/open-http-remote-calls.ts';
import { systemClock } from '../runtime/clock.ts';
import { openJournalCoding } from './journal-coding.ts';
import { loadExport } from './load-export.ts';
import { noteIgnoredKeys } from './note-ignored-keys.ts';
import { journalSettingsOf, type OpenSection, openSection } from './open-journals.ts';
import type { WakeEntities } from './wake-entities.ts';

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
   * journals. Each further call waits for the first one.
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
  // What is bound to events is looked at before anything is opened.
  for (const path of namedJournals(config)) await plugins.codingOf(path, settings.serializers);
  await plugins.openAll([...settings.autoStartJournals, ...shared]);
  const host = createActorHost({
    settings,
    journal: (pluginId) => plugins.get(pluginId),
    journalCoding: (pluginId) => plugins.codingOf(pluginId, settings.serializers),
    log,
    clock: systemClock,
    randomUuid: randomUUID,
    place: (local, how) => plugins.place(local, how),
  });
  const stopActors = host.shutdown.bind(host);
  const shutDown = async (): Promise<void> => {
    try {
      await plugins.leaveFleets();
      plugins.stopWaking();
      await stopActors();
    } finally {
      await plugins.close();
    }
  };
  let ending: Promise<void> | undefined;
  return Object.assign(host, {
    // A second call that did not wait for the first one would cut its hand-over short.
    shutdown: () => (ending ??= shutDown()),
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

const openAgainMs = 30_000;

/** One journal plugin a section, with its fleet; opened on first use, closed in reverse order. */
class Plugins {
  readonly #config: Config;
  readonly #log: Logger;
  readonly #opened = new Map<string, Promise<JournalPlugin>>();
  readonly #codings = new Map<string, Promise<JournalCoding | undefined>>();
  readonly #fleets = new Map<string, Fleet>();
  /** Of sections whose entities are woken. */
  readonly #waking = new Map<string, WakeEntities>();
  /** Of sections without a fleet: the types of entities that may be woken, by section. */
  readonly #local = new Map<string, LocalEntities<AnyActorLogic>[]>();
  readonly #scouted = new Set<string>();
  readonly #closing = new AbortController();

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
   * What is bound to the events of a journal; the journal itself is not opened for that.
   *
   * @throws {ConfigError} an adapter or a serializer cannot be loaded, or is none
   */
  async codingOf(
    pluginId: string | undefined,
    serializers: BoundClasses,
  ): Promise<JournalCoding | undefined> {
    const path = pluginId || defaultJournalOf(this.#config);
    const known = this.#codings.get(path);
    if (known !== undefined) return await known;
    const { eventAdapters } = journalSettingsOf(this.#config, path);
    const coding = openJournalCoding({ eventAdapters, serializers }, loadExport);
    this.#codings.set(path, coding);
    coding.catch(() => this.#codings.delete(path));
    return await coding;
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

  /**
   * What callers of a type of entities get.
   *
   * @throws as of `fleetOf`, and {InvalidInputError} the fleet does not know the topics of the type
   */
  place<L extends AnyActorLogic>(
    local: LocalEntities<L>,
    options: EntityRegistryOptions,
  ): EntityRegistry<L> {
    const fleet = this.fleetOf(local.journalPluginId);
    if (fleet !== undefined) return fleet.entities(local, options);
    this.#wakeHere(local as unknown as LocalEntities<AnyActorLogic>, options);
    return local;
  }

  /**
   * Opens the journal in the background, since entities of the type may have work to do. A type
   * whose topics are not known is not woken.
   */
  #wakeHere(local: LocalEntities<AnyActorLogic>, { topics }: EntityRegistryOptions): void {
    const path = local.journalPluginId || defaultJournalOf(this.#config);
    const { tenures, persistenceIdToKey: mapping } = journalSettingsOf(this.#config, path);
    if (tenures?.wakeUp !== true) return;
    this.#local.set(path, [...(this.#local.get(path) ?? []), local]);
    const names = mapping.type === 'constant-topic' ? [mapping.topic] : (topics ?? []);
    for (const topic of names.map((name) => Topic.of(name))) {
      const scouted = `${path} ${topic}`;
      if (this.#scouted.has(scouted)) continue;
      this.#scouted.add(scouted);
      this.#scout(path, topic).catch(() => {}); // closed
    }
  }

  /** @throws when this is closed */
  async #scout(path: string, topic: Topic): Promise<void> {
    const { signal } = this.#closing;
    const open: OpenEntity = (persistenceId) => {
      for (const entities of this.#local.get(path) ?? []) {
        const waking = entities.wake(persistenceId);
        if (waking !== undefined) return waking;
      }
      return undefined;
    };
    for (;;) {
      try {
        await this.get(path);
        signal.throwIfAborted();
        this.#waking.get(path)?.inTopic(topic, open, signal);
        return;
      } catch (err) {
        signal.throwIfAborted();
        this.#log.warn(
          { journal: path, err },
          'entities cannot be woken: their journal is not open',
        );
        await systemClock.sleep(openAgainMs, { signal });
      }
    }
  }

  /** No entity is opened any more but by those who speak to it. */
  stopWaking(): void {
    this.#closing.abort(new ClosedError('the persistence is shut down'));
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
    this.stopWaking();
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
    if (section.waking !== undefined) this.#waking.set(path, section.waking);
    const close = async (): Promise<void> => {
      await this.#fleets.get(path)?.[Symbol.asyncDispose]();
      await section.waking?.settled();
      await journals[Symbol.asyncDispose]();
    };
    const wakesEntities = section.waking !== undefined;
    const parts = { journals, keyOf, maxEventsInBatch, wakesEntities, close };
    const plugin = new KafkaJournalPlugin({ ...deps, ...parts });
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
      wakePartition: (...of) => section.waking?.inPartition(...of),
      topic,
      random: Math.random,
      randomUuid: randomUUID,
    });
    this.#fleets.set(path, fleet);
    return fleet.guard(plugin);
  }
}
