import type { JournalError, Stored } from '../model/errors.ts';
import { EntityDoneError, EntityStoppedError } from '../model/errors.ts';
import type { Entity } from './entity.ts';
import type { HostedState } from './entity-logic.ts';

const texts: Readonly<Record<Stored, string>> = {
  no: 'has ended; the command is not stored',
  unknown: 'ended while its command was being written; it may or may not be stored',
  yes: 'ended after its command was stored',
};

/** What the asker of an entity gets that has ended; `cause` = the failure, if it was one. */
export function endedError<S extends HostedState>(
  { persistenceId, state }: Entity<S>,
  { cause, stored = 'no' }: { readonly cause: unknown; readonly stored?: Stored },
): JournalError {
  if (cause === undefined && stored === 'no' && state.status === 'done') {
    return new EntityDoneError(`${persistenceId} has reached its final state; nothing was stored`);
  }
  return new EntityStoppedError(`${persistenceId} ${texts[stored]}`, { cause, stored });
}
