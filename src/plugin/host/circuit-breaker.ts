import type { CircuitBreakerSettings } from '../../config/settings/plugin-host-settings.ts';
import {
  ClosedError,
  CodecError,
  DataIntegrityError,
  DeadlineExceededError,
  InvalidInputError,
  NotOwnerError,
  StoreUnavailableError,
  WriteRejectedError,
} from '../../model/errors.ts';
import type { Logger } from '../../observability/logger.ts';
import type { CallOptions } from '../../ports/call-options.ts';
import type { Clock } from '../../runtime/clock.ts';
import { onAbort } from '../../runtime/on-abort.ts';
import { type BreakerFact, type BreakerState, breakerTable } from './breaker.machine.ts';

/** What a breaker is for. */
export interface CircuitBreakerOptions {
  readonly settings: CircuitBreakerSettings;
  /** The plugin, for messages: `journal my.journal`. */
  readonly name: string;
  readonly log: Logger;
  readonly clock: Clock;
}

/** The breaker is open: nothing was sent to the plugin. */
export class BreakerOpenError extends StoreUnavailableError {}

const steps = breakerTable();
const ended = 'nothing is under way';

/**
 * Bounds how long a plugin is waited for, and leaves it alone for a while when it keeps failing:
 * `breaker.machine.ts` draws the states.
 */
export class CircuitBreaker {
  readonly #options: CircuitBreakerOptions;
  #state: BreakerState = 'closed';
  #failuresInARow = 0;
  #lastFailure: unknown;
  /** ms since the epoch; counts while the breaker is open. */
  #openUntilMs = 0;
  /** Under way, in the order in which they began, which is the order of their deadlines. */
  readonly #calls = new Set<Call>();
  #watch: AbortController | undefined;
  #isClosing = false;

  constructor(options: CircuitBreakerOptions) {
    this.#options = options;
  }

