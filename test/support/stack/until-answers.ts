import { setTimeout as sleep } from 'node:timers/promises';

const pollMs = 25;

export interface UntilAnswersOptions {
  /** What is waited for, named in the error. */
  readonly name: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Throws when waiting on is pointless. */
  readonly check?: () => void;
}

/**
 * Repeats a probe until it resolves.
 *
 * @throws after the timeout, with the probe's last error as the cause
 */
export async function untilAnswers(
  probe: () => Promise<unknown>,
  { name, timeoutMs, signal, check }: UntilAnswersOptions,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    signal?.throwIfAborted();
    try {
      await probe();
      return;
    } catch (error) {
      check?.();
      if (Date.now() > deadline) {
        throw new Error(`${name} did not answer in ${timeoutMs / 1_000} s`, { cause: error });
      }
    }
    await sleep(pollMs);
  }
}
