import { randomUUID } from 'node:crypto';
import type { AnyActorLogic } from 'xstate';
import type {
  EntityRegistry,
  EntityRegistryOptions,
  LocalEntities,
} from '../actor/registry/entities.ts';
import { wakeAmong } from '../actor/registry/wake-among.ts';
import type { Config } from '../config/config.ts';
import { canonicalPath } from '../config/keys/pekko-alias.ts';
import { readAllTogether } from '../config/read-together.ts';
import { problemAt } from '../config/settings/class-name.ts';
import { defaultJournalOf, journalClassOf } from '../config/settings/journal-class.ts';
import type {
  EmbeddedJournalSettings,
  KafkaJournalSettings,
} from '../config/settings/journal-settings.ts';
import { namedPlugins } from '../config/settings/persistence-settings.ts';
import { type Fleet, type OpenEntity, openFleet } from '../fleet/fleet.ts';
import {
  ClosedError,
  ConfigError,
  InvalidInputError,
  type JournalError,
  LogUnavailableError,
} from '../model/errors.ts';
import { Topic } from '../model/position.ts';
import type { Logger } from '../observability/logger.ts';
import type { RegisteredPlugins } from '../plugin/open-plugin.ts';
import { openOwnKeyMapping } from '../plugin/own-key-mapping.ts';
import type { KeyMapping } from '../plugin/persistence-id-to-key.ts';
import type { JournalPlugin } from '../ports/journal-plugin.ts';
import type { SnapshotStore } from '../ports/snapshot-store.ts';
import { openHttpRemoteCalls } from '../remote/open-http-remote-calls.ts';
import { systemClock } from '../runtime/clock.ts';
import { onAbort } from '../runtime/on-abort.ts';
import { checkJournal, type OpenedJournal, openJournal } from './open-journal-plugin.ts';
import { journalSettingsOf, type OpenSection } from './open-journals.ts';
import { checkSnapshotStore, isNoStore, openSnapshotStore } from './open-snapshot-plugin.ts';
import type { WakeEntities } from './wake-entities.ts';

const openAgainMs = 30_000;

const noWayBack =
  'what it makes has no persistenceIdOf, so entities that wait are not woken: they sleep until ' +
  'they are spoken to';

/** What the plugins of one persistence are made from. */
export interface PluginsOptions {
  readonly config: Config;
  readonly log: Logger;
  readonly registered: RegisteredPlugins;
}

/**
 * One plugin a section: journals, each with its fleet, and snapshot stores. A plugin is opened on
 * first use; all are closed in reverse order.
 */
export class Plugins {
  readonly #config: Config;
  readonly #log: Logger;
  readonly #registered: RegisteredPlugins;
  readonly #journals = new Map<string, Promise<OpenedJournal>>();
  readonly #stores = new Map<string, Promise<SnapshotStore>>();
  /** What maps persistence ids, by section; made when the configuration is looked at. */
  readonly #ownKeys = new Map<string, Promise<KeyMapping | undefined>>();
  /** What is open, or being opened, in that order. */
  readonly #opened = new Set<Promise<AsyncDisposable>>();
  /** What actors get of the journals that are open. */
  readonly #forActors = new Map<string, JournalPlugin>();
  readonly #fleets = new Map<string, Fleet>();
  /**
   * The failure that keeps calls waiting, by section: at first that it is not open yet, later the
   * failure of its writes, which only sections over a log have.
   */
  readonly #troubles = new Map<string, () => JournalError | undefined>();
  /** Of sections whose entities are woken. */
  readonly #waking = new Map<string, WakeEntities>();
  /** Of sections without a fleet: the types of entities that may be woken, by section. */
  readonly #local = new Map<string, LocalEntities<AnyActorLogic>[]>();
  readonly #scouted = new Set<string>();
  readonly #closing = new AbortController();
  /** Fires when the actors have ended. */
  readonly #unused = new AbortController();

  constructor({ config, log, registered }: PluginsOptions) {
    this.#config = config;
    this.#log = log;
    this.#registered = registered;
  }

