import { atOnce } from '../../model/at-once.ts';
import { CodecError, RecoveryFailedError } from '../../model/errors.ts';
import { SeqNr } from '../../model/seq-nr.ts';
import { thrownText } from '../../model/shown.ts';
import type { BegunRecovery, JournalPlugin } from '../../ports/journal-plugin.ts';
import type {
  SnapshotMetadata,
  SnapshotStore,
  StoredSnapshot,
} from '../../ports/snapshot-store.ts';
import type { Entity } from '../entity/entity.ts';
import type { DryRun, FormerNames, HostedState } from '../entity/entity-logic.ts';
import type { ReplayEnd } from '../entity/moment.ts';
import { Outbox } from '../entity/outbox.ts';
import { RecentCommands } from '../entity/recent-commands.ts';
import type { Replayed } from '../entity/replayed.ts';
import type { EventCoding } from '../evolution/event-coding.ts';
import type { Renaming } from '../evolution/renamed.ts';
import { unpackEvent } from '../snapshots/packed-event.ts';
import {
  decodeSnapshot,
  isPlainSnapshot,
  programOf,
  type SnapshotContent,
  snapshotPlace,
} from '../snapshots/snapshot-content.ts';
import { ofStoredTimers } from '../snapshots/stored-timers.ts';
import { renamedChildren } from './renamed-snapshot.ts';
import { type ReplayRun, replay, replayUntil } from './replay.ts';
import type { FoldOptions, FoldStart } from './replay-fold.ts';
import { ReplayFold, SnapshotUnproven } from './replay-fold.ts';
import type { SilenceWatch } from './silence-watch.ts';

/** What an entity is read from, and what ends that. */
export interface EntitySources<S extends HostedState> {
  readonly entity: Entity<S>;
  readonly journal: JournalPlugin;
  readonly store: SnapshotStore | undefined;
  /** How its events are stored; `undefined` = as they are. */
  readonly coding: EventCoding | undefined;
  /** The moment to read up to; `undefined` = to the present. Snapshots are not used for it. */
  readonly end: ReplayEnd | undefined;
  readonly watch: SilenceWatch;
  readonly signal: AbortSignal;
  /** Called before and after a snapshot is loaded; `undefined` = nobody wants to know. */
  readonly onLoad: ((step: 'asked' | 'answered') => void) | undefined;
}

/** Snapshots that are tried, from the newest to older ones; after that every event is applied. */
const maxTries = 3;

/**
 * Folds what snapshot store and journal hold of an entity; nothing happens by that.
 *
 * @throws {RecoveryFailedError} events that are needed are deleted, or cannot be applied
 * @throws what the plugins reject with, or the abort reason of `signal`
 */
export async function readEntity<S extends HostedState>(
  sources: EntitySources<S>,
): Promise<Replayed<S>> {
  return await new EntityReader(sources).read();
}

class EntityReader<S extends HostedState> {
  readonly #sources: EntitySources<S>;
  readonly #entity: Entity<S>;
  /** Last number to apply; 0 = none is. */
  readonly #to: number;
  /** The newest snapshot that the journal does not know. */
  #former: SnapshotMetadata | undefined;
  /** Why snapshots were left unused. */
  readonly #unused: string[] = [];
  /** The failure for which the newest of them was. */
  #firstCause: unknown;
  /** The read that began before the snapshot is loaded; the first replay takes it. */
  #begun: BegunRecovery | undefined;
  /** Events are needed that the journal, as it was read, has no more. */
  #lacksEvents = false;

  constructor(sources: EntitySources<S>) {
    this.#sources = sources;
    this.#entity = sources.entity;
    this.#to = sources.entity.settings.recoverTo ?? SeqNr.max;
  }

