import type { JournalHostSettings } from '../../config/settings/plugin-host-settings.ts';
import {
  DataIntegrityError,
  DeadlineExceededError,
  JournalError,
  LogUnavailableError,
  StoreUnavailableError,
  WriteFailedError,
  WriteRejectedError,
} from '../../model/errors.ts';
import type { SeqNr } from '../../model/seq-nr.ts';
import { shown } from '../../model/shown.ts';
import type { Logger } from '../../observability/logger.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import type {
  AtomicWrite,
  BegunRecovery,
  HeldPlugin,
  JournalPlugin,
  PersistenceId,
  PersistentRepr,
  Recovery,
  ReplayRequest,
  WriteOutcome,
} from '../../ports/journal-plugin.ts';
import type { Clock } from '../../runtime/clock.ts';
import { unlessAborted } from '../../runtime/waiting.ts';
import { BreakerOpenError, CircuitBreaker } from './circuit-breaker.ts';
import { type FilterFinding, ReplayFilter } from './replay-filter.ts';

/** What is around a journal. */
export interface HostedJournalDeps {
  readonly settings: JournalHostSettings;
  /** Where its section is: errors name it. */
  readonly configPath: string;
  readonly log: Logger;
  readonly clock: Clock;
}

/**
 * What the host does around every journal, whoever wrote it (ADR 36). The plugin becomes the
 * host's.
 */
export function hostJournal(plugin: JournalPlugin, deps: HostedJournalDeps): JournalPlugin {
  return new HostedJournal(plugin, new JournalHost(deps));
}

/** What the calls of a journal share, held or not. */
class JournalHost {
  readonly settings: JournalHostSettings;
  readonly name: string;
  readonly log: Logger;
  readonly breaker: CircuitBreaker;

  constructor({ settings, configPath, log, clock }: HostedJournalDeps) {
    this.settings = settings;
    this.name = `journal ${configPath}`;
    this.log = log;
    this.breaker = new CircuitBreaker({
      settings: settings.breaker,
      name: this.name,
      log,
      clock,
    });
  }
}

type Calls = Omit<JournalPlugin, 'hold'>;

/** The calls, with what is around each. */
class HostedCalls implements Calls {
  readonly #plugin: Calls;
  readonly #host: JournalHost;
  // As the plugin has them.
  readonly recover?: NonNullable<JournalPlugin['recover']>;
  readonly beginRecovery?: NonNullable<JournalPlugin['beginRecovery']>;
  readonly purge?: NonNullable<JournalPlugin['purge']>;

  constructor(plugin: Calls, host: JournalHost) {
    this.#plugin = plugin;
    this.#host = host;
    if (plugin.recover !== undefined) this.recover = (...call) => this.#recover(...call);
    if (plugin.beginRecovery !== undefined) {
      this.beginRecovery = (...call) => this.#beginRecovery(...call);
    }
    if (plugin.purge !== undefined) this.purge = (...call) => this.#purge(...call);
  }

