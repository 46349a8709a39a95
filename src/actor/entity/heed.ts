import type { EventObject } from 'xstate';
import type { EntityDeps } from './entity-deps.ts';
import { CallbackFailed } from './host-events.ts';

/** Whose callback it was. */
interface Owner {
  readonly persistenceId: string;
  readonly deps: Pick<EntityDeps, 'log'>;
  tell(event: EventObject): void;
}

/**
 * What a callback has answered that is to answer nothing. An async one answers a promise: its
 * rejection fails the entity as an exception would have done, or is logged where that would be.
 * Otherwise nobody would hear of it, and Node would end the process.
 */
export function heed(answer: unknown, owner: Owner, isOnlyLogged = false): void {
  if (!(answer instanceof Promise)) return;
  answer.catch((err: unknown) => {
    const { persistenceId, deps } = owner;
    deps.log.error({ persistenceId, err }, 'an async onSignal or thenRun has failed');
    if (!isOnlyLogged) owner.tell(new CallbackFailed(err));
  });
}
