/** Every call of a port takes a signal; the call rejects with `signal.reason` when it fires. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}