  async write(
    writes: readonly AtomicWrite[],
    options?: CallOptions,
  ): Promise<readonly WriteOutcome[]> {
    const { name, breaker } = this.#host;
    const fault = faultOf(writes);
    if (fault !== undefined) throw new WriteRejectedError(`nothing was sent to ${name}: ${fault}`);
    const call = breaker.run((how) => this.#plugin.write(writes, how), options);
    const outcomes = await this.#stores(call, options);
    if (!isAnswer(outcomes, writes.length)) {
      const found = Array.isArray(outcomes) ? `${outcomes.length} outcomes` : shown(outcomes);
      throw new WriteFailedError(`${name} answered ${found} to ${writes.length} atomic writes`);
    }
    return outcomes;
  }

  async deleteTo(id: PersistenceId, to: SeqNr, options?: CallOptions): Promise<void> {
    const { breaker } = this.#host;
    await this.#stores(
      breaker.run((how) => this.#plugin.deleteTo(id, to, how), options),
      options,
    );
  }

  async #purge(id: PersistenceId, options?: CallOptions): Promise<void> {
    const { breaker } = this.#host;
    const purging = breaker.run(async (how) => await this.#plugin.purge?.(id, how), options);
    await this.#stores(purging, options);
  }

  async highestSeqNr(id: PersistenceId, from: number, options?: CallOptions): Promise<number> {
    const { name, breaker } = this.#host;
    const highest = await breaker.run((how) => this.#plugin.highestSeqNr(id, from, how), options);
    if (Number.isSafeInteger(highest) && highest >= 0) return highest;
    const text = `${name} answered ${shown(highest)} as the highest number`;
    throw new DataIntegrityError(text, { place: { id } });
  }

  /** A replay may be long: there is no breaker around it. */
  replay(request: ReplayRequest, options?: CallOptions): AsyncIterable<readonly PersistentRepr[]> {
    const bounded = this.#bounded(request);
    const events = this.#plugin.replay(bounded, options);
    return replayed(events, { request: bounded, host: this.#host, signal: options?.signal });
  }

  async #recover(request: ReplayRequest, options?: CallOptions): Promise<Recovery> {
    const bounded = this.#bounded(request);
    return this.#recovered(bounded, await this.#plugin.recover?.(bounded, options), options);
  }

  #beginRecovery(id: PersistenceId, options?: CallOptions): BegunRecovery {
    const begun = this.#plugin.beginRecovery?.(id, options);
    return {
      recover: async (request) => {
        const bounded = this.#bounded(request);
        return this.#recovered(bounded, await begun?.recover(bounded), options);
      },
      [Symbol.asyncDispose]: async () => await begun?.[Symbol.asyncDispose](),
    };
  }

  #recovered(
    request: ReplayRequest,
    recovery: Recovery | undefined,
    options: CallOptions | undefined,
  ): Recovery {
    const host = this.#host;
    if (recovery === undefined) {
      throw new DataIntegrityError(`${host.name} answered nothing to recover()`);
    }
    return {
      highestSeqNr: () => recovery.highestSeqNr(),
      events: replayed(recovery.events, { request, host, signal: options?.signal }),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#plugin[Symbol.asyncDispose]();
  }

  #bounded(request: ReplayRequest): ReplayRequest {
    return { ...request, maxAhead: this.#host.settings.replayBatchSize };
  }

  /**
   * What a call that stores something failed with, as its caller has to take it.
   *
   * @throws {WriteRejectedError} the breaker is open: nothing was sent
   * @throws {WriteFailedError} any other error that does not say itself what became of the call
   * @throws the abort reason of the caller
   */
  async #stores<T>(call: Promise<T>, options: CallOptions | undefined): Promise<T> {
    try {
      return await call;
    } catch (cause) {
      options?.signal?.throwIfAborted();
      const { name } = this.#host;
      if (cause instanceof BreakerOpenError) {
        throw new WriteRejectedError(`nothing was sent to ${name}`, { cause });
      }
      if (saysWhatBecame(cause)) throw cause;
      throw new WriteFailedError(`${name} failed, and what was sent may be stored`, { cause });
    }
  }
}

/** Errors of calls that change nothing do not say what became of one that does. */
function saysWhatBecame(error: unknown): boolean {
  const isOfRead =
    error instanceof StoreUnavailableError ||
    error instanceof LogUnavailableError ||
    error instanceof DeadlineExceededError;
  return error instanceof JournalError && !isOfRead;
}

class HostedJournal extends HostedCalls implements JournalPlugin {
  readonly #host: JournalHost;
  readonly hold?: NonNullable<JournalPlugin['hold']>;

  constructor(plugin: JournalPlugin, host: JournalHost) {
    super(plugin, host);
    this.#host = host;
    if (plugin.hold === undefined) return;
    this.hold = async (...call) => {
      const held = await plugin.hold?.(...call);
      return held === undefined ? undefined : new HostedHeld(held, host);
    };
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    try {
      await super[Symbol.asyncDispose]();
    } finally {
      this.#host.breaker.close();
    }
  }
}

class HostedHeld extends HostedCalls implements HeldPlugin {
  readonly #held: HeldPlugin;

  constructor(held: HeldPlugin, host: JournalHost) {
    super(held, host);
    this.#held = held;
  }

