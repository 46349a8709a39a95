import { DeadlineExceededError } from '../../model/errors.ts';
import type { Clock } from '../../runtime/clock.ts';
import { within } from '../../runtime/waiting.ts';

/** How long a plugin may take to close. */
export interface ClosePluginOptions {
  /** The plugin, for messages: `journal my.journal`. */
  readonly name: string;
  /** `undefined` = the plugin has bounds of its own. */
  readonly closeTimeoutMs: number | undefined;
  readonly clock: Clock;
}

/**
 * Closes a plugin. A shutdown must not wait for ever for one that a user has written.
 *
 * @throws {DeadlineExceededError} it took too long; nobody waits for it any more
 * @throws what it fails with itself
 */
export async function closePlugin(
  plugin: AsyncDisposable,
  { name, closeTimeoutMs, clock }: ClosePluginOptions,
): Promise<void> {
  const close = async (): Promise<void> => await plugin[Symbol.asyncDispose]();
  if (closeTimeoutMs === undefined) return await close();
  if ((await within(close(), closeTimeoutMs, clock)) !== 'expired') return;
  throw new DeadlineExceededError(
    `${name} was not closed within start-timeout, ${closeTimeoutMs} ms`,
  );
}
