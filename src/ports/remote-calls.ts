import type { CallOptions } from './call-options.ts';

/** What one process asks of another. */
export interface RemoteRequest {
  /** Which kind of call it is: a word of lower-case letters and hyphens. */
  readonly name: string;
  /** JSON. */
  readonly body: string;
}

/** What the other process says. */
export interface RemoteResponse {
  /** `refused`: nothing was done, and nothing will be; the body says why. */
  readonly type: 'answered' | 'refused';
  /** JSON. */
  readonly body: string;
}

/**
 * Takes calls of other processes; never throws. `signal` fires when the caller has given up, or its
 * deadline has passed.
 */
export type RemoteHandler = (
  request: RemoteRequest,
  signal: AbortSignal,
) => Promise<RemoteResponse>;

/** How long a call may take. */
export interface RemoteCallOptions extends CallOptions {
  /** ms, above 0. The other process learns of it, and gives up then, too. */
  readonly timeoutMs: number;
  /**
   * Sent even if the bound of calls under way here is reached, as by commands that wait for a
   * process that stands still. Only for calls that are few and short: nothing bounds them.
   */
  readonly isUrgent?: boolean;
  /**
   * Fires when the other process is known to be gone: the call ends then as with a connection that
   * breaks. One that stands still would break none.
   */
  readonly peerGone?: AbortSignal;
}

/**
 * Calls between the processes of a fleet. Calls under way are bounded in number, and messages in
 * size, on both sides. Disposing ends the calls under way.
 */
export interface RemoteCalls extends AsyncDisposable {
  /** Where the other processes reach this one: `http://host:port` or `https://host:port`. */
  readonly address: string;

  /**
   * One call, sent once: it is never repeated here.
   *
   * @throws {RemoteCallError} its `stored` is `'no'` when the other process certainly did not take
   *   the call, and `'unknown'` when the answer is missing. Of the first, `retryable` is true where
   *   time may help (not reachable, too many under way), and false where it does not (wrong token,
   *   too large, another version)
   * @throws {ClosedError} after it was disposed
   * @throws the abort reason when `options.signal` fires; the call may have been taken
   */
  call(
    address: string,
    request: RemoteRequest,
    options: RemoteCallOptions,
  ): Promise<RemoteResponse>;
}