  /**
   * Calls the plugin. What it answers after `call-timeout` is dropped.
   *
   * @throws {BreakerOpenError} retryable; nothing was called
   * @throws {ClosedError} nothing was called: the plugin is being closed
   * @throws {DeadlineExceededError} retryable; the plugin did not answer in time, and whether it
   *   has done what it was asked for is not known
   * @throws what the plugin throws
   * @throws the abort reason of the caller
   */
  run<T>(work: (options: CallOptions) => Promise<T>, options?: CallOptions): Promise<T> {
    const { clock, settings, name } = this.#options;
    if (this.#isClosing) {
      return Promise.reject(new ClosedError(`${name} is closed, so nothing was sent`));
    }
    if (this.#state === 'open' && clock.steadyMs() >= this.#openUntilMs)
      this.#report('reset.elapsed');
    const letsThrough = this.#state === 'closed' || this.#state === 'halfOpen';
    if (!letsThrough) return Promise.reject(this.#refusal());
    return new Promise((resolve, reject) => {
      const call = new Call(reject, options?.signal);
      call.isTrial = this.#state === 'halfOpen';
      if (call.isTrial) this.#report('trial.started');
      call.deadlineMs = clock.steadyMs() + settings.callTimeoutMs;
      this.#calls.add(call);
      if (this.#watch === undefined) this.#watchDeadlines();
      begun(work, call).then(
        (value) => {
          if (this.#end(call, 'answered')) resolve(value);
        },
        (error: unknown) => {
          if (this.#end(call, 'failed', error)) reject(error);
        },
      );
    });
  }

  /**
   * A plugin that is being closed releases what it works with. What goes on in the background, such
   * as a deletion after a snapshot, would call it after that. So it is called no more from now on.
   */
  refuse(): void {
    this.#isClosing = true;
  }

  /** No deadline is watched any more. Calls under way get what the plugin answers. */
  close(): void {
    this.#watch?.abort(ended);
  }

  #refusal(): BreakerOpenError {
    const { name, clock } = this.#options;
    const restMs = Math.max(0, this.#openUntilMs - clock.steadyMs());
    const until = this.#state === 'open' ? `for ${restMs} ms more` : 'while one call tries it';
    const text = `the circuit breaker of ${name} is open ${until}, so nothing was sent`;
    return new BreakerOpenError(text, { cause: this.#lastFailure });
  }

  /** Takes the outcome of a call; false when that has been given up. */
  #end(call: Call, outcome: 'answered' | 'failed', error?: unknown): boolean {
    if (!this.#calls.delete(call)) return false;
    call.stopListening();
    const isFailure = outcome === 'failed' && saysSomething(error);
    const isDropped = outcome === 'failed' && call.isGivenUp;
    if (call.isTrial) {
      if (isDropped) this.#report('trial.dropped');
      else if (isFailure) this.#fail('trial.failed', error);
      else this.#report('trial.succeeded');
    } else if (this.#state === 'closed' && !isDropped) {
      if (!isFailure) this.#failuresInARow = 0;
      else if (++this.#failuresInARow >= this.#options.settings.maxFailures) {
        this.#fail('limit.reached', error);
      }
    }
    return true;
  }

  #fail(fact: 'limit.reached' | 'trial.failed', error: unknown): void {
    this.#lastFailure = error;
    this.#report(fact);
  }

  #report(fact: BreakerFact): void {
    const step = steps[this.#state][fact];
    if (step === undefined) return;
    this.#state = step.state;
    const { name, log, clock, settings } = this.#options;
    for (const effect of step.effects) {
      this.#failuresInARow = 0;
      if (effect === 'reportClosed') log.info({ plugin: name }, 'the plugin answers again');
      else {
        const { resetTimeoutMs } = settings;
        this.#openUntilMs = clock.steadyMs() + resetTimeoutMs;
        const fields = { plugin: name, resetTimeoutMs, err: this.#lastFailure };
        log.warn(fields, 'the plugin keeps failing, and is left alone for a while');
      }
    }
  }

  /** One sleeper for all calls: a timer for each would cost as much as a small write. */
  #watchDeadlines(): void {
    const watch = new AbortController();
    this.#watch = watch;
    this.#expireCalls(watch.signal).catch(() => {}); // closed
  }

  async #expireCalls(signal: AbortSignal): Promise<void> {
    const { clock, name, settings } = this.#options;
    for (;;) {
      const [first] = this.#calls;
      if (first === undefined) {
        // If this were done when the promise has settled, a call that begins before would have no
        // watch, and so no deadline.
        this.#watch = undefined;
        return;
      }
      const restMs = first.deadlineMs - clock.steadyMs();
      if (restMs > 0) {
        await clock.sleep(restMs, { signal });
        continue;
      }
      const text = `${name} did not answer within call-timeout, ${settings.callTimeoutMs} ms`;
      const error = new DeadlineExceededError(text);
      this.#end(first, 'failed', error);
      first.abandon(error);
    }
  }
}

/** One call that is under way. */
class Call implements CallOptions {
  /** Fires when nobody waits for the call any more. */
  readonly signal: AbortSignal;
  readonly #over = new AbortController();
  readonly #given: AbortSignal | undefined;
  readonly #reject: (error: unknown) => void;
  readonly stopListening: () => void;
  isTrial = false;
  deadlineMs = 0;

  constructor(reject: (error: unknown) => void, given: AbortSignal | undefined) {
    this.#reject = reject;
    this.signal = this.#over.signal;
    this.#given = given;
    this.stopListening = onAbort(given, (reason) => this.#over.abort(reason));
  }

  get isGivenUp(): boolean {
    return this.#given?.aborted === true;
  }

  abandon(error: Error): void {
    this.#reject(error);
    this.#over.abort(error);
  }
}

/** A plugin of a user may throw instead of rejecting, or answer what is no promise. */
function begun<T>(work: (options: CallOptions) => Promise<T>, { signal }: CallOptions): Promise<T> {
  try {
    return Promise.resolve(work({ signal }));
  } catch (error) {
    return Promise.reject(error);
  }
}

/** Whether a failure says something about the plugin, and not about the one call. */
function saysSomething(error: unknown): boolean {
  if (error instanceof NotOwnerError || error instanceof InvalidInputError) return false;
  if (error instanceof CodecError || error instanceof DataIntegrityError) return false;
  return !(error instanceof WriteRejectedError) || error.retryable;
}