  get signal(): AbortSignal {
    return this.#held.signal;
  }
}

/** Why a request breaks a rule of the port; `undefined` when it does not. */
function faultOf(writes: readonly AtomicWrite[]): string | undefined {
  const id = writes[0]?.persistenceId;
  if (id === undefined) return 'a request must have an atomic write';
  let last: number | undefined;
  for (const write of writes) {
    if (write.persistenceId !== id) {
      return `a request must be of one entity, not of ${id} and ${write.persistenceId}`;
    }
    if (write.events.length === 0) return `an atomic write of ${id} must have an event`;
    for (const { persistenceId, seqNr } of write.events) {
      if (persistenceId !== id) return `an atomic write of ${id} has an event of ${persistenceId}`;
      if (last !== undefined && seqNr !== last + 1) {
        return `event ${seqNr} of ${id} follows on event ${last}`;
      }
      last = seqNr;
    }
  }
  return undefined;
}

function isAnswer(outcomes: readonly WriteOutcome[], writes: number): boolean {
  if (!Array.isArray(outcomes)) return false;
  return outcomes.length === 0 || outcomes.length === writes;
}

/** One replay. */
interface ReplayCall {
  readonly request: ReplayRequest;
  readonly host: JournalHost;
  readonly signal: AbortSignal | undefined;
}

/** What a plugin replays, as the entity gets it: see {@link passed}. */
function replayed(
  events: AsyncIterable<readonly PersistentRepr[]>,
  call: ReplayCall,
): AsyncIterable<readonly PersistentRepr[]> {
  return {
    [Symbol.asyncIterator]() {
      const source = events[Symbol.asyncIterator]();
      const pages = passed(source, call);
      return {
        next: () => pages.next(),
        // A generator that was never pulled runs no `finally`, and the plugin may hold a cursor.
        return: async () => {
          await source.return?.();
          return await pages.return();
        },
      };
    },
  };
}

/**
 * Through the filter, at most `replayBatchSize` events at once. The filter takes what is stored in
 * the order in which it was written; what comes out ascends.
 *
 * @throws {DataIntegrityError} the plugin breaks a rule of the port, or the filter says so
 * @throws the abort reason when the signal fires, whether the plugin listens to it or not
 */
async function* passed(
  source: AsyncIterator<readonly PersistentRepr[]>,
  { request, host, signal }: ReplayCall,
): AsyncGenerator<readonly PersistentRepr[], void> {
  const check = new ReplayCheck(request, host.name);
  const filter = filterOf(host);
  try {
    for (;;) {
      const step = await unlessAborted(source.next(), signal);
      if (step.done === true) break;
      check.taken(step.value);
      yield* pieces(check.given(filter?.take(step.value) ?? step.value), host);
    }
    yield* pieces(check.given(filter?.end() ?? []), host);
  } catch (error) {
    // A rule is broken while the plugin has more: it may have a cursor open. One that fails has
    // not.
    source.return?.().then(undefined, () => {});
    throw error;
  }
}

function* pieces(
  events: readonly PersistentRepr[],
  { settings: { replayBatchSize, replayFilter }, log, name }: JournalHost,
): Generator<readonly PersistentRepr[], void> {
  if (events.length === 0) return;
  if (replayFilter.debug) {
    for (const { persistenceId, seqNr, writerUuid } of events) {
      log.debug({ persistenceId, seqNr, writerUuid, plugin: name }, 'an event is replayed');
    }
  }
  if (events.length <= replayBatchSize) {
    yield events;
    return;
  }
  for (let at = 0; at < events.length; at += replayBatchSize) {
    yield events.slice(at, at + replayBatchSize);
  }
}

function filterOf({ settings, log, name }: JournalHost): ReplayFilter | undefined {
  const { mode } = settings.replayFilter;
  if (mode === 'off') return undefined;
  const text = mode === 'warn' ? 'is replayed all the same' : 'is left out of the replay';
  const report = ({ event: { persistenceId, seqNr, writerUuid }, why }: FilterFinding): void => {
    const fields = { persistenceId, seqNr, writerUuid, why, plugin: name };
    log.warn(fields, `an event of a writer that overlaps with another one ${text}`);
  };
  return new ReplayFilter({ ...settings.replayFilter, mode, report });
}

/** The rules of the port that a replay has to keep. */
class ReplayCheck {
  readonly #request: ReplayRequest;
  readonly #name: string;
  #room: number;
  #last = 0;

  constructor(request: ReplayRequest, name: string) {
    this.#request = request;
    this.#name = name;
    this.#room = request.maxEvents;
  }

  /** Of what the plugin gives. */
  taken(batch: readonly PersistentRepr[]): void {
    const { from, to, persistenceId } = this.#request;
    for (const event of batch) {
      const { seqNr } = event;
      if (event.persistenceId !== persistenceId) {
        this.#broken(seqNr, `gave an event of ${event.persistenceId} for ${persistenceId}`);
      }
      if (seqNr < from || seqNr > to) {
        this.#broken(seqNr, `gave event ${seqNr}, where ${from} to ${to} were asked for`);
      }
    }
    this.#room -= batch.length;
    if (this.#room >= 0) return;
    const { maxEvents } = this.#request;
    this.#broken(batch.at(-1)?.seqNr ?? from, `gave more than the ${maxEvents} events asked for`);
  }

  /** Of what the entity gets. */
  given(events: readonly PersistentRepr[]): readonly PersistentRepr[] {
    for (const { seqNr } of events) {
      if (seqNr <= this.#last) this.#broken(seqNr, `gave event ${seqNr} after event ${this.#last}`);
      this.#last = seqNr;
    }
    return events;
  }

  #broken(seqNr: number, text: string): never {
    const { persistenceId: id } = this.#request;
    throw new DataIntegrityError(`${this.#name} ${text}`, { place: { id, seqNr } });
  }
}
