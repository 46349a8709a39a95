import { AskTimeoutError, RemoteCallError } from '../../model/errors.ts';
import type { FleetMember } from '../../ports/fleet-membership.ts';

/** What the asker gets whose time was over before an answer came. */
export function unanswered(
  {
    command,
    timeoutMs,
  }: { readonly command: { readonly type: string }; readonly timeoutMs: number },
  { address }: FleetMember,
  cause: RemoteCallError,
): AskTimeoutError {
  const text = `no answer to "${command.type}" from ${address} within ${timeoutMs} ms`;
  return new AskTimeoutError(`${text}; it may be stored`, { cause, stored: 'unknown' });
}

/** The call has ended, not the command: it may be on its way into the journal. */
export function givenUp(cause: unknown): RemoteCallError {
  const text = 'the call ended before the command did; the command may be stored';
  return new RemoteCallError(text, { cause, stored: 'unknown' });
}