  /**
   * The journal is looked up while the snapshot is loaded. So what is read of it may be older than
   * the snapshot: another process wrote and saved, or purged, in between. Then a good snapshot
   * seems to be of another life, and events that it stands for, or that a purge made superfluous,
   * to be lost. So when the two do not go together, both are read again, the journal last.
   */
  async read(): Promise<Replayed<S>> {
    const { store, journal, watch, signal, end } = this.#sources;
    const { persistenceId, settings } = this.#entity;
    watch.start();
    if (end !== undefined) return await this.#readUntil(end);
    const wantsSnapshot = store !== undefined && this.#to > 0 && settings.snapshots.from !== 'none';
    const begun = wantsSnapshot ? journal.beginRecovery?.(persistenceId, { signal }) : undefined;
    if (begun === undefined) return await this.#readPresent();
    this.#begun = begun;
    try {
      return await this.#readPresent();
    } catch (error) {
      if (!(error instanceof SnapshotUnproven || this.#lacksEvents)) throw error;
      this.#unused.length = 0;
      this.#firstCause = undefined;
      return await this.#readPresent();
    } finally {
      // A plugin that went silent may not answer this either, so nobody waits for it.
      begun[Symbol.asyncDispose]().then(undefined, () => {});
    }
  }

  async #readPresent(): Promise<Replayed<S>> {
    const { store } = this.#sources;
    const { logic, settings } = this.#entity;
    if (store !== undefined && this.#to > 0) {
      const replayed = await this.#readFromSnapshot(store);
      if (replayed !== undefined) return { ...replayed, formerSnapshot: this.#former };
    }
    const isAsked = this.#to > 0 && settings.recoverMaxEvents > 0;
    const isWhole = store !== undefined && isAsked;
    const fold = this.#fold(logic.replayRun(), isAsked ? this.#whole : {});
    const replayed = await this.#replay(fold, SeqNr.min, settings.recoverMaxEvents);
    if (isWhole && fold.firstSeqNr === 0 && replayed.sequenceNr > 0) {
      throw this.#deleted('the events');
    }
    return { ...replayed, formerSnapshot: this.#former };
  }

  async #readUntil(end: ReplayEnd): Promise<Replayed<S>> {
    const { to = SeqNr.max, untilMs } = end;
    const fold = this.#fold(this.#entity.logic.replayRun(), this.#whole);
    const run = { ...this.#run(fold, SeqNr.min, Number.POSITIVE_INFINITY), to, untilMs };
    return await replayUntil(run, end);
  }

  /** Without a store, deleting events forgets them. */
  get #whole(): Pick<FoldOptions<S>, 'prefixGone'> {
    if (this.#sources.store === undefined) return {};
    return { prefixGone: (first) => this.#deleted(`events 1 to ${first - 1}`) };
  }

  #deleted(what: string): RecoveryFailedError {
    this.#lacksEvents = true;
    const isPast = this.#sources.end !== undefined;
    const none = isPast ? 'a state of the past is made of events only' : 'there is none';
    const because = this.#unused.length === 0 ? none : this.#unused.join('; ');
    return new RecoveryFailedError(
      `${what} of ${this.#entity.persistenceId} are deleted, and no snapshot stands for them: ${because}`,
      { cause: this.#firstCause },
    );
  }

  /**
   * A snapshot is used when the journal proves that it is of the same life: the read begins with
   * the last event of the snapshot, which has to be there and to come from the same writer. A
   * journal that was purged and begun anew has another event of that number, or none.
   *
   * @throws {SnapshotUnproven} by a read that began before the snapshot was loaded
   */
  async #readFromSnapshot(store: SnapshotStore): Promise<Replayed<S> | undefined> {
    const { logic, settings } = this.#entity;
    const { from } = settings.snapshots;
    if (from === 'none') return undefined;
    let maxSeqNr = Math.min(from.maxSeqNr, this.#to);
    for (let tries = 0; tries < maxTries && maxSeqNr >= from.minSeqNr; tries++) {
      const stored = await this.#load(store, { ...from, maxSeqNr });
      if (stored === undefined) return undefined;
      const { seqNr } = stored.metadata;
      const run = logic.replayRun();
      const start = this.#start(stored, run);
      maxSeqNr = seqNr - 1;
      if (start === undefined) continue;
      const isBegun = this.#begun !== undefined;
      try {
        const maxEvents = settings.recoverMaxEvents + 1; // the first one is in the snapshot
        return await this.#replay(this.#fold(run, { start }), seqNr, maxEvents);
      } catch (error) {
        if (isBegun || !(error instanceof SnapshotUnproven)) throw error;
        maxSeqNr = Math.min(maxSeqNr, error.highestSeqNr);
        this.#former ??= stored.metadata;
        this.#leaveUnused(seqNr, error);
      }
    }
    return undefined;
  }

  /** @throws what the store rejects with, unless its snapshots are optional */
  async #load(
    store: SnapshotStore,
    criteria: Parameters<SnapshotStore['load']>[1],
  ): Promise<StoredSnapshot | undefined> {
    const { watch, signal, onLoad } = this.#sources;
    const { persistenceId, deps } = this.#entity;
    onLoad?.('asked');
    try {
      return await watch.guard(store.load(persistenceId, criteria, { signal }));
    } catch (error) {
      if (store.isOptional !== true || signal.aborted) throw error;
      this.#firstCause ??= error;
      this.#unused.push('it cannot be loaded');
      const text = 'no snapshot can be loaded; all events are applied instead';
      deps.log.warn({ persistenceId, err: error }, text);
      return undefined;
    } finally {
      onLoad?.('answered');
    }
  }

  /** Where the fold begins; `undefined` = the snapshot does not fit the program. */
  #start(stored: StoredSnapshot, run: DryRun<S>): FoldStart<S> | undefined {
    const { persistenceId, settings, input } = this.#entity;
    const { adapter } = settings.snapshots;
    try {
      const content = this.#content(stored);
      const { witness, machineVersion, bornWith, lastEventMs } = content;
      if (adapter === undefined) this.#checkProgram(content);
      this.#useVersion(run, bornWith);
      const from = { machineVersion, bornWith };
      const given =
        adapter === undefined
          ? content.state
          : atOnce(adapter.fromStore(content.state, from), 'fromStore');
      const renaming = this.#renaming(bornWith);
      const state = renaming === undefined ? given : renamedChildren(given, renaming);
      const { seqNr } = witness;
      const reading = { persistenceId, coding: this.#sources.coding, renaming, seqNr };
      const timers = ofStoredTimers(content.timers, reading);
      const former = adapter === undefined ? this.#formerNames(content) : undefined;
      return {
        ...witness,
        state: run.restore(state, timers, former),
        input: content.input === undefined ? input : content.input.value,
        timers,
        recent: this.#recent(content.commands),
        outbox: Outbox.ofPlain(content.deliveries, (to) => renaming?.destinationOf(to) ?? to),
        bornWith,
        lastEventMs,
      };
    } catch (error) {
      this.#leaveUnused(stored.metadata.seqNr, error);
      return undefined;
    }
  }

  /** @throws when it is not what a snapshot has, or an event in it cannot be read any more */
  #recent(commands: unknown): RecentCommands {
    const { persistenceId, settings } = this.#entity;
    const { coding } = this.#sources;
    return RecentCommands.ofPlain(commands, settings.actor.commandIds, (packed, seqNr, at) =>
      unpackEvent(packed, at, { persistenceId, coding, seqNr }),
    );
  }

  /** @throws when it cannot be decrypted or read, or is of another number */
  #content({ metadata: { seqNr }, snapshot }: StoredSnapshot): SnapshotContent {
    const cipher = isPlainSnapshot(snapshot) ? undefined : this.#sources.coding?.cipher;
    const content = decodeSnapshot(cipher?.open(snapshot, snapshotPlace(seqNr)) ?? snapshot);
    const { witness } = content;
    if (witness.seqNr === seqNr) return content;
    throw new CodecError(`it is the one of number ${witness.seqNr}`);
  }

  /** `undefined` = no state was renamed. */
  #formerNames({ kind, bornWith }: SnapshotContent): FormerNames | undefined {
    const renaming = this.#renaming(bornWith);
    return renaming && { machineId: kind, stateOf: (id) => renaming.stateOf(id) };
  }