  /**
   * Looks whether all plugins that the configuration names can be opened: their modules are loaded.
   *
   * @throws {ConfigError} all problems of all of them
   */
  async check(): Promise<void> {
    const [config, registered] = [this.#config, this.#registered];
    const journals = namedPlugins(config, 'journal').map((path) => {
      return () => checkJournal(config, path, registered, () => this.#ownKeysOf(path));
    });
    const stores = namedPlugins(config, 'snapshot store').map((path) => {
      return () => checkSnapshotStore(config, path, registered);
    });
    await readAllTogether(...journals, ...stores);
  }

  /** Journals whose entities are shared with other processes: they are opened at start. */
  get sharedJournals(): readonly string[] {
    const journals = namedPlugins(this.#config, 'journal');
    return journals.filter((path) => this.#storesSettingsOf(path)?.fleet !== undefined);
  }

  /**
   * The journal of a section as actors use it.
   *
   * @throws {ConfigError} no section at `pluginId`, or none given and there is no default journal
   */
  async get(pluginId: string | undefined): Promise<JournalPlugin> {
    const path = this.#journalPath(pluginId);
    const opened = await this.opened(path);
    return this.#forActors.get(path) ?? opened.hosted;
  }

  /**
   * The journal of a section, opened on first use.
   *
   * @throws {ConfigError} as `get`
   * @throws {ClosedError} it is not open, and will not be any more
   */
  async opened(pluginId: string | undefined): Promise<OpenedJournal> {
    const path = this.#journalPath(pluginId);
    const known = this.#journals.get(path);
    if (known !== undefined) return await known;
    this.#closing.signal.throwIfAborted(); // nobody would close it
    const opening = this.#openJournal(path);
    this.#journals.set(path, opening);
    this.#noteOpening(
      opening.then(({ hosted }) => hosted),
      () => {
        this.#journals.delete(path);
        this.#troubles.delete(path);
      },
    );
    return await opening;
  }

  /** The failure that keeps calls of a journal waiting; `undefined` = none. */
  troubleOf(pluginId: string | undefined): JournalError | undefined {
    return this.#troubles.get(this.#journalPath(pluginId))?.();
  }

  /**
   * The snapshot store of a section; without `pluginId` the default one. `undefined` = there is
   * none.
   *
   * @throws {ConfigError} no section at `pluginId`, or it is not right
   */
  async snapshotStore(pluginId: string | undefined): Promise<SnapshotStore | undefined> {
    const named = pluginId || this.#config.getString('akka.persistence.snapshot-store.plugin');
    if (named === '') return undefined;
    const path = canonicalPath(named);
    if (isNoStore(this.#config, path)) return undefined;
    const known = this.#stores.get(path);
    if (known !== undefined) return await known;
    const closing = this.#closing.signal;
    closing.throwIfAborted();
    const deps = { log: this.#log, clock: systemClock, closing, unused: this.#unused.signal };
    const opening = openSnapshotStore(this.#config, path, this.#registered, deps);
    this.#stores.set(path, opening);
    this.#noteOpening(opening, () => this.#stores.delete(path));
    return await opening;
  }

  /** One that fails may be opened again. */
  #noteOpening(opening: Promise<AsyncDisposable>, forget: () => void): void {
    this.#opened.add(opening);
    opening.catch(() => {
      forget();
      this.#opened.delete(opening);
    });
  }

  /**
   * The fleet that shares the entities of a journal; `undefined` = there is none.
   *
   * @throws {ConfigError} as `get`
   * @throws {InvalidInputError} it was not opened at start
   */
  #fleetOf(pluginId: string | undefined): Fleet | undefined {
    const path = this.#journalPath(pluginId);
    const fleet = this.#fleets.get(path);
    if (fleet !== undefined || this.#storesSettingsOf(path)?.fleet === undefined) return fleet;
    const text = `the instances share the entities of journal ${path}, which is not open`;
    const list = 'akka.persistence.journal.auto-start-journals';
    throw new InvalidInputError(`${text}: add it to ${list}`);
  }

  /**
   * What callers of a type of entities get.
   *
   * @throws {ConfigError} as `get`
   * @throws {InvalidInputError} the journal was not opened at start, or the fleet does not know the
   * topics of the type
   */
  place<L extends AnyActorLogic>(
    local: LocalEntities<L>,
    options: EntityRegistryOptions,
  ): EntityRegistry<L> {
    const fleet = this.#fleetOf(local.journalPluginId);
    const path = this.#journalPath(local.journalPluginId);
    if (this.#storesSettingsOf(path)?.tenures?.wakeUp === true) local.wakeStopped();
    const placed = fleet?.entities(local, options) ?? local;
    if (fleet === undefined)
      this.#wakeHere(local as unknown as LocalEntities<AnyActorLogic>, options);
    this.#waking.get(path)?.typeAdded();
    return placed;
  }

  /**
   * Opens the journal in the background, since entities of the type may have work to do. A type
   * whose topics are not known is not woken.
   */
  #wakeHere(local: LocalEntities<AnyActorLogic>, { topics }: EntityRegistryOptions): void {
    const path = this.#journalPath(local.journalPluginId);
    const settings = this.#storesSettingsOf(path);
    if (settings?.tenures?.wakeUp !== true) return;
    const { persistenceIdToKey: mapping } = settings;
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
    const open: OpenEntity = (persistenceId) =>
      wakeAmong(this.#local.get(path) ?? [], persistenceId);
    for (;;) {
      try {
        await this.get(path);
        signal.throwIfAborted();
        this.#waking.get(path)?.inTopic(topic, open, signal);
        return;
      } catch (err) {
        signal.throwIfAborted();
        const text = 'entities cannot be woken: their journal is not open';
        this.#log.warn({ journal: path, err }, text);
        await systemClock.sleep(openAgainMs, { signal });
      }
    }
  }

  /** No entity is opened any more but by those who speak to it. */
  stopWaking(): void {
    this.#closing.abort(new ClosedError('the persistence is shut down'));
  }

  /** @throws {ClosedError} a fleet was closed meanwhile */
  async leaveFleets(): Promise<void> {
    await Promise.all([...this.#fleets.values()].map((fleet) => fleet.leave()));
  }

  /**
   * Opens what is to be open at start; `''` = the default.
   *
   * @throws as `get` and `snapshotStore`; what came before it is open
   */
  async openAll(journals: readonly string[], stores: readonly string[]): Promise<void> {
    for (const path of journals) await this.get(path);
    for (const path of stores) await this.snapshotStore(path);
  }

  /**
   * Closes everything, also when something does not close in order.
   *
   * @throws the first failure
   */
  async close(): Promise<void> {
    this.stopWaking();
    const plugins = await Promise.allSettled([...this.#opened].reverse());
    this.#unused.abort(this.#closing.signal.reason);
    this.#opened.clear();
    this.#journals.clear();
    this.#stores.clear();
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
  async #openJournal(path: string): Promise<OpenedJournal> {
    const notOpen = new LogUnavailableError(`${path} is not open yet`);
    this.#troubles.set(path, () => notOpen);
    const opened = await openJournal(this.#config, path, this.#registered, {
      log: this.#log,
      clock: systemClock,
      closing: this.#closing.signal,
      unused: this.#unused.signal,
      ownKeys: () => this.#ownKeysOf(path),
      beforeClose: async () => {
        await this.#fleets.get(path)?.[Symbol.asyncDispose]();
      },
    });
    const { section, hosted } = opened;
    this.#troubles.set(path, () => section?.trouble());
    if (section === undefined) return opened;
    if (section.waking !== undefined) this.#waking.set(path, section.waking);
    else if (this.#storesSettingsOf(path)?.tenures?.wakeUp === true) {
      this.#log.warn({ setting: `${path}.persistence-id-to-key.impl` }, noWayBack);
    }
    try {
      this.#forActors.set(path, await this.#join(path, section, hosted));
      return opened;
    } catch (error) {
      await hosted[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The journal as actors may use it. */
  async #join(path: string, section: OpenSection, journal: JournalPlugin): Promise<JournalPlugin> {
    const { fleet: settings, joinFleet, journals, topic } = section;
    if (settings === undefined) return journal;
    const deps = { log: this.#log, clock: systemClock };
    const fleet = await openFleet({
      ...deps,
      settings,
      openCalls: async (handler) => {
        try {
          return await openHttpRemoteCalls(settings.remote, handler, deps);
        } catch (error) {
          throw placedIn(this.#config, path, error);
        }
      },
      openMembership: (member) => joinFleet(member, settings),
      keyOf: journals.keyOf,
      wakePartition: (place, open, signal) => {
        section.waking?.inPartition(place, open, signal);
        onAbort(signal, () => section.leave(place));
      },
      topic,
      random: Math.random,
      randomUuid: randomUUID,
    });
    this.#fleets.set(path, fleet);
    return fleet.guard(journal);
  }

  /** Made once; one that fails may be made again. */
  async #ownKeysOf(path: string): Promise<KeyMapping | undefined> {
    const known = this.#ownKeys.get(path);
    if (known !== undefined) return await known;
    const signals = { closing: this.#closing.signal, unused: this.#unused.signal };
    const deps = { log: this.#log, clock: systemClock, ...signals };
    const making = openOwnKeyMapping(this.#config, path, deps);
    this.#ownKeys.set(path, making);
    making.catch(() => this.#ownKeys.delete(path));
    return await making;
  }

  #journalPath(pluginId: string | undefined): string {
    return pluginId ? canonicalPath(pluginId) : defaultJournalOf(this.#config);
  }

  /** `undefined` = a journal without log and store: it has no fleet, and nobody is woken. */
  #storesSettingsOf(path: string): EmbeddedJournalSettings | KafkaJournalSettings | undefined {
    if (this.#registered.has(path)) return undefined;
    const journal = journalClassOf(this.#config, path);
    if (journal.type === 'module' || journal.value === 'in-memory') return undefined;
    return journalSettingsOf(this.#config, path);
  }
}

/** What opens a fleet knows the keys of its section, and not where that is. */
function placedIn(config: Config, path: string, error: unknown): unknown {
  if (!(error instanceof ConfigError)) return error;
  const problems = error.problems.map(({ path: key, message }) => {
    return problemAt(config, `${path}.${key}`, message);
  });
  return new ConfigError(problems, { cause: error.cause });
}
