import type { AnyActorRef, EventObject } from 'xstate';
import { StateMachine } from 'xstate';
import type { Logger } from '../observability/logger.ts';
import { Attached } from '../runtime/attached.ts';
import { isEvent } from './entity/check-input.ts';
import type { ChildMessages } from './entity/child-messages.ts';
import { FromCaller, HostEvent } from './entity/host-events.ts';
import { isReservedEvent } from './entity/stored-event.ts';

type Source = AnyActorRef | undefined;

/** xstate's way between the actors of one system; only the order to stop does not take it. */
interface RelayingSystem {
  _relay: (source: Source, target: AnyActorRef, event: unknown) => void;
  _sendInspectionEvent: (event: unknown) => void;
}

/** What xstate knows of an actor and does not show. */
interface ActorInternals {
  _send: (event: unknown) => void;
  _stop: () => unknown;
  readonly _doneEvent: unknown;
  readonly _syncSnapshot: boolean | undefined;
}

/** Takes a message to one persistent actor; without `source` its sender is not known. */
type Door = (event: unknown, source?: Source) => void;

/** The actor whose door it is. */
interface GuardedEntity {
  readonly timers: {
    /** `undefined` = the event is not the very object of an armed timer. */
    firedBy(event: EventObject): unknown;
  };
  readonly childMessages: Pick<ChildMessages, 'sent'>;
  /** xstate has told its actor to stop, which it does when its turn ends. */
  isToldToStop: boolean;
  readonly deps: { readonly log: Logger };
}

const doors = new Attached<Door>('persistence door');
const guardedSystems = new Attached<true>('persistence guards');
/** Children whose failure has been reported: they have one end. */
const failed = new WeakSet<object>();

const afterPrefix = 'xstate.after.';

/**
 * From now on messages to `self` are looked at while their sender is still known. xstate's
 * mailbox delivers the event alone, so a caller who sends `xstate.done.actor.charge` could not be
 * told from the child of that name. What is not the end or the state of an own child, nor an own
 * timer, and could be taken for it, reaches the host as {@link FromCaller}.
 * The order to stop is noted, which the mailbox keeps back until a turn under way has ended.
 */
export function guardDoor(self: AnyActorRef, entity: GuardedEntity): void {
  const actor = self as unknown as ActorInternals;
  const deliver = actor._send;
  const door: Door = (event, source) => {
    // Most messages are commands and the host's own: they look like nothing else, whoever sends
    // them.
    const isPlain =
      isEvent(event) &&
      (event instanceof HostEvent || !(isReservedEvent(event) || isTimer(event, entity)));
    const admitted = isPlain ? event : admit(event, { source, target: self, entity });
    const isReport = admitted === event && !isPlain;
    if (!isReport && isMachineBelow(source, self)) entity.childMessages.sent(event);
    deliver.call(self, admitted);
  };
  doors.set(self, door);
  // Actors of other systems come this way: xstate does not say who they are.
  actor._send = door;
  const stop = actor._stop;
  actor._stop = () => {
    entity.isToldToStop = true;
    return stop.call(self);
  };
  guardSystem(self.system as unknown as RelayingSystem, entity.deps.log);
}

/** Children, timers and parents are of the actor's own system. */
function guardSystem(system: RelayingSystem, log: Logger): void {
  if (guardedSystems.get(system) === true) return;
  guardedSystems.set(system, true);
  const inspect = system._sendInspectionEvent;
  // The message that is being inspected may be the answer of the journal: it must arrive.
  system._sendInspectionEvent = (event) => {
    try {
      inspect(event);
    } catch (err) {
      log.error({ err }, 'an inspector threw');
    }
  };
  const relay = system._relay;
  system._relay = (source, target, event) => {
    const door = doors.get(target);
    if (door === undefined) return relay(source, target, event);
    const inspected = { type: '@xstate.event', sourceRef: source, actorRef: target, event };
    system._sendInspectionEvent(inspected);
    door(event, source);
  };
}

/** The sender is a machine below the entity without a journal of its own: its snapshots hold it. */
function isMachineBelow(source: Source, entity: AnyActorRef): boolean {
  if (source === undefined) return false;
  const { logic } = source as unknown as { readonly logic: unknown };
  if (!(logic instanceof StateMachine)) return false;
  let above = source._parent;
  while (above !== undefined && above !== entity) above = above._parent;
  return above === entity;
}

interface Sending {
  readonly source: Source;
  readonly target: AnyActorRef;
  readonly entity: GuardedEntity;
}

/** The event is the very object of an armed timer. */
function isTimer(event: EventObject, { timers }: GuardedEntity): boolean {
  return timers.firedBy(event) !== undefined;
}

function admit(event: unknown, { source, target, entity }: Sending): unknown {
  if (!isEvent(event)) return new FromCaller(event);
  if (event instanceof HostEvent) return event;
  if (!isReservedEvent(event)) {
    return source !== target && isTimer(event, entity) ? new FromCaller(event) : event;
  }
  const isOwn =
    source === target
      ? event.type.startsWith(afterPrefix) && isTimer(event, entity)
      : source?._parent === target && isOfChild(event, source);
  return isOwn ? event : new FromCaller(event);
}

/** What xstate itself sends in the name of a child; a child may send the same type by hand. */
function isOfChild(event: EventObject, child: AnyActorRef): boolean {
  const { _doneEvent, _syncSnapshot } = child as unknown as ActorInternals;
  if (event === _doneEvent) return true;
  const snapshot = child.getSnapshot();
  const { error, snapshot: sent } = event as {
    readonly error?: unknown;
    readonly snapshot?: unknown;
  };
  switch (event.type) {
    case `xstate.error.actor.${child.id}`:
      if (snapshot.status !== 'error' || !Object.is(snapshot.error, error) || failed.has(child))
        return false;
      failed.add(child);
      return true;
    case `xstate.snapshot.${child.id}`:
      return _syncSnapshot === true && sent === snapshot;
    default:
      return false;
  }
}