  /** @throws {CodecError} another machine has made the state, or another version of it */
  #checkProgram(content: SnapshotContent): void {
    const { kind, machineVersion, bornWith } = content;
    const used = programOf(this.#entity, bornWith);
    if (machineVersion !== used.machineVersion) {
      const versions = [machineVersion, used.machineVersion].map((v) => v ?? 'without version');
      throw new CodecError(`it is of machine version ${versions[0]}, not ${versions[1]}`);
    }
    const today = this.#formerNames(content)?.stateOf(kind) ?? kind;
    if (today !== used.kind) {
      throw new CodecError(`it is of the machine "${kind}", not "${used.kind}"`);
    }
  }

  /** The machine, and the names that go with it. */
  #useVersion(run: DryRun<S>, bornWith: string | undefined): void {
    run.useVersion(bornWith);
    this.#sources.coding?.useNames(this.#entity.logic.machineOf(bornWith));
  }

  /** States, children and timers of an earlier machine keep their names. */
  #renaming(bornWith: string | undefined): Renaming | undefined {
    const { settings, logic } = this.#entity;
    const renaming = settings.evolution?.renaming;
    return logic.machineOf(bornWith).isEarlier ? renaming?.ofProgram : renaming;
  }

  #leaveUnused(seqNr: number, error: unknown): void {
    const { persistenceId, deps } = this.#entity;
    this.#firstCause ??= error;
    this.#unused.push(`that of number ${seqNr} is not used: ${thrownText(error)}`);
    deps.log.warn({ persistenceId, seqNr, err: error }, 'a snapshot is not used');
  }

  #fold(run: DryRun<S>, from: Pick<FoldOptions<S>, 'start' | 'prefixGone'>): ReplayFold<S> {
    const { persistenceId, deps, settings, logic, input } = this.#entity;
    return new ReplayFold({
      persistenceId,
      input,
      run,
      bornWith: (version) => this.#useVersion(run, version),
      coding: this.#sources.coding,
      ...from,
      nowMs: () => deps.clock.nowMs(),
      unhandled: settings.actor.unhandledReplayedEvent,
      commandIds: settings.actor.commandIds,
      describe: (state) => logic.describe(state),
      warn: (fields, message) => deps.log.warn(fields, message),
    });
  }

  async #replay(fold: ReplayFold<S>, from: number, maxEvents: number): Promise<Replayed<S>> {
    return await replay(this.#run(fold, from, maxEvents));
  }

  #run(fold: ReplayFold<S>, from: number, maxEvents: number): ReplayRun<S> {
    const { journal, watch, signal } = this.#sources;
    const { persistenceId, settings } = this.#entity;
    const begun = this.#begun;
    this.#begun = undefined;
    const yieldEvery = settings.actor.replayYieldEvery;
    const bounds = { from, to: this.#to, maxEvents };
    return { journal, begun, persistenceId, ...bounds, yieldEvery, fold, watch, signal };
  }
}
