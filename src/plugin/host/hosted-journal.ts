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
import { BreakerOpenError, CircuitBreaker } from './circuit-breaker.ts';
import { closePlugin } from './close-plugin.ts';
import { asReadFailure } from './read-failure.ts';
import { type ReplayCall, replayed } from './replayed.ts';

/** What is around a journal. */
export interface HostedJournalDeps {
  readonly settings: JournalHostSettings;
  /** Where its section is: errors name it. */
  readonly configPath: string;
  /** Longest wait for the plugin to close; `undefined` = it has bounds of its own. */
  readonly closeTimeoutMs?: number | undefined;
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
  readonly closeTimeoutMs: number | undefined;
  readonly clock: Clock;

  constructor({ settings, configPath, closeTimeoutMs, log, clock }: HostedJournalDeps) {
    this.settings = settings;
    this.name = `journal ${configPath}`;
    this.log = log;
    this.closeTimeoutMs = closeTimeoutMs;
    this.clock = clock;
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
    if (plugin.recover !== undefined) {
      this.recover = (request, options) => {
        const call = this.#replayCall(request, options);
        return this.#recovered(() => plugin.recover?.(call.request, options), call);
      };
    }
    if (plugin.beginRecovery !== undefined) {
      this.beginRecovery = (...call) => this.#beginRecovery(...call);
    }
    if (plugin.purge !== undefined) {
      this.purge = (id, options) =>
        this.#deletes(async (how) => await plugin.purge?.(id, how), options);
    }
  }

  async write(
    writes: readonly AtomicWrite[],
    options?: CallOptions,
  ): Promise<readonly WriteOutcome[]> {
    const { name, breaker } = this.#host;
    const fault = faultOf(writes);
    if (fault !== undefined) throw new WriteRejectedError(`nothing was sent to ${name}: ${fault}`);
    // The plugin gets a list of its own: one that empties it must not change what is counted here.
    let outcomes: readonly WriteOutcome[];
    try {
      outcomes = await breaker.run((how) => this.#plugin.write([...writes], how), options);
    } catch (cause) {
      throw this.#failureOf(cause, options);
    }
    const wrong = wrongAnswer(outcomes, writes.length);
    if (wrong === undefined) return outcomes;
    throw new WriteFailedError(`${name} answered ${wrong} to ${writes.length} atomic writes`);
  }

  async deleteTo(id: PersistenceId, to: SeqNr, options?: CallOptions): Promise<void> {
    await this.#deletes((how) => this.#plugin.deleteTo(id, to, how), options);
  }

  /** @throws as of `#failureOf` */
  async #deletes(
    call: (how: CallOptions) => Promise<void>,
    options: CallOptions | undefined,
  ): Promise<void> {
    try {
      await this.#host.breaker.run(call, options);
    } catch (cause) {
      throw this.#failureOf(cause, options);
    }
  }

  async highestSeqNr(id: PersistenceId, from: number, options?: CallOptions): Promise<number> {
    const { breaker } = this.#host;
    const call = () => breaker.run((how) => this.#plugin.highestSeqNr(id, from, how), options);
    return this.#checked(await this.#reads(call, options), id);
  }

  /** @throws {DataIntegrityError} it is no number of an event, nor 0 */
  #checked(highest: number, id: PersistenceId): number {
    if (Number.isSafeInteger(highest) && highest >= 0) return highest;
    const text = `${this.#host.name} answered ${shown(highest)} as the highest number`;
    throw new DataIntegrityError(text, { place: { id } });
  }

  /** A replay may be long: there is no breaker around it. */
  replay(request: ReplayRequest, options?: CallOptions): AsyncIterable<readonly PersistentRepr[]> {
    const call = this.#replayCall(request, options);
    try {
      return replayed(this.#plugin.replay(call.request, options), call);
    } catch (cause) {
      throw asReadFailure(cause, this.#host.name, options?.signal);
    }
  }

  #beginRecovery(id: PersistenceId, options?: CallOptions): BegunRecovery {
    const { name } = this.#host;
    let begun: BegunRecovery | undefined;
    try {
      begun = this.#plugin.beginRecovery?.(id, options);
    } catch (cause) {
      throw asReadFailure(cause, name, options?.signal);
    }
    return {
      recover: async (request) => {
        const call = this.#replayCall(request, options);
        return await this.#recovered(() => begun?.recover(call.request), call);
      },
      [Symbol.asyncDispose]: async () => await begun?.[Symbol.asyncDispose](),
    };
  }

  async #recovered(
    recover: () => Promise<Recovery> | undefined,
    call: ReplayCall,
  ): Promise<Recovery> {
    const { persistenceId: id } = call.request;
    const recovery = await this.#reads(recover, call);
    if (typeof recovery?.highestSeqNr !== 'function') {
      const text = `${this.#host.name} answered ${shown(recovery)} to recover(), which has no highestSeqNr()`;
      throw new DataIntegrityError(text, { place: { id } });
    }
    const highestSeqNr = async (): Promise<number> => {
      return this.#checked(await this.#reads(() => recovery.highestSeqNr(), call), id);
    };
    return { highestSeqNr, events: replayed(recovery.events, call) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await closePlugin(this.#plugin, this.#host);
  }

  #replayCall(request: ReplayRequest, options: CallOptions | undefined): ReplayCall {
    const maxAhead = this.#host.settings.replayBatchSize;
    return { request: { ...request, maxAhead }, host: this.#host, signal: options?.signal };
  }

  /** @throws as {@link asReadFailure} has it */
  async #reads<T>(call: () => T | Promise<T>, options: CallOptions | undefined): Promise<T> {
    try {
      return await call();
    } catch (cause) {
      throw asReadFailure(cause, this.#host.name, options?.signal);
    }
  }

  /**
   * The error of a call that stores something, as its caller has to take it:
   *
   * - the abort reason, when the caller gave up;
   * - `WriteRejectedError`, when the breaker is open: nothing was sent;
   * - the error itself, when it says what became of the call;
   * - otherwise `WriteFailedError`.
   */
  #failureOf(cause: unknown, options: CallOptions | undefined): unknown {
    const { name } = this.#host;
    if (options?.signal?.aborted) return options.signal.reason;
    if (cause instanceof BreakerOpenError) {
      return new WriteRejectedError(`nothing was sent to ${name}`, { cause });
    }
    if (saysWhatBecame(cause)) return cause;
    return new WriteFailedError(`${name} failed, and what was sent may be stored`, { cause });
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
    this.hold = async (id, options) => {
      try {
        const held = await plugin.hold?.(id, options);
        return held === undefined ? undefined : new HostedHeld(held, host);
      } catch (cause) {
        throw asReadFailure(cause, host.name, options?.signal);
      }
    };
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    this.#host.breaker.refuse();
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

/** What is wrong with the answer to a number of atomic writes; `undefined` = nothing. */
function wrongAnswer(outcomes: readonly WriteOutcome[], writes: number): string | undefined {
  if (!Array.isArray(outcomes)) return shown(outcomes);
  if (outcomes.length !== 0 && outcomes.length !== writes) return `${outcomes.length} outcomes`;
  // A copy has no holes, which `every` would pass over.
  if ([...outcomes].every(isOutcome)) return undefined;
  return 'an outcome that is neither "stored" nor "rejected" with an Error as its cause';
}

// The causes may be of another realm, as in some test runners.
function isOutcome(outcome: unknown): boolean {
  const { type, cause } = Object(outcome) as { readonly type?: unknown; readonly cause?: unknown };
  return type === 'stored' || (type === 'rejected' && typeof cause === 'object' && cause !== null);
}
