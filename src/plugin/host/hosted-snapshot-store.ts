import type { SnapshotHostSettings } from '../../config/settings/plugin-host-settings.ts';
import {
  CodecError,
  DeadlineExceededError,
  JournalError,
  StoreUnavailableError,
} from '../../model/errors.ts';
import { shown } from '../../model/shown.ts';
import type { Logger } from '../../observability/logger.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import type { PersistenceId } from '../../ports/journal-plugin.ts';
import type {
  SnapshotCriteria,
  SnapshotMetadata,
  SnapshotStore,
  SnapshotStorePlugin,
  StoredSnapshot,
} from '../../ports/snapshot-store.ts';
import type { Clock } from '../../runtime/clock.ts';
import { CircuitBreaker } from './circuit-breaker.ts';
import { closePlugin } from './close-plugin.ts';

/** What is around a snapshot store. */
export interface HostedSnapshotStoreDeps {
  readonly settings: SnapshotHostSettings;
  /** Where its section is: errors name it. */
  readonly configPath: string;
  /** Longest wait for the plugin to close. */
  readonly closeTimeoutMs: number;
  readonly log: Logger;
  readonly clock: Clock;
}

/** What the host does around every snapshot store (ADR 36). The plugin becomes the host's. */
export function hostSnapshotStore(
  plugin: SnapshotStorePlugin,
  deps: HostedSnapshotStoreDeps,
): SnapshotStore {
  return new HostedSnapshotStore(plugin, deps);
}

class HostedSnapshotStore implements SnapshotStore {
  readonly isOptional: boolean;
  readonly onlyOne: boolean;
  readonly #plugin: SnapshotStorePlugin;
  readonly #deps: HostedSnapshotStoreDeps;
  readonly #name: string;
  readonly #breaker: CircuitBreaker;

  constructor(plugin: SnapshotStorePlugin, deps: HostedSnapshotStoreDeps) {
    const { settings, configPath, log, clock } = deps;
    this.#plugin = plugin;
    this.#deps = deps;
    this.#name = `snapshot store ${configPath}`;
    this.isOptional = settings.isOptional;
    this.onlyOne = settings.onlyOne;
    this.#breaker = new CircuitBreaker({
      settings: settings.breaker,
      name: this.#name,
      log,
      clock,
    });
  }

  /** A store is not asked for what nothing can match. */
  async load(
    id: PersistenceId,
    criteria: SnapshotCriteria,
    options?: CallOptions,
  ): Promise<StoredSnapshot | undefined> {
    if (isOfNone(criteria)) return undefined;
    const load = (how: CallOptions) => this.#plugin.load(id, criteria, how);
    const found = await this.#call(load, options);
    const fault = found === undefined ? undefined : faultOf(found, id, criteria);
    if (fault === undefined) return found;
    throw new CodecError(`${this.#name} gave ${fault}`, { place: { id } });
  }

  /**
   * The time is that of the host. What a save that failed has left is deleted, since it may be
   * there in part; nobody has heard of it yet. That is over when the save fails: a purge that waits
   * for the save must be the last to speak.
   */
  async save(
    { persistenceId, seqNr }: SnapshotMetadata,
    snapshot: Uint8Array,
    options?: CallOptions,
  ): Promise<void> {
    const metadata = { persistenceId, seqNr, timestampMs: this.#deps.clock.nowMs() };
    try {
      await this.#call((how) => this.#plugin.save(metadata, snapshot, how), options);
    } catch (error) {
      // An open breaker lets none of both through.
      await this.delete(metadata).catch((err: unknown) => {
        const fields = { persistenceId, seqNr, plugin: this.#name, err };
        this.#deps.log.debug(fields, 'what a failed save may have left was not deleted');
      });
      throw error;
    }
  }

  async delete(metadata: SnapshotMetadata, options?: CallOptions): Promise<void> {
    await this.#call((how) => this.#plugin.delete(metadata, how), options);
  }

  async deleteMatching(
    id: PersistenceId,
    criteria: SnapshotCriteria,
    options?: CallOptions,
  ): Promise<void> {
    if (isOfNone(criteria)) return;
    await this.#call((how) => this.#plugin.deleteMatching(id, criteria, how), options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#breaker.refuse();
    try {
      const { closeTimeoutMs, clock } = this.#deps;
      await closePlugin(this.#plugin, { name: this.#name, closeTimeoutMs, clock });
    } finally {
      this.#breaker.close();
    }
  }

  /** @throws {StoreUnavailableError} for whatever does not say itself what it means */
  async #call<T>(
    work: (options: CallOptions) => Promise<T>,
    options: CallOptions | undefined,
  ): Promise<T> {
    try {
      return await this.#breaker.run(work, options);
    } catch (cause) {
      options?.signal?.throwIfAborted();
      const isLate = cause instanceof DeadlineExceededError;
      if (cause instanceof JournalError && !isLate) throw cause;
      throw new StoreUnavailableError(`${this.#name} failed`, { cause });
    }
  }
}

/** Snapshots are of events, whose numbers begin at 1. */
function isOfNone({ minSeqNr, maxSeqNr, minTimestampMs, maxTimestampMs }: SnapshotCriteria) {
  return maxSeqNr < Math.max(1, minSeqNr) || maxTimestampMs < minTimestampMs;
}

/** What is wrong with what a store has loaded. */
function faultOf(
  found: StoredSnapshot,
  id: PersistenceId,
  criteria: SnapshotCriteria,
): string | undefined {
  if (typeof found !== 'object' || found === null) return `${shown(found)}, which is no snapshot`;
  const { metadata, snapshot } = found;
  if (!(snapshot instanceof Uint8Array)) return `${shown(snapshot)}, which is no snapshot`;
  if (metadata?.persistenceId !== id) return `a snapshot of ${shown(metadata?.persistenceId)}`;
  const { seqNr, timestampMs } = metadata;
  const isWanted =
    Number.isSafeInteger(seqNr) &&
    seqNr >= criteria.minSeqNr &&
    seqNr <= criteria.maxSeqNr &&
    timestampMs >= criteria.minTimestampMs &&
    timestampMs <= criteria.maxTimestampMs;
  return isWanted ? undefined : `a snapshot of event ${seqNr}, which was not asked for`;
}
