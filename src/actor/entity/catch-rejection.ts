import type { EventObject } from 'xstate';
import type { EntityDeps } from './entity-deps.ts';
import { CallbackFailed } from './host-events.ts';

/** The entity that called the callback. */
interface Owner {
  readonly persistenceId: string;
  readonly deps: Pick<EntityDeps, 'log'>;
  tell(event: EventObject): void;
}

/**
 * If nothing caught the rejection of an async callback, Node would end the process. So it fails the
 * entity, as an exception of the callback would have done.
 *
 * @param answer what the callback returned
 * @param isOnlyLogged an exception would only have been logged
 */
export function catchRejection(answer: unknown, owner: Owner, isOnlyLogged = false): void {
  if (!(answer instanceof Promise)) return;
  answer.catch((err: unknown) => {
    const { persistenceId, deps } = owner;
    deps.log.error({ persistenceId, err }, 'an async onSignal or thenRun has failed');
    if (!isOnlyLogged) owner.tell(new CallbackFailed(err));
  });
}
