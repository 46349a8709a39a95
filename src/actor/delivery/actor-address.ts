import type { AnyActorRef } from 'xstate';
import { childAddress } from '../evolution/reserved-types.ts';

/** What names of destinations begin with that stand for actors. */
export const actorPrefix = '#';

const parent = `${actorPrefix}parent`;
const system = `${actorPrefix}system:`;

/**
 * The name under which a recovery of `self` finds an actor again; `undefined` = it would not.
 * `self` is the actor, or its shadow.
 */
export function addressOf(actor: AnyActorRef, self: AnyActorRef): string | undefined {
  if (actor.sessionId === self.sessionId) return undefined;
  if (actor === self._parent) return parent;
  if (actor._parent?.sessionId === self.sessionId) return `${childAddress}${actor.id}`;
  const { systemId } = actor as { readonly systemId?: string };
  return systemId === undefined ? undefined : `${system}${systemId}`;
}

/** The actor of a name, as of now; `undefined` = there is none. */
export function actorAt(
  address: string,
  self: AnyActorRef,
  children: readonly AnyActorRef[],
): AnyActorRef | undefined {
  if (address === parent) return self._parent;
  if (address.startsWith(system)) return self.system.get(address.slice(system.length));
  return children.find(({ id }) => address === `${childAddress}${id}`);
}
